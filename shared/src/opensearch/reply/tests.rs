use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::event::Timestamp;
use crate::opensearch::{Index, IndexPattern, Limits};

/// A request of documents with these ids, as JSON writes them.
fn bulk(ids: &[&str]) -> Bulk {
    let mut bulk = Bulk::default();
    let index = IndexPattern::parse("events").unwrap();
    for id in ids {
        let document = format!("\"{id}\"");
        let limits = Limits { bytes: usize::MAX, documents: usize::MAX };
        let index = Index::Of(&index, Timestamp::YEAR_2000);
        assert!(bulk.add(limits, index, (document.as_bytes(), id.as_bytes()), (0, 0)));
    }
    bulk.seal();
    bulk
}

fn judge_answer(status: u16, body: impl Into<Bytes>, bulk: &Bulk) -> Verdict {
    judge(&Ok(Answer { status, body: body.into() }), bulk)
}

fn judged(ids: &[&str], body: &str) -> Verdict {
    judge_answer(200, body.to_owned(), &bulk(ids))
}

/// The fates of documents under an answer with these items: `a`, `b` and `c`.
fn fates(items: &Value) -> Vec<Fate> {
    let body = json!({"took": 3, "errors": true, "items": items}).to_string();
    match judged(&["a", "b", "c"], &body) {
        Verdict::Items(fates) => fates,
        other => panic!("{other:?}"),
    }
}

fn created(id: &str) -> Value {
    json!({"create": {"_index": ".ds-events-000001", "_id": id, "status": 201, "result": "created"}})
}

const ODD: Fate = Fate::Retry(Retry::OddAnswer);

#[test]
fn each_document_has_the_fate_that_its_item_tells() {
    for (status, fate) in [
        (200, Fate::Indexed),
        (201, Fate::Indexed),
        (409, Fate::Duplicate),
        (401, Fate::Retry(Retry::Denied)),
        (403, Fate::Retry(Retry::Denied)),
        (404, Fate::Retry(Retry::NoIndex)),
        (429, Fate::Retry(Retry::Throttled)),
        (500, Fate::Retry(Retry::Unavailable)),
        (503, Fate::Retry(Retry::Unavailable)),
        (599, Fate::Retry(Retry::Unavailable)),
        (100, ODD),
        (302, ODD),
        (600, ODD),
        (0, ODD),
    ] {
        let item = json!({"create": {"_id": "b", "status": status}});
        let expected = [Fate::Indexed, fate, Fate::Indexed];
        assert_eq!(fates(&json!([created("a"), item, created("c")])), expected, "{status}");
    }
}

#[test]
fn a_refusal_has_opensearchs_own_type_and_reason() {
    let refused = |status: u16, error: Value| {
        let item = json!({"create": {"_id": "a", "status": status, "error": error}});
        let [fate, ..] = &fates(&json!([item]))[..] else { panic!("no fate") };
        let Fate::Refused(Reason { code, detail, .. }) = fate else { panic!("{fate:?}") };
        (code.clone().into_owned(), detail.clone().into_owned())
    };
    let error = json!({"type": "mapper_parsing_exception", "reason": "failed to parse",
        "caused_by": {"type": "illegal_argument_exception", "reason": "For input: \"x\""}});
    let expected = ("mapper_parsing_exception", "failed to parse: For input: \"x\"");
    assert_eq!(refused(400, error), (expected.0.to_owned(), expected.1.to_owned()));
    for (status, error) in [
        (400, json!("an old server's text")),
        (400, json!({"reason": "no type"})),
        (422, json!(null)),
        (413, json!(null)),
    ] {
        let expected = format!("OpenSearch refuses the document ({status})");
        assert_eq!(refused(status, error), ("refused".to_owned(), expected));
    }
    let (_, detail) = refused(400, json!({"type": "parse_exception", "reason": "é".repeat(2_000)}));
    assert_eq!(detail, "é".repeat(512));
}

#[test]
fn an_error_that_is_not_about_the_document_does_not_refuse_it() {
    let fate = |status: u16, error: Value| {
        let item = json!({"create": {"_id": "a", "status": status, "error": error}});
        fates(&json!([item])).remove(0)
    };
    let set_up = |error_type: &str, reason: &str| {
        let error = KnownError::find(error_type, reason).unwrap_or(&UNKNOWN);
        Fate::SetUp(error, error_type.to_owned())
    };
    for (status, error_type, reason) in [
        (400, "validation_exception", "this cluster currently has [9]/[9] maximum shards open;"),
        (400, "index_closed_exception", "closed"),
        (400, "some_exception", "r"),
        (422, "some_exception", "r"),
        (403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];"),
        (429, "cluster_block_exception", "index has read-only-allow-delete block"),
    ] {
        let error = json!({"type": error_type, "reason": reason});
        assert_eq!(fate(status, error), set_up(error_type, reason), "{reason}");
    }
    // The reason in the cause is also used.
    let caused = json!({"type": "illegal_argument_exception", "reason": "creation failed",
        "caused_by": {"reason": "this cluster currently has [9]/[9] maximum shards open;"}});
    assert!(matches!(fate(400, caused), Fate::SetUp(KnownError { name: "shard_limit", .. }, _)));
    for odd in ["Not a name!", "", &"x".repeat(129)] {
        let error = json!({"type": odd, "reason": "r"});
        assert_eq!(fate(400, error), Fate::SetUp(&UNKNOWN, "refused".to_owned()));
    }
    // For other statuses, the status takes precedence over a known error.
    let closed = || json!({"type": "index_closed_exception", "reason": "closed"});
    assert_eq!(fate(404, closed()), Fate::Retry(Retry::NoIndex));
    assert_eq!(fate(503, closed()), Fate::Retry(Retry::Unavailable));
    let denied = json!({"type": "security_exception", "reason": "no permissions"});
    assert_eq!(fate(403, denied), Fate::Retry(Retry::Denied));
    let busy = json!({"type": "rejected_execution_exception", "reason": "queue"});
    assert_eq!(fate(429, busy), Fate::Retry(Retry::Throttled));
}

#[test]
fn a_refusal_may_have_advice() {
    let refused = |reason: &str| {
        let error = json!({"type": "illegal_argument_exception", "reason": reason});
        match fates(&json!([{"create": {"_id": "a", "status": 400, "error": error}}])).remove(0) {
            Fate::Refused(Reason { advice, .. }) => advice,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused("Limit of total fields [1000] has been exceeded").contains("MAPPING"));
    assert!(refused("Document contains at least one immense term in").contains("ignore_above"));
}

#[test]
fn a_document_may_be_written_under_an_id_that_a_pipeline_chose() {
    for (item, fate) in [
        (json!({"_id": "pipeline-1", "status": 201}), Fate::IndexedElsewhere),
        (json!({"_id": "pipeline-1", "status": 200}), Fate::IndexedElsewhere),
        (json!({"_id": "pipeline-1", "status": 409}), Fate::Duplicate),
        (json!({"_id": "pipeline-1", "status": 400, "error": {"type": "parse_exception"}}), ODD),
        (json!({"_id": "pipeline-1", "status": 201, "error": {"type": "x"}}), ODD),
        (json!({"_id": "pipeline-1", "status": 503}), ODD),
    ] {
        let items = json!([created("a"), {"create": item}, created("c")]);
        assert_eq!(fates(&items), [Fate::Indexed, fate, Fate::Indexed], "{item}");
    }
}

#[test]
fn an_item_is_believed_only_if_it_names_its_document() {
    for odd in [
        json!({"create": {"_id": "c", "status": 201}}),
        json!({"create": {"status": 201}}),
        json!({"create": {"_id": null, "status": 201}}),
        json!({"create": {"_id": ["b"], "status": 201}}),
        json!({"create": {"_id": "b"}}),
        json!({"create": {"_id": "b", "status": "201"}}),
        json!({"create": {"_id": "b", "status": 201.0}}),
        json!({"create": {"_id": "b", "status": null}}),
        json!({"create": {"_id": "b", "status": -201}}),
        json!({"create": {"_id": "b", "status": 99_999_999_999_u64}}),
        json!({"create": {"_id": "b", "status": 201, "error": {"type": "t"}}}),
        json!({"index": {"_id": "b", "status": 201}}),
        json!({"create": "b"}),
        json!({}),
        json!("b"),
        json!(null),
        json!([]),
    ] {
        let expected = [Fate::Indexed, ODD, Fate::Indexed];
        assert_eq!(fates(&json!([created("a"), odd, created("c")])), expected, "{odd}");
    }
}

#[test]
fn what_is_sent_without_an_id_has_that_of_opensearch() {
    let body = r#"{"items":[{"create":{"_id":"x","status":201}},{"create":{"status":201}},
        {"create":{"_id":"z","status":429}},{"index":{"_id":"y","status":201}}]}"#;
    let throttled = Fate::Retry(Retry::Throttled);
    let expected = Verdict::Items(vec![Fate::Indexed, Fate::Indexed, throttled, ODD]);
    assert_eq!(judged(&["", "", "", ""], body), expected);
}

#[test]
fn items_are_matched_by_their_place() {
    // The same items in another order name the wrong documents.
    assert_eq!(
        fates(&json!([created("b"), created("a"), created("c")])),
        [ODD, ODD, Fate::Indexed]
    );
    assert_eq!(fates(&json!([created("a"), created("b")])), [Fate::Indexed, Fate::Indexed, ODD]);
    assert_eq!(fates(&json!([])), [ODD, ODD, ODD]);
    let more = json!([created("a"), created("b"), created("c"), created("d")]);
    assert_eq!(fates(&more), [Fate::Indexed, Fate::Indexed, Fate::Indexed]);
    // If there are too few or too many items, one under another id may be about any document.
    let pipelines = || json!({"create": {"_id": "pipeline-1", "status": 201}});
    assert_eq!(fates(&json!([pipelines(), created("b")])), [ODD, Fate::Indexed, ODD]);
    let more = json!([pipelines(), created("b"), created("c"), pipelines()]);
    assert_eq!(fates(&more), [ODD, Fate::Indexed, Fate::Indexed]);
    let two = json!({"items": [pipelines(), pipelines()]}).to_string();
    assert_eq!(judged(&[""], &two), Verdict::Items(vec![ODD]));
}

#[test]
fn ids_are_compared_by_what_they_mean() {
    let body = r#"{"items":[{"create":{"_id":"\u00e9/\"","status":201}}]}"#;
    let expected = Verdict::Items(vec![Fate::Indexed]);
    assert_eq!(judged(&[r#"é\/\""#], body), expected);
    assert_eq!(judged(&[r#"\u00E9/\""#], body), expected);
    assert_eq!(judged(&["e"], body), Verdict::Items(vec![Fate::IndexedElsewhere]));
    assert_eq!(judged(&["e", r#"é\/\""#], body), Verdict::Items(vec![ODD, ODD]));
}

#[test]
fn what_is_no_answer_to_a_bulk_request_means_nothing() {
    let whole = json!({"items": [created("a")]}).to_string();
    assert_eq!(judged(&["a"], &whole), Verdict::Items(vec![Fate::Indexed]));
    let expected = Verdict::Retry(Retry::OddAnswer, Trouble::NotOpenSearch(200));
    for length in 0..whole.len() {
        assert_eq!(judged(&["a"], &whole[..length]), expected, "{length}");
    }
    for body in [
        "<html><body>Welcome to nginx!</body></html>",
        "{}",
        "[]",
        "null",
        r#"{"took":1,"errors":false}"#,
        r#"{"items":{}}"#,
        r#"{"items":null}"#,
        &format!("{whole}x"),
    ] {
        assert_eq!(judged(&["a"], body), expected, "{body}");
    }
    let not_text = [whole.as_bytes(), b"\xff"].concat();
    assert_eq!(judge_answer(200, not_text, &bulk(&["a"])), expected);
}

#[test]
fn a_whole_answer_tells_by_its_status() {
    let error =
        |code: &str| json!({"error": {"type": code, "reason": "r"}, "status": 1}).to_string();
    let whole = |status, body: String| judge_answer(status, body, &bulk(&["a", "b"]));
    for (status, retry) in [
        (401, Retry::Denied),
        (403, Retry::Denied),
        (429, Retry::Throttled),
        (500, Retry::Unavailable),
        (502, Retry::Unavailable),
        (503, Retry::Unavailable),
        (404, Retry::Rejected),
        (405, Retry::Rejected),
        (415, Retry::Rejected),
        (301, Retry::Rejected),
    ] {
        let named = Trouble::Status(status, Some("some_exception".to_owned()));
        let verdict = whole(status, error("some_exception"));
        assert_eq!(verdict, Verdict::Retry(retry, named), "{status}");
        let verdict = whole(status, "<html>".to_owned());
        assert_eq!(verdict, Verdict::Retry(retry, Trouble::Status(status, None)), "{status}");
    }
    assert!(
        matches!(whole(413, String::new()), Verdict::Halve(reason) if reason.code == "document_too_large")
    );
    let Verdict::Halve(reason) = whole(400, error("illegal_argument_exception")) else { panic!() };
    assert_eq!((&*reason.code, &*reason.detail), ("illegal_argument_exception", "r"));
    assert!(
        matches!(whole(400, String::new()), Verdict::Halve(reason) if reason.code == "bad_request")
    );
    // An error about the configuration is about every document, however few they are.
    let shards = "this cluster currently has [9]/[9] maximum shards open;";
    for (status, error_type, reason, name) in [
        (400, "validation_exception", shards, "shard_limit"),
        (
            403,
            "cluster_block_exception",
            "[FORBIDDEN/12/index read-only / allow delete (api)]",
            "disk_full",
        ),
        (429, "cluster_block_exception", "index has read-only-allow-delete block", "disk_full"),
    ] {
        let body = json!({"error": {"type": error_type, "reason": reason}, "status": status});
        let Verdict::Retry(retry, trouble) = whole(status, body.to_string()) else { panic!() };
        assert_eq!(retry.reason(), name);
        assert_eq!(trouble, Trouble::Status(status, Some(error_type.to_owned())));
    }
    // A proxy that never asked OpenSearch.
    let page = "\n<html>The plain HTTP request was sent to HTTPS port</html>".to_owned();
    let expected = Verdict::Retry(Retry::Rejected, Trouble::NotOpenSearch(400));
    assert_eq!(whole(400, page), expected);
}

#[test]
fn no_answer_is_no_answer() {
    let error = Error::BrokenAnswer("cut".to_owned());
    let verdict = judge(&Err(error.clone()), &bulk(&["a"]));
    assert_eq!(verdict, Verdict::Retry(Retry::NoAnswer, Trouble::NoAnswer(error)));
}
