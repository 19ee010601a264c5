//! Objects that are generated while they are read.

#![cfg(test)]

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use local::s3::Embedded;

#[tokio::test]
async fn a_generated_object_is_read_whole_and_in_ranges() {
    let s3 = Embedded::start().await.unwrap();
    // Chunks of two digits; the last one extends beyond the end.
    let digit = |at: usize| b'0' + u8::try_from(at % 10).unwrap();
    let chunks =
        move |start: usize| (start..).step_by(2).map(move |at| vec![digit(at), digit(at + 1)]);
    s3.put_generated("b", "k", 23, move |start| Box::new(chunks(start)), 0);
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    for (range, status, expected) in [
        (None, StatusCode::OK, "01234567890123456789012"),
        (Some("bytes=18-"), StatusCode::PARTIAL_CONTENT, "89012"),
        (Some("bytes=2-4"), StatusCode::PARTIAL_CONTENT, "234"),
    ] {
        let request = Request::get(format!("{}/b/k", s3.url()));
        let request = range.iter().fold(request, |request, range| request.header("range", *range));
        let answer = client.request(request.body(Empty::new()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{range:?}");
    }
}
