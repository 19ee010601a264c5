//! Hostile documents, as the event model writes them: the index template accepts all of them.

use crate::servers;
use local::opensearch::Client;
use serde_json::Value;

const INDEX: &str = "music-events-documents";

/// The names of the document's fields, by group.
const FIELDS: [(&str, &[&str]); 4] = [
    ("event", &["id", "action"]),
    ("artist", &["id", "name", "genre"]),
    ("song", &["id", "title", "album", "duration_ms"]),
    (
        "interaction",
        &["user_id", "country", "device", "session_id", "listened_ms", "position_ms", "shuffle"],
    ),
];

/// A document with one more member.
fn with(name: &str, value: &str) -> String {
    format!(
        r#"{{"@timestamp":"2024-03-01T12:34:56.789Z","analytics":{{"completion":0.5581,"hour":12,"weekday":5}},"{name}":{value}}}"#
    )
}

/// The fields that are also tested with texts of 1 MB: one of each type, because those make up most
/// of the bytes.
const FIELDS_OF_LONG_TEXTS: [&str; 2] = ["title", "duration_ms"];

/// The accepted values of a field: a scalar, or an array of scalars.
fn scalars() -> Vec<String> {
    let texts = [
        "",
        " ",
        "yes",
        "NaN",
        "Infinity",
        "0x10",
        "1d",
        "1e400",
        "215000",
        " 12 ",
        "2024-03-01",
        // Text for which a field of whole numbers computes for minutes.
        "1e-100000000",
        "-1e-99999999",
        "1e999999999",
        r"\u0000\u001f",
        r"\ud83d\ude00",
        "\u{7f}",
        "\u{2028}",
        "\u{feff}",
    ];
    let long = [
        "x".repeat(1_024),
        "😀".repeat(1_024),
        "x".repeat(1_025),
        "x".repeat(32_767),
        "x".repeat(1_000_000),
        "9".repeat(1_000_000),
        format!("0.{}", "9".repeat(1_000_000)),
    ];
    let texts = texts.into_iter().map(str::to_owned).chain(long);
    let mut values: Vec<_> = texts.map(|text| format!("\"{text}\"")).collect();
    let numbers = "
        true false 0 -0 -0.0 1.50 1e2 1E+2 1e400 -1e400 1e-400 9223372036854775808
        18446744073709551616 1e999999999 1e-100000000 1e99999999999999999999"
        .split_whitespace();
    values.extend(numbers.map(str::to_owned));
    values.push("9".repeat(1_000));
    values.push(format!("-0.{}", "9".repeat(997)));
    values.extend(["[]", r#"["a",1,true,1e400,"1e-100000000"]"#, r#"["",""]"#].map(str::to_owned));
    values.push(format!("[{}]", vec!["\"x\""; 10_000].join(",")));
    values
}

/// Values that `extra` and `overflow` both accept: short paths, short values.
fn leftovers() -> Vec<String> {
    let plain = r#"
        . .. a. .a a..b a.b \t \u0000 \u001f \" \\ = a=b extra _value _valueAndPath extra._value
        @timestamp _id _source * # 한국 😀 __proto__ artist.name"#;
    let others = ["", " ", "a ", "\u{feff}"];
    let keys = plain.split_whitespace().chain(others);
    let values = r#"
        null 1 true "x" "" 1e400 {} [] [[]] [null] [{}] {"":1} {"b":null}
        [1,{"b":1},null,[{"c":[2]}],"x"] [{"a":1},{"a":"x"},{"a":{"b":1}}]"#
        .split_whitespace();
    let mut all = vec!["{}".to_owned()];
    for key in keys {
        all.extend(values.clone().map(|value| format!(r#"{{"{key}":{value}}}"#)));
    }
    // The same path as a scalar and as an object, in one document and across them.
    all.extend([r#"{"a":1}"#, r#"{"a":{"b":1}}"#, r#"{"a.b":1,"a":{"b":2}}"#].map(str::to_owned));
    // 128 levels, the maximum of an event.
    let levels = 126;
    all.push(format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels)));
    all.push(format!(r#"{{"a":{}1{}}}"#, "[".repeat(levels), "]".repeat(levels)));
    all.push(format!("{}1{}", r#"{"a":["#.repeat(levels / 2), "]}".repeat(levels / 2)));
    all
}

/// `extra` at its limits: 32,000 bytes, paths of 512 bytes.
fn full_extras() -> Vec<String> {
    let path = "p".repeat(512);
    let filled = |value: &str| format!(r#"{{"{path}":{value}}}"#);
    let many = |item: &str, count: usize| vec![item; count].join(",");
    let members = (0..2_900).map(|number| format!(r#""k{number:04}":1"#)).collect::<Vec<_>>();
    let nested = |levels: usize, leaf: &str| r#"{"a":"#.repeat(levels) + leaf + &"}".repeat(levels);
    vec![
        filled(&format!("\"{}\"", "x".repeat(31_480))),
        filled(&format!("\"{}\"", "한".repeat(10_490))),
        filled(&format!("\"{}\"", r"\u0001".repeat(5_240))),
        filled(&format!("[{}]", many("1", 15_700))),
        filled(&format!("[{}]", many(r#""1""#, 7_800))),
        format!(r#"{{"{}":[{}]}}"#, "p".repeat(510), many(r#"{"a":1}"#, 3_900)),
        format!("{{{}}}", members.join(",")),
        nested(126, &format!("[{}]", many("1", 15_400))),
        nested(126, &format!("{{{}}}", members[..2_800].join(","))),
    ]
}

/// `overflow`, beyond all limits of `extra`.
fn overflows() -> Vec<String> {
    let long = "k".repeat(100_000);
    let members = (0..60_000).map(|number| format!(r#""k{number}":{number}"#)).collect::<Vec<_>>();
    vec![
        format!(r#"{{"{long}":{{"{long}":"{long}"}}}}"#),
        format!("{{{}}}", members.join(",")),
        format!(r#"{{"a":"{}"}}"#, "x".repeat(1_000_000)),
        format!(r#"{{"a":[{}]}}"#, vec!["{}"; 300_000].join(",")),
        format!(r#"{{"a":[{}]}}"#, vec!["1"; 500_000].join(",")),
    ]
}

fn times() -> Vec<String> {
    let times = [
        "1970-01-01T00:00:00.000Z",
        "2000-01-01T00:00:00.000Z",
        "2024-02-29T23:59:59.999Z",
        "2024-12-31T23:59:59.999999Z",
        "2024-12-31T23:59:59.999999999Z",
        "2262-04-11T23:47:16.854775807Z",
    ];
    let document = |time: &str| {
        format!(
            r#"{{"@timestamp":"{time}","event":{{"ingested":"{time}","timestamp_source":"arrival"}}}}"#
        )
    };
    times.map(document).to_vec()
}

fn documents() -> Vec<String> {
    let mut documents = times();
    let scalars = scalars();
    for (group, fields) in FIELDS {
        for field in fields {
            let takes_long = FIELDS_OF_LONG_TEXTS.contains(field);
            let values = scalars.iter().filter(|value| takes_long || value.len() < 100_000);
            documents.extend(values.map(|value| with(group, &format!(r#"{{"{field}":{value}}}"#))));
        }
    }
    for leftover in leftovers() {
        documents.push(with("extra", &leftover));
        documents.push(with("overflow", &leftover));
    }
    for extra in full_extras() {
        assert!(extra.len() <= 32_000, "{} bytes", extra.len());
        documents.push(with("extra", &extra));
    }
    documents.extend(overflows().iter().map(|overflow| with("overflow", overflow)));
    documents
}

/// Sends the documents in requests of about 4 MB; returns those that were not written.
async fn refused(client: &Client, documents: &[String]) -> Vec<String> {
    let mut refused = Vec::new();
    let mut rest = documents;
    while !rest.is_empty() {
        let mut body = String::new();
        let mut count = 0;
        while count < rest.len() && body.len() < 4_000_000 {
            body.extend(["{\"index\":{\"_index\":\"", INDEX, "\"}}\n", &rest[count], "\n"]);
            count += 1;
        }
        let answer: Value = serde_json::from_slice(&client.bulk(body).await.unwrap().body).unwrap();
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), count);
        let (sent, later) = rest.split_at(count);
        refused.extend(sent.iter().zip(items).filter_map(complaint));
        rest = later;
    }
    refused
}

fn complaint((document, item): (&String, &Value)) -> Option<String> {
    let shown: String = document.chars().skip(98).take(100).collect();
    let error = item["index"]["error"]["reason"].as_str()?;
    Some(format!("{} {error:?} {shown}", item["index"]["status"]))
}

async fn every_document_is_taken(client: &Client) {
    client.delete_index(INDEX).await.unwrap();
    let documents = documents();
    let refused = refused(client, &documents).await;
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
    client.refresh(INDEX).await.unwrap();
    assert_eq!(client.count(INDEX).await.unwrap(), documents.len() as u64);
}

#[tokio::test]
async fn the_embedded_server_takes_every_document_that_the_model_writes() {
    let (_embedded, client) = testkit::opensearch().await;
    every_document_is_taken(&client).await;
}

#[tokio::test]
async fn the_real_server_takes_every_document_that_the_model_writes() {
    if let Some(client) = servers::real().await {
        every_document_is_taken(&client).await;
    }
}
