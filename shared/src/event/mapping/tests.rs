use super::*;
use crate::json::Span;

fn reason(json: &str) -> String {
    Mapping::from_json(json, []).unwrap_err().to_string()
}

#[test]
fn finds_every_path_of_the_music_mapping() {
    let mapping = Mapping::music(["ts", "meta.time"]).unwrap();
    let find = |table, key: &str| {
        let print = Print::of(key.as_bytes(), Span { start: 0, end: key.len() });
        let found = mapping.names.find(table, print, print.hash(table), key.as_bytes());
        (found != NameId::NONE).then_some(found)
    };
    for (_, paths) in MUSIC {
        for path in *paths {
            let (first, second) = segments(path).unwrap();
            let mut id = find(Names::TOP, first).unwrap();
            if let Some(second) = second {
                id = find(mapping.names.get(id).inside, second).unwrap();
            }
            assert!(mapping.names.get(id).mapped, "{path}");
        }
    }
    assert_eq!(find(Names::TOP, "artis"), None);
    assert_eq!(find(Names::TOP, "name"), None);
    let meta = find(Names::TOP, "meta").unwrap();
    assert!(!mapping.names.get(meta).mapped);
    assert_eq!(mapping.timestamps.len(), 2);
    let groups: Vec<_> = mapping.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["\"artist\"", "\"song\"", "\"interaction\""]);
}

#[test]
fn names_that_share_their_print_are_told_apart() {
    // 17 bytes that differ in the ninth.
    let [one, other] = ["aaaaaaaaXaaaaaaaa", "aaaaaaaaYaaaaaaaa"];
    let mapping = Mapping::from_json(&format!("{{\"a.b\":[{one:?}]}}"), []).unwrap();
    let find = |key: &str, text: &str| {
        let print = Print::of(text.as_bytes(), Span { start: 0, end: key.len() });
        mapping.names.find(Names::TOP, print, print.hash(Names::TOP), key.as_bytes())
    };
    assert_ne!(find(one, one), NameId::NONE);
    assert_eq!(find(other, other), NameId::NONE);
    // The text after a key does not matter.
    let mapping = Mapping::from_json(r#"{"a.b":["id"]}"#, []).unwrap();
    let find = |text: &str| {
        let print = Print::of(text.as_bytes(), Span { start: 0, end: 2 });
        mapping.names.find(Names::TOP, print, print.hash(Names::TOP), b"id")
    };
    assert_ne!(find("id"), NameId::NONE);
    assert_eq!(find("id\":\"value"), find("id"));
}

#[test]
fn errors_name_the_entry() {
    for (json, expected) in [
        (r#"{"artist":["a"]}"#, "artist: a document field has two segments, as in artist.id"),
        (r#"{"a.b.c":["a"]}"#, "a.b.c: a document field has two segments, as in artist.id"),
        (r#"{".b":["a"]}"#, ".b: a document field has two segments, as in artist.id"),
        (r#"{"extra.a":["a"]}"#, "extra.a: the document field is sluice's own"),
        (r#"{"overflow.a":["a"]}"#, "overflow.a: the document field is sluice's own"),
        (r#"{"@timestamp.a":["a"]}"#, "@timestamp.a: the document field is sluice's own"),
        (r#"{"event.ingested":["a"]}"#, "event.ingested: the document field is sluice's own"),
        (r#"{"_id.x":["a"]}"#, "_id.x: the document field is sluice's own"),
        (r#"{"a. ":["a"]}"#, "a. : a document field has two segments, as in artist.id"),
        (r#"{"analytics.x":["a"]}"#, "analytics.x: the document field is sluice's own"),
        (r#"{"a.b":["x","y.z","x"]}"#, "x: the path is listed twice"),
        (r#"{"a.b":["x.y"],"a.c":["x.y"]}"#, "x.y: the path is listed twice"),
        (r#"{"a.b":["x"],"a.b":["y"]}"#, "a.b: the document field is listed twice"),
        (r#"{"event.id":["x"],"event.id":["y"]}"#, "event.id: the document field is listed twice"),
        (r#"{"a.b":[]}"#, "a.b: has no input path"),
        (r#"{"a.b":["x.y.z"]}"#, "x.y.z: an input path has one or two segments, as in user.id"),
        (r#"{"a.b":[""]}"#, ": an input path has one or two segments, as in user.id"),
        (r#"{"a.b":["x."]}"#, "x.: an input path has one or two segments, as in user.id"),
        (r#"{"a.b":["__sluice_reingests"]}"#, "__sluice_reingests: the input path is sluice's own"),
    ] {
        assert_eq!(reason(json), expected);
    }
    for json in ["", "[]", "{\"a.b\":\"x\"}", "{\"a.b\":[1]}", "{"] {
        assert!(reason(json).starts_with("not a mapping in JSON: "), "{json}");
    }
    let error = Mapping::music(["a.b.c"]).unwrap_err();
    assert_eq!(error.entry, "a.b.c");
}
