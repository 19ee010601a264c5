//! Documents that are rejected permanently are in the backup, in the exact format of the S3
//! objects.
//!
//! Source of the format: Amazon Data Firehose developer guide, "Data transformation failure
//! handling" and "Handle data delivery failures".

use std::collections::BTreeSet;

use http::Method;
use local::opensearch::Fault;
use local::opensearch::embedded::{Lasting, Which};
use local::sample;
use serde_json::{Value, json};

use crate::account::{assert_same, data, found, pairs, undelivered};
use crate::backup::Failed;
use crate::events::{Document, documents};
use crate::run::{ARRIVAL_MS, Ended, Plan};
use crate::servers::Server;

const LAMBDA_ARN: &str =
    "arn:aws:lambda:us-east-1:123456789012:function:firehose-transform:$LATEST";

/// Documents of likes are rejected with status 400; the stream's clock stands still.
#[tokio::test]
async fn documents_of_status_400_are_in_the_backup_and_nowhere_else() {
    let server = Server::embedded().await;
    let like = "\"action\":\"like\"";
    let fault = Fault::Items { status: 400, which: Which::Containing(like.to_owned()) };
    server.faults().fail(fault, Lasting::UntilCleared);
    let plan = Plan::new("status-400").await;
    let function = plan.function(&[]).await;
    let pipeline = plan.start(&server.url, function).await;
    let payloads: Vec<_> = sample::events(51, 600).collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;

    let expected = documents(&payloads, ARRIVAL_MS);
    let (refused, taken): (Vec<_>, Vec<_>) =
        expected.into_iter().partition(|document| document.text.contains(like));
    assert!(refused.len() > 20, "{}", refused.len());
    assert_eq!(ended.report.delivery_requests, 1, "400 is never tried again");
    check_places(&ended, &refused, &taken);
    for failed in &ended.backup.undelivered {
        check_format(failed, "status-400", &ended);
        let reason = json!({"type": "mapper_parsing_exception", "reason": "failed to parse"});
        assert_eq!(error_message(failed), reason);
    }
}

/// Like a domain whose index has a mapping other than the template's.
#[tokio::test]
async fn documents_that_a_mapping_refuses_are_in_the_backup_and_nowhere_else() {
    let server = Server::real_if_possible().await;
    let properties = json!({"song": {"properties": {"duration_ms": {"type": "long"}}}});
    let template = json!({
        "index_patterns": ["music-events-strict*"],
        "priority": 200,
        "template": {"mappings": {"dynamic": false, "properties": properties}},
    });
    let body = Some(("application/json", template.to_string().into()));
    let path = "/_index_template/music-events-strict";
    let answer = server.client.send(Method::PUT, path, body).await.unwrap();
    assert_eq!(answer.status.as_u16(), 200);

    let plan = Plan::new("strict").await;
    let function = plan.function(&[]).await;
    let pipeline = plan.start(&server.url, function).await;
    let bad = |number: usize| number % 7 == 3;
    let payloads: Vec<Vec<u8>> = (0..70)
        .map(|number| {
            let duration = if bad(number) { "\"three minutes\"" } else { "215000" };
            let event = format!(
                r#"{{"event_id":"strict-{number}","type":"play","duration_ms":{duration}}}"#
            );
            event.into_bytes()
        })
        .collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;

    let expected = documents(&payloads, ARRIVAL_MS).into_iter().enumerate();
    let (refused, taken): (Vec<_>, Vec<_>) = expected.partition(|(number, _)| bad(*number));
    let [refused, taken] = [refused, taken]
        .map(|documents| documents.into_iter().map(|(_, document)| document).collect::<Vec<_>>());
    assert_eq!(refused.len(), 10);
    check_places(&ended, &refused, &taken);
    for failed in &ended.backup.undelivered {
        check_format(failed, "strict", &ended);
        assert_eq!(error_message(failed)["type"], "mapper_parsing_exception");
    }
}

fn check_places(ended: &Ended, refused: &[Document], taken: &[Document]) {
    assert_eq!((ended.report.dropped, ended.backup.unprocessed.len()), (0, 0));
    assert_same(undelivered(&ended.backup.undelivered), pairs(refused));
    assert_same(found(&ended.documents), pairs(taken));
}

/// Checks every field of a document's line, except the server's own message.
fn check_format(failed: &Failed, name: &str, ended: &Ended) {
    let id = failed.line["esDocumentId"].as_str().unwrap();
    let digits = id.strip_suffix(".0").unwrap();
    assert!(digits.len() == 56 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let taken = ended.documents.iter().any(|stored| stored.id == id);
    assert!(!taken, "{id} is in the index, too");
    let expected = json!({
        "attemptsMade": 1,
        "arrivalTimestamp": ARRIVAL_MS,
        "errorCode": "400",
        "errorMessage": failed.line["errorMessage"],
        "attemptEndingTimestamp": ARRIVAL_MS,
        "esDocumentId": id,
        "esIndexName": format!("music-events-{name}-2024-03-01"),
        "esTypeName": "",
        "rawData": base64_simd::STANDARD.encode_to_string(&failed.data),
    });
    assert_eq!(failed.line, expected);
    assert_object(failed, "AmazonOpenSearchService_failed");
}

/// Checks the name of the object, except its random end.
fn assert_object(failed: &Failed, prefix: &str) {
    let start = format!("{prefix}/2024/03/01/12/music-1-2024-03-01-12-34-56-");
    let random = failed.object.strip_prefix(&start).unwrap_or_else(|| panic!("{}", failed.object));
    assert_eq!(random.len(), 36, "{random}");
}

fn error_message(failed: &Failed) -> Value {
    serde_json::from_str(failed.line["errorMessage"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn refused_records_are_in_the_backup_as_they_were_sent() {
    let server = Server::embedded().await;
    let plan = Plan::new("refused-records").await;
    let function = plan.function(&[]).await;
    let pipeline = plan.start(&server.url, function).await;
    let good: Vec<_> = sample::events(52, 30).collect();
    let refused = [
        &b"{\"type\":\"play\",\"artist\":\"Caf\xe9\"}"[..],
        b"\x00\x01\xfe\xff",
        b"{\"type\":\"play\"}{\"type\":\"play\"}\n",
        b" [1, 2]\r\n",
        b"not JSON",
        b"{\"song\":\"\\ud800\"}",
    ];
    let refused: Vec<Vec<u8>> = refused.iter().map(|payload| payload.to_vec()).collect();
    for (number, payload) in good.iter().enumerate() {
        pipeline.put(std::slice::from_ref(payload)).await;
        pipeline.put(refused.get(number).map_or(&[], std::slice::from_ref)).await;
    }
    let ended = pipeline.end(&server).await;

    assert_same(found(&ended.documents), pairs(&documents(&good, ARRIVAL_MS)));
    let lines = &ended.backup.unprocessed;
    assert_eq!(data(lines), refused, "in the order of their arrival");
    assert_eq!(lines.iter().map(|failed| &failed.object).collect::<BTreeSet<_>>().len(), 1);
    for (failed, payload) in lines.iter().zip(&refused) {
        let expected = json!({
            "attemptsMade": 1,
            "arrivalTimestamp": ARRIVAL_MS,
            "errorCode": "Lambda.ProcessingFailedStatus",
            "errorMessage": "ProcessingFailed status set for record",
            "attemptEndingTimestamp": ARRIVAL_MS,
            "rawData": base64_simd::STANDARD.encode_to_string(payload),
            "lambdaArn": LAMBDA_ARN,
        });
        assert_eq!(failed.line, expected);
        assert_object(failed, "processing-failed");
    }
    assert_eq!((ended.report.dropped, ended.report.invocation_failed), (0, 0));
}
