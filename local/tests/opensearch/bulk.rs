//! A table of bulk requests, with which both servers are checked.

use crate::servers;
use bytes::Bytes;
use local::opensearch::Client;
use local::opensearch::client::Answer;
use serde_json::Value;

const INDEX: &str = "music-events-bulk";

/// An index without a template.
const PLAIN: &str = "plain-bulk";

const DOCUMENT: &str = r#"{"artist":{"id":"a"}}"#;

/// A request and its expected answer: the statuses and error types of the items, or those of the
/// whole request.
struct Case {
    name: &'static str,
    body: Bytes,
    expected: String,
}

fn case(name: &'static str, body: impl Into<Bytes>, expected: impl Into<String>) -> Case {
    Case { name, body: body.into(), expected: expected.into() }
}

fn line(operation: &str, id: &str, document: &str) -> String {
    format!("{{\"{operation}\":{{\"_index\":\"{INDEX}\",\"_id\":\"{id}\"}}}}\n{document}\n")
}

fn index(id: &str, document: &str) -> String {
    line("index", id, document)
}

fn create(id: &str, document: &str) -> String {
    line("create", id, document)
}

fn action(action: &str) -> String {
    format!("{action}\n{DOCUMENT}\n")
}

fn operations() -> Vec<Case> {
    vec![
        case("create", create("1", DOCUMENT), "create 201"),
        case("create again", create("1", DOCUMENT), "create 409 version_conflict_engine_exception"),
        case("index again", index("1", DOCUMENT), "index 200"),
        case("index", index("2", DOCUMENT), "index 201"),
        case(
            "one id three times in a request",
            create("3", DOCUMENT) + &create("3", DOCUMENT) + &index("3", DOCUMENT),
            "create 201, create 409 version_conflict_engine_exception, index 200",
        ),
        case("no id", action(&format!(r#"{{"index":{{"_index":"{INDEX}"}}}}"#)), "index 201"),
        case(
            "null for an id",
            action(&format!(r#"{{"create":{{"_index":"{INDEX}","_id":null}}}}"#)),
            "create 201",
        ),
        case("an empty id", index("", DOCUMENT), "index 400 illegal_argument_exception"),
        case(
            "one of three is refused",
            index("5", DOCUMENT) + &index("6", r#"{"artist":1}"#) + &index("7", DOCUMENT),
            "index 201, index 400 mapper_parsing_exception, index 201",
        ),
        case(
            "an unknown index is made",
            action(&format!(r#"{{"index":{{"_index":"{INDEX}-new"}}}}"#)),
            "index 201",
        ),
        case(
            "no template, so any type",
            format!(
                "{{\"index\":{{\"_index\":\"{PLAIN}\"}}}}\n{{\"@timestamp\":\"yesterday\",\"extra\":\"x\"}}\n"
            ),
            "index 201",
        ),
        case(
            "an upper-case index",
            action(r#"{"index":{"_index":"Music"}}"#),
            "index 400 invalid_index_name_exception",
        ),
        case(
            "a pattern for an index",
            action(r#"{"index":{"_index":"music*"}}"#),
            "index 400 invalid_index_name_exception",
        ),
        case(
            "an empty index",
            action(r#"{"index":{"_index":""}}"#),
            "index 400 invalid_index_name_exception",
        ),
    ]
}

fn malformed() -> Vec<Case> {
    let illegal = "400 illegal_argument_exception";
    vec![
        case("empty", "", "400 parse_exception"),
        case("an empty line", "\n", "400 action_request_validation_exception"),
        case("no newline at the end", index("9", DOCUMENT).trim_end().to_owned(), illegal),
        case(
            "empty lines before actions",
            format!("\n{}\n\n{}", index("9", DOCUMENT), index("9", DOCUMENT)),
            "index 201, index 200",
        ),
        case("an empty line for a document", index("9", ""), "index 400 mapper_parsing_exception"),
        case("an action that is a list", action("[]"), illegal),
        case("an action without an operation", action("{}"), illegal),
        case("an unknown operation", action(r#"{"upsert":{}}"#), illegal),
        case("an operation that is not an object", action(r#"{"index":"x"}"#), illegal),
        case("an unknown parameter", action(r#"{"index":{"_index":"a","colour":1}}"#), illegal),
        case("an object for an id", action(r#"{"index":{"_index":"a","_id":{}}}"#), illegal),
        case(
            "a newline inside a document refuses the request",
            index("10", "{\"a\":1,\n\"b\":2}"),
            illegal,
        ),
        case(
            "a wrong second action refuses the first",
            index("10", DOCUMENT) + &action("[]"),
            illegal,
        ),
        case("nothing of them was done", create("10", DOCUMENT), "create 201"),
    ]
}

/// Documents, and whether they are accepted.
fn documents() -> Vec<Case> {
    let long_number = "9".repeat(1_001);
    let number = "9".repeat(1_000);
    let time = |time: &str| format!(r#"{{"@timestamp":"{time}"}}"#);
    let taken = [
        ("empty object", "{}".to_owned()),
        ("4 fraction digits", r#"{"@timestamp":"2024-03-01T12:34:56.1234Z"}"#.to_owned()),
        ("5 fraction digits", r#"{"@timestamp":"2024-03-01T12:34:56.12345Z"}"#.to_owned()),
        ("7 fraction digits", r#"{"@timestamp":"2024-03-01T12:34:56.1234567Z"}"#.to_owned()),
        ("8 fraction digits", r#"{"@timestamp":"2024-03-01T12:34:56.12345678Z"}"#.to_owned()),
        ("9 fraction digits", r#"{"@timestamp":"2024-03-01T12:34:56.123456789Z"}"#.to_owned()),
        ("the end of time", r#"{"@timestamp":"2262-04-11T23:47:16.854775807Z"}"#.to_owned()),
        ("null for a time", r#"{"@timestamp":null}"#.to_owned()),
        ("text for a number", r#"{"song":{"duration_ms":"x"}}"#.to_owned()),
        ("1e400 for a number", r#"{"song":{"duration_ms":1e400}}"#.to_owned()),
        ("1,000 digits", format!(r#"{{"song":{{"duration_ms":{number}}}}}"#)),
        ("a number for text", r#"{"artist":{"id":1.50}}"#.to_owned()),
        ("a long text", format!(r#"{{"artist":{{"id":"{}"}}}}"#, "x".repeat(40_000))),
        ("null for a group", r#"{"artist":null,"extra":null}"#.to_owned()),
        ("a list of groups", r#"{"artist":[{"id":"a"},{"id":"b"}]}"#.to_owned()),
        ("a list of extras", r#"{"extra":[{"a":1}]}"#.to_owned()),
        (
            "strange keys in extra",
            r#"{"extra":{"":1,".":{"":[[]]},"a..b":null,"_id":1}}"#.to_owned(),
        ),
        ("text for overflow", r#"{"overflow":"x"}"#.to_owned()),
        ("strange keys in overflow", r#"{"overflow":{"":1,"..":[{"":null}]}}"#.to_owned()),
        ("an unknown group", r#"{"elsewhere":{"":[[1,"x",{}]]}}"#.to_owned()),
    ];
    let refused = [
        ("a list", "[1]".to_owned()),
        ("a number", "1".to_owned()),
        ("a text", "\"x\"".to_owned()),
        ("null", "null".to_owned()),
        ("broken", "{".to_owned()),
        ("two objects", "{} {}".to_owned()),
        ("a key twice", r#"{"a":1,"a":2}"#.to_owned()),
        ("a key twice, inside overflow", r#"{"overflow":{"b":[{"a":1,"\u0061":2}]}}"#.to_owned()),
        ("no time", time("yesterday")),
        ("an empty time", time("")),
        ("digits for a time", time("1709296496789")),
        ("a day that is not", time("2024-02-30T00:00:00.000Z")),
        ("a leap day that is not", time("2023-02-29")),
        ("a month that is not", time("2024-13-01")),
        ("an hour that is not", time("2024-03-01T24:00:00Z")),
        ("a leap second", time("2024-03-01T12:34:60.000Z")),
        ("a year of two digits", time("24-03-01")),
        ("a leading zero", r#"{"a":01}"#.to_owned()),
        ("no digit behind the point", r#"{"a":1.}"#.to_owned()),
        ("no digit before the point", r#"{"a":.5}"#.to_owned()),
        ("no exponent", r#"{"a":1e}"#.to_owned()),
        ("a plus", r#"{"a":+1}"#.to_owned()),
        ("a comma at the end", r#"{"a":1,}"#.to_owned()),
        ("a key without quotes", "{a:1}".to_owned()),
        ("no value", r#"{"a"}"#.to_owned()),
        ("a word", r#"{"a":nul}"#.to_owned()),
        ("a control character", "{\"a\":\"\u{1}\"}".to_owned()),
        ("an unknown escape", r#"{"a":"\x"}"#.to_owned()),
        ("half an escape", r#"{"a":"\u00g0"}"#.to_owned()),
        ("a number for a time", r#"{"@timestamp":1}"#.to_owned()),
        ("10 fraction digits", r#"{"@timestamp":"2024-03-01T12:34:56.1234567891Z"}"#.to_owned()),
        ("before 1970", r#"{"@timestamp":"1969-12-31T23:59:59.999Z"}"#.to_owned()),
        ("after 2262", r#"{"event":{"ingested":"2262-04-11T23:47:16.854775808Z"}}"#.to_owned()),
        ("an object for text", r#"{"artist":{"id":{}}}"#.to_owned()),
        ("an object in a list for text", r#"{"artist":{"id":["a",{}]}}"#.to_owned()),
        ("an object for a number", r#"{"song":{"duration_ms":{}}}"#.to_owned()),
        ("text for a group", r#"{"artist":"x"}"#.to_owned()),
        ("a number in a list for a group", r#"{"artist":[1]}"#.to_owned()),
        ("text for extra", r#"{"extra":"x"}"#.to_owned()),
        ("a list of numbers for extra", r#"{"extra":[1]}"#.to_owned()),
        ("1,001 digits", format!(r#"{{"overflow":{{"a":{long_number}}}}}"#)),
    ];
    let taken = taken.into_iter().map(|(name, document)| (name, document, "index 200"));
    let refused = refused
        .into_iter()
        .map(|(name, document)| (name, document, "index 400 mapper_parsing_exception"));
    let cases = taken.chain(refused);
    let cases = cases.map(|(name, document, expected)| case(name, index("1", &document), expected));
    let invalid_utf8 = [index("1", "{\"a\":\"").trim_end().as_bytes(), b"\xff\"}\n"].concat();
    let invalid_utf8 = case("not UTF-8", invalid_utf8, "index 400 mapper_parsing_exception");
    cases.chain([invalid_utf8]).collect()
}

fn outcome(answer: &Answer) -> String {
    if !answer.status.is_success() {
        return format!("{} {}", answer.status.as_u16(), answer.error_type().unwrap_or_default());
    }
    let bulk: Value = serde_json::from_slice(&answer.body).unwrap();
    let items = bulk["items"].as_array().unwrap();
    let items = items.iter().flat_map(|item| item.as_object().unwrap()).map(|(operation, item)| {
        let error = item["error"]["type"].as_str().map(|kind| format!(" {kind}"));
        format!("{operation} {}{}", item["status"], error.unwrap_or_default())
    });
    let items = items.collect::<Vec<_>>().join(", ");
    assert_eq!(bulk["errors"], items.contains("exception"), "{items}");
    items
}

async fn hold_to_the_table(client: &Client) {
    client.delete_index(&format!("{INDEX},{INDEX}-new,{PLAIN}")).await.unwrap();
    let mut wrong = Vec::new();
    for case in operations().into_iter().chain(malformed()).chain(documents()) {
        let Case { name, body, expected } = case;
        let answer = client.bulk(body).await.unwrap();
        let outcome = outcome(&answer);
        if outcome != expected {
            wrong.push(format!("{name}: {outcome} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", client.url(), wrong.join("\n"));
    client.refresh(INDEX).await.unwrap();
    // Ids 1 to 10 without 4, 6 and 8, and the two without ids.
    assert_eq!(client.count(INDEX).await.unwrap(), 9);
}

#[tokio::test]
async fn the_embedded_server_keeps_to_the_table() {
    let (_embedded, client) = testkit::opensearch().await;
    hold_to_the_table(&client).await;
}

#[tokio::test]
async fn the_real_server_keeps_to_the_table() {
    if let Some(client) = servers::real().await {
        hold_to_the_table(&client).await;
    }
}
