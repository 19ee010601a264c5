//! Answers to bulk requests.

use serde_json::Value;
use shared::event::Timestamp;
use shared::opensearch::{Answer, Bulk, Fate, Index, IndexPattern, Limits};

use crate::opinion::Opinion;

/// Ids as they are written: with an escape, equal to another one after unescaping, and chosen by
/// OpenSearch.
const IDS: [&str; 4] = ["a", r"b\u0062", "bb", ""];

/// An answer that consists of a status, in the first line, and a body. In the end each document has
/// one fate, and none counts as indexed unless the answer, as `serde_json` parses it, says so.
pub fn bulk_answers(answer: &[u8]) {
    let (status, body) = status_and_body(answer);
    let mut bulk = Bulk::default();
    let limits = Limits { bytes: 1_000_000, documents: 10 };
    let pattern = IndexPattern::parse("events-%Y.%m.%d").unwrap();
    for (at, id) in IDS.iter().enumerate() {
        let index = Index::Of(&pattern, Timestamp::YEAR_2000);
        assert!(bulk.add(limits, index, (b"{}", id.as_bytes()), (at, 0)));
    }
    bulk.seal();
    let said = Opinion::of(body);
    let mut fates = [const { None }; IDS.len()];
    let mut requests = 0;
    while let Some(pending) = bulk.pending() {
        requests += 1;
        assert!(requests < 2 * IDS.len());
        let first = pending[0].source;
        let reply = Ok(Answer { status, body: body.to_vec().into() });
        let _trouble = bulk.settle(&reply, |operation, document, fate| {
            assert_eq!(document, b"{}");
            check_fate(&fate, status, &said, operation.source - first, IDS[operation.source]);
            assert!(fates[operation.source].replace(fate).is_none());
        });
    }
    assert!(fates.iter().all(Option::is_some));
}

/// Status and body; without a status it is 200.
fn status_and_body(answer: &[u8]) -> (u16, &[u8]) {
    let line = answer.iter().position(|byte| *byte == b'\n');
    let status = line.and_then(|at| {
        let status = std::str::from_utf8(&answer[..at]).ok()?.parse().ok()?;
        Some((status, &answer[at + 1..]))
    });
    status.filter(|(status, _)| (100..1_000).contains(status)).unwrap_or((200, answer))
}

fn check_fate(fate: &Fate, status: u16, said: &Opinion, at: usize, id: &str) {
    let is_in_index = matches!(fate, Fate::Indexed | Fate::IndexedElsewhere | Fate::Duplicate);
    let is_success = (200..300).contains(&status);
    assert!(is_success || !is_in_index, "{fate:?} of {status}");
    let body = match said {
        Opinion::Value(body) => body,
        Opinion::Invalid => return assert!(!is_in_index, "{fate:?} of what is not JSON"),
        Opinion::BeyondLimits => return,
    };
    let item = &body["items"][at]["create"];
    let item_status = item["status"].as_u64().unwrap_or_default();
    let meaning: String = serde_json::from_str(&format!("\"{id}\"")).unwrap();
    let names_it = item["_id"] == *meaning || id.is_empty();
    match fate {
        Fate::Indexed => {
            assert!(names_it && (200..300).contains(&item_status) && item["error"].is_null());
        }
        Fate::IndexedElsewhere => {
            let elsewhere = item["_id"].as_str().is_some_and(|other| !other.is_empty());
            assert!(!names_it && elsewhere && (200..300).contains(&item_status));
        }
        Fate::Duplicate => assert_eq!(item_status, 409),
        Fate::Refused(reason) if is_success => {
            assert!(names_it && (400..500).contains(&item_status), "{reason:?}");
        }
        Fate::Refused(_) => assert!(status == 400 || status == 413),
        Fate::Retry(_) => {}
        Fate::SetUp(error, _) => {
            let kind = &item["error"]["type"];
            assert!(is_success && kind != &Value::Null, "{error:?}");
        }
    }
}
