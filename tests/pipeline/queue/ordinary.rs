//! Nothing fails except the events themselves.

use std::time::Duration;

use local::sqs::EventSourceMappingOptions;
use serde::de::IgnoredAny;

use super::{Line, bodies_with_poison, expected};
use crate::account::assert_same;
use crate::servers::Server;

/// The sample, as far as SQS accepts it and a message is one event: no arrays, and no texts of
/// several lines or values.
fn sample() -> Vec<String> {
    let is_allowed = |char: char| !char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}');
    let texts = local::sample::demo().into_iter().filter_map(|event| String::from_utf8(event).ok());
    let texts = texts.filter(|text| (1..=1 << 20).contains(&text.len()));
    let single = texts.filter(|text| text.chars().all(is_allowed) && !text.trim().starts_with('['));
    let is_one = |text: &String| {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        let first = values.next();
        !matches!(first, Some(Ok(_))) || text[values.byte_offset()..].trim().is_empty()
    };
    single.filter(is_one).collect()
}

#[tokio::test]
async fn every_message_is_a_document_or_in_quarantine() {
    let server = Server::real_if_possible().await;
    let line = Line::new("ordinary", 3).await;
    let sent = sample();
    let expected = expected(&sent);
    assert!(expected.ids.len() > 4_000 && expected.quarantined.len() > 20);
    line.send(&sent).await;
    let function = line.function(&server).await;
    let options = EventSourceMappingOptions {
        batch_size: 500,
        batching_window: Duration::from_secs(1),
        ..EventSourceMappingOptions::new(&line.main)
    };
    let mapping = line.mapping_with(options, &function).await;
    let report = line.drained(&mapping).await;

    assert_eq!((report.deleted, report.failed), (sent.len() as u64, 0));
    assert_same(line.ids(&server).await, expected.ids);
    assert_same(line.quarantined().await, expected.quarantined);
    assert_eq!(line.count(&line.dead).await, 0);
}

#[tokio::test]
async fn poison_has_its_attributes_in_quarantine() {
    let server = Server::embedded().await;
    let line = Line::new("poison", 3).await;
    line.send(&bodies_with_poison(61, 1)).await;
    let function = line.function(&server).await;
    let mapping = line.mapping(&function).await;
    line.drained(&mapping).await;
    let quarantined = line.messages(&line.quarantine).await;
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0]["Body"], "{\"poison\": 0");
    let attribute =
        |name: &str| quarantined[0]["MessageAttributes"][name]["StringValue"].as_str().unwrap();
    assert_eq!(attribute("sluice.reason"), "invalid_json");
    assert_eq!(attribute("sluice.source_arn"), "arn:aws:sqs:us-east-1:123456789012:main");
    assert_eq!(attribute("sluice.position"), "0");
    assert_eq!(attribute("sluice.receive_count"), "1");
}
