//! The document of each situation, byte for byte.

use shared::event::{Arrival, Mapping, Model, Plausible, Reader, Refusal, Timestamp};

fn document(payload: &str) -> Result<String, Refusal> {
    let timestamps = ["@timestamp", "timestamp", "event_time", "ts"];
    let model = Model {
        mapping: Mapping::music(timestamps).unwrap(),
        plausible: Plausible {
            min: Timestamp::YEAR_2000,
            max_ahead_seconds: 86_400,
        },
        extra_max_bytes: 16_384,
    };
    let arrival = Arrival {
        time: Timestamp::from_milliseconds(b"1709296498000"),
        now: Timestamp::from_milliseconds(b"1709296498001").unwrap(),
    };
    let mut reader = Reader::default();
    let mut out = Vec::new();
    reader
        .read(&model, payload.as_bytes())?
        .write_document(&arrival, &mut out);
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_whole_event() {
    let payload = r#"{"event_id":"e1","event_type":"play","ts":1709296496789,
      "artist":{"id":"a1","name":"\uc544\uc774\uc720","genre":["pop", "k-pop"],"label":"x"},
      "track":{"id":"s1","title":"Good \"Day\"","duration_ms":215000,"isrc":"KR"},"track_id":1,
      "user":{"id":42},"country":"KR","listened_ms":120000,"shuffle":true,
      "a":1,"b":{"c":1.50,"d":[1e2,{"e":1,"e":2}]},"a":2,"null":null,"device":null}"#;
    assert_eq!(
        document(payload).unwrap(),
        concat!(
            r#"{"@timestamp":"2024-03-01T12:34:56.789Z","#,
            r#""event":{"id":"e1","action":"play","ingested":"2024-03-01T12:34:58.001Z"},"#,
            r#""artist":{"id":"a1","name":"\uc544\uc774\uc720","genre":["pop", "k-pop"]},"#,
            r#""song":{"id":"s1","title":"Good \"Day\"","duration_ms":215000},"#,
            r#""interaction":{"user_id":42,"country":"KR","listened_ms":120000,"shuffle":true},"#,
            r#""analytics":{"completion":0.5581,"hour":12,"weekday":5},"#,
            r#""extra":{"artist":{"label":"x"},"track":{"isrc":"KR"},"track_id":1,"#,
            r#""b":{"c":1.50,"d":[1e2,{"e":2}]},"a":2,"null":null}}"#
        )
    );
}
