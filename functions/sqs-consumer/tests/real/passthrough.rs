//! Documents that are unchanged events, with their index template on a real OpenSearch: which can
//! be found, and which are rejected one by one.

use local::opensearch::PASSTHROUGH_TEMPLATE;
use serde_json::json;

use super::refusals::{Scene, assert_reason};
use crate::redelivered;
use crate::support::event::{event, message};

/// The index for the day of [`event_of`].
const INDEX: &str = "events-2024.03.01";

const PARSING: &str = "mapper_parsing_exception";
const ARGUMENT: &str = "illegal_argument_exception";

fn event_of(members: &str) -> String {
    format!(r#"{{"ts":1709296496789,{members}}}"#)
}

/// Nested objects, of which the event is the first.
fn levels(count: usize) -> String {
    format!(r#""l{count}":{}1{}"#, r#"{"l":"#.repeat(count - 1), "}".repeat(count - 1))
}

/// Members that are accepted, in this order.
fn accepted() -> Vec<String> {
    let members = [
        r#""text":"one","number":1,"flag":true,"group":{"text":"in","numbers":[1,2.5]}"#,
        // Other types in the same fields.
        r#""text":5,"number":"many","flag":"yes","group":{"text":false,"numbers":["a",1,null]}"#,
        r#""text":true,"number":true,"flag":1.5,"group":{}"#,
        r#""text":null,"number":null,"flag":[],"group":null"#,
        r#""number":123456789012345678901234567890"#,
        r#""number":1e400"#,
        r#""number":0.25,"whole":1"#,
        r#""whole":0.75"#,
        r#""day":"2024-03-01","digits":"17""#,
        r#""day":"soon","digits":"many""#,
        r#""a.":1,"x.y":2,"nested":{"_id":3,"_source":4}"#,
        r#""@timestamp":"soon""#,
        r#""list":[{"a":1},{"a":2.5,"b":[[2]]}]"#,
    ];
    let long = format!(r#""long":"{}""#, "x".repeat(40_000));
    members.map(str::to_owned).into_iter().chain([long, levels(20)]).collect()
}

/// Members that are rejected, each with its error.
fn refused() -> Vec<(String, &'static str)> {
    let many = (0..1_001).map(|at| format!(r#""k{at}":{at}"#)).collect::<Vec<_>>().join(",");
    let members = [
        // An object in one document, and not in another.
        (r#""text":{"a":1}"#, PARSING),
        (r#""group":"a""#, PARSING),
        (r#""x":1"#, PARSING),
        (r#""mixed":[{"a":1},2]"#, ARGUMENT),
        // Names that are empty, or have an empty part before a dot.
        (r#""":1"#, PARSING),
        (r#"".a":1"#, PARSING),
        (r#""a..b":1"#, PARSING),
        (r#"".":1"#, PARSING),
        (r#""in":{"":1}"#, PARSING),
        (r#""in":{" ":1}"#, ARGUMENT),
        // Metadata.
        (r#""_id":"a""#, PARSING),
        (r#""_source":{"a":1}"#, PARSING),
        (r#""_index":"a""#, PARSING),
        (r#""_routing":"a""#, PARSING),
    ];
    let members = members.map(|(members, error)| (members.to_owned(), error));
    members.into_iter().chain([(levels(21), PARSING), (many, ARGUMENT)]).collect()
}

/// Checks the members; each event is in its own message.
pub(super) async fn check(scene: &Scene, seen: &mut usize) {
    scene.client.put_index_template("events", PASSTHROUGH_TEMPLATE).await.unwrap();
    let mut function = scene.function("events-%Y.%m.%d", "passthrough").await;
    let accepted = accepted();
    for members in &accepted {
        let observed = function.invoke(event(&[message("m0", &event_of(members))])).await;
        assert_eq!(redelivered(&observed), [""; 0], "{members}");
        assert_eq!(observed.metrics()["DocumentsIndexed"], 1, "{members}: {:?}", observed.stderr);
    }
    let refused = refused();
    for (at, (members, error)) in refused.iter().enumerate() {
        // The event next to it is written.
        let beside = message("m1", &event_of(&format!(r#""beside":{at}"#)));
        let messages = [message("m0", &event_of(members)), beside];
        let observed = function.invoke(event(&messages)).await;
        assert_eq!(redelivered(&observed), [""; 0], "{members}");
        assert_reason(&observed, error, "", members);
        assert_eq!(scene.quarantined(seen), [*error], "{members}");
    }
    // A field that another document may still map is retried.
    let list = [message("m0", &event_of(r#""new":["a",1]"#))];
    let observed = function.invoke(event(&list)).await;
    assert_eq!(redelivered(&observed), ["m0"]);
    assert_reason(&observed, "field_type_conflict", "index template", "a list");
    function.invoke(event(&[message("m1", &event_of(r#""new":"a""#))])).await;
    assert_eq!(redelivered(&function.invoke(event(&list)).await), [""; 0]);

    scene.client.refresh(INDEX).await.unwrap();
    let written = (accepted.len() + refused.len() + 2) as u64;
    assert_eq!(scene.client.count(INDEX).await.unwrap(), written);
    for (query, found) in [
        (json!({"term": {"text": "one"}}), 1),
        (json!({"term": {"text": "5"}}), 1),
        (json!({"term": {"flag": "true"}}), 1),
        (json!({"term": {"group.text": "in"}}), 1),
        (json!({"range": {"group.numbers": {"gt": 2, "lt": 3}}}), 1),
        // A decimal after a whole number is not truncated.
        (json!({"range": {"whole": {"gt": 0.5, "lt": 0.9}}}), 1),
        (json!({"term": {"day": "2024-03-01"}}), 1),
        (json!({"exists": {"field": "long"}}), 0),
        (json!({"term": {"@timestamp_original": "soon"}}), 1),
        (json!({"term": {"@timestamp": "2024-03-01T12:34:56.789Z"}}), written),
    ] {
        // Without the documents, because some contain numbers that are too large for a `Value`.
        let query = json!({"query": query, "size": 0});
        let answer = scene.client.search(INDEX, &query).await.unwrap();
        assert_eq!(answer.body()["hits"]["total"]["value"], json!(found), "{query}");
    }
}
