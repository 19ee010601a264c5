//! The handler with a store and a queue in memory, on a paused clock.

#![cfg(test)]

#[path = "../support"]
mod support {
    pub(crate) mod outside;
}

mod history;
mod quarantine;

use std::time::Duration;

use local::sample::aggregate;
use serde_json::{Value, json};
use testkit::on_paused_clock;

use support::outside::{Handler, NOW_MS, Send, Write, event, payloads, record};

const POISON: &str = r#"{"line":"poison","items":1,"ts":1709296496000}"#;

/// A reading of machine `machine` at second `second` of the minute.
fn reading(machine: &str, second: u32) -> String {
    let time = 1_709_296_440_000 + u64::from(second) * 1_000;
    format!("{{\"machine\":\"{machine}\",\"items\":1,\"ts\":{time}}}")
}

/// The metrics that are not 0, except those of requests and of time.
fn counted(handler: &Handler) -> Vec<(String, u64)> {
    let metrics = handler.metrics();
    let retried = metrics["RecordsRetried"];
    assert_eq!(metrics["RecordsIn"], metrics["RecordsDone"] + retried);
    let readings =
        ["PointsWritten", "ReadingsRefused", "ReadingsDropped"].map(|name| metrics[name]);
    assert_eq!(metrics["ReadingsIn"], readings.into_iter().sum::<u64>());
    let other = ["WriteRequests", "WriteBytes", "StoredLatency", "RecordsIn", "ReadingsIn"];
    let shown = |(name, value): &(String, u64)| *value > 0 && !other.contains(&&**name);
    metrics.into_iter().filter(shown).collect()
}

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn readings_become_points_in_one_request() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let several = format!("[{},{}]", reading("b", 2), reading("c", 3));
        let lines = format!("{}\n\n{}\n", reading("d", 4), reading("e", 5));
        let envelope = json!({
            "Type": "Notification", "MessageId": "m", "Message": reading("f", 6),
        });
        let all = [reading("a", 1), several, lines, envelope.to_string()];
        let answer = handler.handle(&payloads(&all.each_ref().map(|text| &**text))).await;
        assert_eq!(answer, None);
        let requests = handler.requests();
        let [lines] = &requests[..] else { panic!("{requests:?}") };
        let expected = [
            "line,machine=a items=1 1709296441000000000",
            "line,machine=b items=1 1709296442000000000",
            "line,machine=c items=1 1709296443000000000",
            "line,machine=d items=1 1709296444000000000",
            "line,machine=e items=1 1709296445000000000",
        ];
        assert_eq!(lines[..5], expected);
        // The event has the id of its envelope.
        assert!(lines[5].starts_with("line,machine=f items=1 1709296446000"), "{lines:?}");
        assert_ne!(lines[5], "line,machine=f items=1 1709296446000000000");
        let metrics = handler.metrics();
        assert_eq!((metrics["WriteRequests"], metrics["StoredLatency"]), (1, 2_000));
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        assert_eq!(metrics["WriteBytes"], bytes as u64);
        assert_eq!((metrics["RecordsDone"], metrics["PointsWritten"]), (4, 6));
    });
}

#[test]
fn records_of_the_producer_library_are_taken_apart() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let payloads = ["{\"items\":1}", "[{\"items\":2},{\"items\":3}]", "oops", "{\"items\":4}"];
        let aggregate = aggregate(&payloads);
        assert_eq!(handler.handle(&event(&[record(7, &aggregate)])).await, None);
        // Without a time and an id, each is identified by its position in the record.
        let times = handler.points().into_iter().map(|((_, time), fields)| (fields, time));
        let mut times: Vec<_> = times.collect();
        times.sort();
        let arrived = (NOW_MS - 2_000) * 1_000_000;
        let expected: Vec<_> = [("1", 0), ("2", 1), ("3", 2), ("4", 4)]
            .map(|(items, place)| {
                (format!("items={items}"), arrived + below(&format!("7/{place}")))
            })
            .into();
        assert_eq!(times, expected);
        let kept = handler.kept();
        assert_eq!(kept, [["invalid_json", "shardId-000000000000:7", "3", "oops"]]);
        let expected = [
            ("PointsWritten", 4),
            ("ReadingsRefused", 1),
            ("RecordsDone", 1),
            ("TimestampFallbacks", 4),
        ];
        assert_eq!(counted(&handler), counts(&expected));
        // An aggregate with a wrong digest is treated as an unchanged record.
        let mut broken = aggregate.clone();
        *broken.last_mut().unwrap() ^= 1;
        assert_eq!(handler.handle(&event(&[record(8, &broken)])).await, None);
        let kept = handler.kept();
        assert_eq!(kept[0][0], "invalid_utf8");
        assert_eq!(handler.requests().len(), 1);
    });
}

/// The digits below the millisecond.
fn below(known_by: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(known_by);
    u64::from_be_bytes(hash[..8].try_into().unwrap()) % 1_000_000
}

#[test]
fn requests_have_at_most_so_many_lines_and_bytes() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "3")]);
        let all: Vec<_> = (0..7).map(|second| reading("m", second)).collect();
        let array = format!("[{}]", all.join(","));
        handler.handle(&payloads(&[&array, &all[0]])).await;
        let sizes: Vec<_> = handler.requests().iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 3, 2]);

        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "100000")]);
        let long = "9".repeat(999);
        let readings: Vec<_> = (0..1_000)
            .map(|number| {
                format!("{{\"items\":{long},\"defects\":{long},\"energy\":{long},\"id\":{number}}}")
            })
            .collect();
        let records: Vec<_> = (0..2).map(|number| record(number, readings.join("\n"))).collect();
        // Finite: no exponent.
        let series = handler.handle(&event(&records)).await;
        assert_eq!(series, None);
        let kept = handler.kept();
        // 999 digits are more than a double can represent.
        assert!(kept.iter().all(|entry| entry[0] == "bad_field"));

        let long = "9".repeat(300);
        let reading = |number| {
            format!("{{\"items\":{long},\"defects\":{long},\"energy\":{long},\"id\":{number}}}")
        };
        let readings: Vec<_> = (0..6_000).map(reading).collect();
        assert_eq!(handler.handle(&event(&[record(0, readings.join("\n"))])).await, None);
        let bytes = |lines: &Vec<String>| lines.iter().map(|line| line.len() + 1).sum::<usize>();
        let requests: Vec<_> = handler.requests().iter().map(bytes).collect();
        let [first, second] = requests[..] else { panic!("{requests:?}") };
        assert!((5_242_880 - 1_000..=5_242_880).contains(&first), "{requests:?}");
        assert!(second > 100_000);
    });
}

#[test]
fn empty_records_are_dropped() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let test = json!({
            "Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2024-03-01T12:35:00Z",
        });
        let answer = handler.handle(&payloads(&["", " \n", "[]", &test.to_string()])).await;
        assert_eq!(answer, None);
        assert_eq!(counted(&handler), counts(&[("ReadingsDropped", 4), ("RecordsDone", 4)]));
        assert_eq!((handler.requests().len(), handler.calls().len()), (0, 0));
        // An empty event needs no work.
        assert_eq!(handler.handle(&event(&[])).await, None);
        let metrics = handler.metrics();
        assert_eq!((metrics["RecordsIn"], metrics.get("StoredLatency")), (0, None));
    });
}

#[test]
fn what_the_store_refuses_is_halved_until_single_points() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let giant = r#"{"line":"giant","items":1,"ts":1709296496000}"#;
        let good: Vec<_> = (0..6).map(|second| reading("m", second)).collect();
        let all = [&*good[0], &good[1], POISON, &good[2], giant, &good[3], &good[4], &good[5]];
        assert_eq!(handler.handle(&payloads(&all)).await, None);
        let sizes: Vec<_> = handler.requests().iter().map(Vec::len).collect();
        // Left before right: 0-8, 0-4, 0-2, 2-4, 2, 3, 4-8, 4-6, 4, 5, 6-8.
        assert_eq!(sizes, [8, 4, 2, 2, 1, 1, 4, 2, 1, 1, 2]);
        assert_eq!(handler.points().len(), 6);
        let calls = handler.calls();
        let [call] = &calls[..] else { panic!("{calls:?}") };
        let attribute = |entry: usize, name: &str| {
            let found = call[entry].attributes.iter().find(|(own, _)| own == name);
            found.unwrap().1.text().unwrap().to_owned()
        };
        assert_eq!(attribute(0, "sluice.reason"), "store_refused");
        let detail = "partial write: line,line=poison items=1 1709296496000000000";
        assert_eq!(attribute(0, "sluice.detail"), detail);
        assert_eq!(call[0].body, POISON);
        assert_eq!(attribute(1, "sluice.reason"), "too_large");
        let expected = [("PointsWritten", 6), ("ReadingsRefused", 2), ("RecordsDone", 8)];
        assert_eq!(counted(&handler), counts(&expected));
    });
}

#[test]
fn each_status_means_what_the_store_means() {
    on_paused_clock(async {
        for status in [200, 204, 299] {
            let mut handler = Handler::new(&[]);
            handler.store([Write::Answer(status, "")]);
            assert_eq!(handler.handle(&payloads(&[&reading("m", 1)])).await, None, "{status}");
            assert_eq!(counted(&handler), counts(&[("PointsWritten", 1), ("RecordsDone", 1)]));
        }
        for (status, reason) in [(400, "store_refused"), (422, "store_refused"), (413, "too_large")]
        {
            let mut handler = Handler::new(&[]);
            handler.store([Write::Answer(status, "because"), Write::Answer(status, "")]);
            let two = payloads(&[&reading("m", 1), &reading("m", 2)]);
            assert_eq!(handler.handle(&two).await, None, "{status}");
            let kept = handler.kept();
            assert_eq!((kept.len(), &*kept[0][0]), (1, reason), "halved: {status}");
            assert_eq!(counted(&handler)[0], ("PointsWritten".to_owned(), 1));
        }
        for status in [100, 301, 304, 401, 402, 403, 404, 405, 408, 429, 500, 503, 599] {
            let mut handler = Handler::new(&[]);
            handler.store([Write::Answer(status, "hush")]);
            let two = payloads(&[&reading("m", 1), &reading("m", 2)]);
            assert_eq!(handler.handle(&two).await.as_deref(), Some("0"), "{status}");
            assert_eq!(counted(&handler), counts(&[("RecordsRetried", 2)]), "{status}");
            assert_eq!(handler.requests().len(), 1, "nothing more is written: {status}");
        }
        for script in [Write::StoreAndBreak, Write::NoSecret, Write::Hang] {
            let mut handler = Handler::new(&[]);
            handler.store([script]);
            let answer = handler.handle(&payloads(&[&reading("m", 1)])).await;
            assert_eq!(answer.as_deref(), Some("0"));
        }
    });
}

#[test]
fn the_answer_is_the_first_record_that_is_not_settled_and_it_alone() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "2")]);
        let all: Vec<_> = (0..4).map(|second| reading("m", second)).collect();
        let three = format!("[{}]", all[1..].join(","));
        // The second record is in the first request and in the next ones.
        let records = payloads(&[&all[0], &three, &all[0], "oops", ""]);
        handler.store([Write::Store(Duration::ZERO), Write::Answer(503, "")]);
        assert_eq!(handler.handle(&records).await.as_deref(), Some("1"));
        assert_eq!(handler.requests().len(), 2);
        let expected = [("PointsWritten", 1), ("RecordsDone", 1), ("RecordsRetried", 4)];
        assert_eq!(counted(&handler), counts(&expected));
        // Refused readings of later records would be sent twice.
        assert_eq!(handler.kept().len(), 0);
        let points = handler.points();
        // Lambda continues from there; the same point is written again.
        let Value::Array(records) = &records["Records"] else { panic!() };
        assert_eq!(handler.handle(&event(&records[1..])).await, None);
        let mut expected = handler.points();
        assert_eq!((points.len(), expected.len()), (2, 4));
        expected.retain(|key, _| points.contains_key(key));
        assert_eq!(points, expected);
        let expected = [
            ("PointsWritten", 4),
            ("ReadingsDropped", 1),
            ("ReadingsRefused", 1),
            ("RecordsDone", 4),
        ];
        assert_eq!(counted(&handler), counts(&expected));
    });
}

#[test]
fn the_answer_is_given_in_time() {
    on_paused_clock(async {
        // No work is started when less time than the margin is left.
        let mut handler = Handler::new(&[("DEADLINE_MARGIN_MS", "1000")]);
        let two = payloads(&[&reading("m", 1), "oops"]);
        let left = Duration::from_millis(999);
        assert_eq!(handler.handle_within(&two, left).await.unwrap().as_deref(), Some("0"));
        assert_eq!(handler.requests().len(), 0);
        // Work that was started is completed.
        handler.store([Write::Hang]);
        let left = Duration::from_secs(20);
        assert_eq!(handler.handle_within(&two, left).await.unwrap().as_deref(), Some("0"));
        // Records that were confirmed before are settled.
        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "1")]);
        handler.store([Write::Store(Duration::from_secs(19))]);
        let records = payloads(&["oops", &reading("m", 1), &reading("m", 2)]);
        assert_eq!(handler.handle_within(&records, left).await.unwrap().as_deref(), Some("2"));
        assert_eq!(handler.kept().len(), 1);
        // Quarantine ends, too.
        handler.sqs([Send::Hang]);
        assert_eq!(handler.handle_within(&records, left).await.unwrap().as_deref(), Some("0"));
    });
}

/// Otherwise, every invocation would start from the same record, until it expires.
#[test]
fn a_record_with_too_many_rejected_readings_does_not_stop_the_others() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "1")]);
        let all: Vec<_> = (0..1_100).map(|_| reading("m", 1)).collect();
        let all = all.join("\n");
        let left = Duration::from_secs(20);
        let rejected = |count| vec![Write::Answer(400, "because"); count];
        let records = payloads(&[&all, "oops"]);
        for (count, answer, kept) in [(1_001, "1", 1), (1_000, "0", 0)] {
            let slow = Write::Store(Duration::from_secs(19) + Duration::from_millis(100));
            handler.store(rejected(count).into_iter().chain([slow]));
            let answered = handler.handle_within(&records, left).await.unwrap();
            assert_eq!(answered.as_deref(), Some(answer));
            assert_eq!(handler.requests().len(), count + 1);
            let quarantined = handler.kept();
            assert_eq!(quarantined.len(), kept);
            assert!(
                quarantined.iter().all(
                    |entry| entry[..] == ["store_refused", "shardId-000000000000:0", "0", &all]
                )
            );
        }
    });
}

#[test]
fn the_latency_is_the_longest_until_the_answer() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("WRITE_MAX_LINES", "1")]);
        let mut records = [record(0, reading("m", 1)), record(1, reading("m", 2))];
        records[1]["kinesis"]["approximateArrivalTimestamp"] = json!(1_709_296_492.5);
        handler.store([250, 500].map(|time| Write::Store(Duration::from_millis(time))));
        assert_eq!(handler.handle(&event(&records)).await, None);
        assert_eq!(handler.metrics()["StoredLatency"], 8_250);
        // The latency is that of stored readings, even if their record is not done.
        handler.store([Write::Store(Duration::ZERO), Write::Answer(500, "")]);
        assert_eq!(handler.handle(&event(&records)).await.as_deref(), Some("1"));
        assert_eq!(handler.metrics()["StoredLatency"], 2_000);
        handler.store([Write::Answer(500, "")]);
        handler.handle(&event(&records)).await;
        assert!(!handler.metrics().contains_key("StoredLatency"));
    });
}

#[test]
fn an_event_that_cannot_be_answered_fails_as_a_whole() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let mut no_data = record(1, "x");
        no_data["kinesis"]["data"] = Value::Null;
        let mut no_number = record(1, "x");
        no_number["kinesis"].as_object_mut().unwrap().remove("sequenceNumber");
        let mut window = payloads(&["{}"]);
        window["window"] = json!({"start": "2024-03-01T12:34:00Z", "end": "2024-03-01T12:35:00Z"});
        for invalid in [
            json!({}),
            json!({"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": ""}]}),
            event(&[record(0, reading("m", 1)), no_data]),
            event(&[no_number]),
            window,
        ] {
            let error = handler.handle_within(&invalid, Duration::from_secs(30)).await.unwrap_err();
            assert!(error.to_string().starts_with("not a Kinesis event: "), "{error}");
            assert_eq!(handler.requests().len(), 0);
            let [line] = &handler.lines()[..] else { panic!("one line") };
            assert_eq!(line["RecordsIn"], 0);
        }
    });
}

#[test]
fn a_reading_without_any_time_is_at_the_millisecond_of_the_invocation() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        let mut record = record(0, "[{\"items\":1},{\"items\":2}]");
        record["kinesis"].as_object_mut().unwrap().remove("approximateArrivalTimestamp");
        assert_eq!(handler.handle(&event(&[record])).await, None);
        let times: Vec<_> = handler.points().into_keys().map(|(_, time)| time).collect();
        assert_eq!(times.len(), 2);
        assert!(times.iter().all(|time| time / 1_000_000 == NOW_MS), "{times:?}");
        let metrics = handler.metrics();
        assert_eq!((metrics["TimestampFallbacks"], metrics.get("StoredLatency")), (2, None));
    });
}
