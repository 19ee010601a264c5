//! The HTTP request in an event of a function URL or of API Gateway.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use serde::Deserialize;

/// A request, in payload format 2.0 or 1.0 (source: "Create AWS Lambda proxy integrations for HTTP
/// APIs", Amazon API Gateway Developer Guide; a function URL sends 2.0).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// In format 1.0.
    http_method: Option<String>,
    headers: Option<BTreeMap<String, Option<String>>>,
    #[serde(rename = "requestContext")]
    context: Context,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    /// In format 2.0.
    http: Option<Http>,
    /// In format 2.0.
    time_epoch: Option<u64>,
    /// In format 1.0.
    request_time_epoch: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

impl Request {
    /// Parses an event. `None` if it is not an HTTP request.
    pub(crate) fn parse(event: &[u8]) -> Option<Self> {
        let request: Self = serde_json::from_slice(event).ok()?;
        request.method()?;
        Some(request)
    }

    fn method(&self) -> Option<&str> {
        let http = self.context.http.as_ref().map(|http| &http.method);
        http.or(self.http_method.as_ref()).map(String::as_str)
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method() == Some("POST")
    }

    /// When the request arrived, in milliseconds since 1970.
    pub(crate) fn time_ms(&self) -> Option<u64> {
        self.context.time_epoch.or(self.context.request_time_epoch)
    }

    /// The values of a header. `name` is in lower case; that in the event may be in any case.
    pub(crate) fn header<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.iter().flatten();
        let named = headers.filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| value.as_deref()).map(str::trim)
    }

    /// The body's bytes. A body that should be base64 but is not is returned unchanged.
    pub(crate) fn body(&self) -> Vec<u8> {
        let body = self.body.as_deref().unwrap_or_default().as_bytes();
        let decoded = match self.is_base64_encoded {
            Some(true) => STANDARD.decode_to_vec(body).ok(),
            _ => None,
        };
        decoded.unwrap_or_else(|| body.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
    use aws_lambda_events::lambda_function_urls::LambdaFunctionUrlRequest;
    use serde_json::{Value, json};

    use super::*;

    fn parse(event: &Value) -> Option<Request> {
        Request::parse(event.to_string().as_bytes())
    }

    #[test]
    fn reads_both_payload_formats() {
        let second = json!({
            "version": "2.0", "rawPath": "/", "headers": {"X-Sluice-Secret": " s ", "host": "h"},
            "requestContext": {"http": {"method": "POST"}, "timeEpoch": 1_732_204_900_000_u64},
            "body": "a", "isBase64Encoded": false,
        });
        let first = json!({
            "version": "1.0", "httpMethod": "POST", "path": "/", "headers": {"x-SLUICE-secret": "s"},
            "requestContext": {"requestTimeEpoch": 1_732_204_900_000_u64},
            "body": "YQ==", "isBase64Encoded": true,
        });
        for event in [second, first] {
            let request = parse(&event).unwrap();
            assert!(request.is_post());
            assert_eq!(request.time_ms(), Some(1_732_204_900_000));
            assert_eq!(request.header("x-sluice-secret").collect::<Vec<_>>(), ["s"]);
            assert_eq!(request.header("authorization").next(), None);
            assert_eq!(request.body(), b"a");
        }
    }

    #[test]
    fn reads_what_users_of_lambda_in_rust_send() {
        let mut url = LambdaFunctionUrlRequest::default();
        url.request_context.http.method = Some("POST".to_owned());
        url.request_context.time_epoch = 7;
        url.body = Some("b".to_owned());
        let mut second = ApiGatewayV2httpRequest::default();
        second.request_context.http.method = "POST".parse().unwrap();
        second.request_context.time_epoch = 7;
        second.body = Some("b".to_owned());
        let mut first = ApiGatewayProxyRequest::default();
        first.http_method = "POST".parse().unwrap();
        first.request_context.request_time_epoch = 7;
        first.body = Some("b".to_owned());
        for event in [
            serde_json::to_value(url).unwrap(),
            serde_json::to_value(second).unwrap(),
            serde_json::to_value(first).unwrap(),
        ] {
            let request = parse(&event).unwrap_or_else(|| panic!("{event}"));
            let read = (request.is_post(), request.time_ms(), request.body());
            assert_eq!(read, (true, Some(7), b"b".to_vec()), "{event}");
        }
    }

    #[test]
    fn anything_else_is_not_a_request() {
        for event in [
            json!({}),
            json!(null),
            json!([]),
            json!({"Records": [{"Sns": {"Message": "a"}}]}),
            json!({"requestContext": {}}),
            json!({"requestContext": {"http": {"method": 7}}}),
            json!({"httpMethod": "POST"}),
            json!({"httpMethod": "POST", "requestContext": {}, "body": {"a": 1}}),
        ] {
            assert!(parse(&event).is_none(), "{event}");
        }
        assert!(Request::parse(b"\xff").is_none());
    }

    #[test]
    fn a_body_is_there_in_any_form() {
        let body = |body: Value, is_base64: Value| {
            let event = json!({"httpMethod": "POST", "requestContext": {}, "body": body, "isBase64Encoded": is_base64});
            parse(&event).unwrap().body()
        };
        assert_eq!(body(json!(null), json!(null)), b"");
        assert_eq!(body(json!("/w=="), json!(true)), b"\xff");
        assert_eq!(body(json!("{}"), json!(true)), b"{}");
    }
}
