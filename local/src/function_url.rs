//! A function URL: a server that invokes a function with each request and returns its response.
//!
//! Source: "Invoking Lambda function URLs" (payload format 2.0), AWS Lambda Developer Guide.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use base64_simd::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::runtime_api::Function;
use crate::server::{self, Embedded, read_body};

/// Maximum size of a request to a function URL.
const REQUEST_BYTES: usize = 6 << 20;

/// A running function URL. Dropping it closes its port.
pub type FunctionUrl = Embedded<Function>;

impl FunctionUrl {
    /// Starts the URL of a function.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(function: Function) -> io::Result<Self> {
        Self::open(|_| function, async |function, request| Ok(answer(&function, request).await))
            .await
    }
}

async fn answer(function: &Arc<Function>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Ok(body) = read_body(body, REQUEST_BYTES).await else {
        return server::response(StatusCode::PAYLOAD_TOO_LARGE, "application/json", "{}");
    };
    let answered = function.invoke(event(&head, &body).to_string()).await;
    let answered = answered.ok().and_then(|it| serde_json::from_slice::<Value>(&it.body).ok());
    let Some(answered) = answered else {
        return server::response(StatusCode::BAD_GATEWAY, "text/plain", "Internal Server Error");
    };
    // An answer that is not a response is the body of one.
    let status = answered["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let (status, body) = match (status, answered["body"].as_str()) {
        (Some(status), body) => (status, body.unwrap_or_default().to_owned()),
        (None, _) => (StatusCode::OK, answered.to_string()),
    };
    server::response(status, "application/json", body)
}

/// The event. The body is text only if its content type says so, otherwise base64.
fn event(head: &Parts, body: &[u8]) -> Value {
    let header = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: BTreeMap<_, _> =
        head.headers.iter().map(|(name, value)| (name.as_str(), header(value))).collect();
    let content_type = head.headers.get(CONTENT_TYPE).map(header).unwrap_or_default();
    let text = std::str::from_utf8(body).ok().filter(|_| {
        content_type.starts_with("text/")
            || ["application/json", "application/xml", "application/javascript"]
                .iter()
                .any(|kind| content_type.starts_with(kind))
    });
    let encoded = || STANDARD.encode_to_string(body);
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": head.uri.path(),
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "http": {"method": head.method.as_str(), "path": head.uri.path(), "protocol": "HTTP/1.1"},
            "requestId": Uuid::new_v4(),
            "timeEpoch": shared::time::now().milliseconds(),
        },
        "body": text.map_or_else(encoded, str::to_owned),
        "isBase64Encoded": text.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(content_type: Option<&str>) -> Parts {
        let request = Request::post("/hook?a=b").header("X-Sluice-Secret", "hush");
        let request =
            content_type.into_iter().fold(request, |it, kind| it.header(CONTENT_TYPE, kind));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_body_is_text_where_its_type_says_so() {
        for (kind, body, is_base64) in [
            (Some("application/json; charset=utf-8"), "{}", false),
            (Some("text/plain"), "{}", false),
            (Some("application/octet-stream"), "e30=", true),
            (None, "e30=", true),
        ] {
            let event = event(&parts(kind), b"{}");
            assert_eq!(
                (&event["body"], &event["isBase64Encoded"]),
                (&json!(body), &json!(is_base64))
            );
            assert_eq!(event["headers"]["x-sluice-secret"], "hush");
            assert_eq!(
                (&event["rawPath"], &event["rawQueryString"]),
                (&json!("/hook"), &json!("a=b"))
            );
            assert_eq!(event["requestContext"]["http"]["method"], "POST");
        }
        assert_eq!(event(&parts(Some("text/plain")), b"\xff")["body"], "/w==");
    }
}
