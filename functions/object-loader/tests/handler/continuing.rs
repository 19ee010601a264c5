//! Records that OpenSearch cannot accept, and objects for which the time is too short.

use std::ops::ControlFlow;

use object_loader::{Ended, Request, Stretch, Watch};
use shared::event::Timestamp;

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn what_opensearch_cannot_take_is_sent_again_it_alone() {
    on_paused_clock(async {
        for error in [
            Bulk::Items(&[1, 3], 429, "es_rejected_execution_exception"),
            Bulk::Items(&[1, 3], 503, "unavailable_shards_exception"),
            Bulk::Items(&[1, 3], 400, "index_closed_exception"),
            Bulk::Items(&[1, 3], 404, "index_not_found_exception"),
        ] {
            let mut handler = Handler::new(&[]);
            handler.put("k", lines(0, 5));
            handler.opensearch([error.clone(), Bulk::Items(&[1], 429, "x")]);
            let (again, took) = handler.handle_within(&load("k"), seconds(900)).await;
            assert!(!again);
            assert_eq!(took, Duration::from_millis(500 + 1_000), "{error:?}");
            let expected = counts(&[("DocumentsIndexed", 5), ("ObjectsDone", 1)]);
            assert_eq!(handler.counts(), expected);
            let sizes: Vec<_> = handler.requests().iter().map(Vec::len).collect();
            assert_eq!(sizes, [5, 2, 1]);
        }
    });
}

#[test]
fn waits_double_up_to_thirty_seconds() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", lines(0, 2));
        handler.opensearch((0..9).map(|_| Bulk::Status(503)));
        let (again, took) = handler.handle_within(&load("k"), seconds(900)).await;
        let waits = 0.5 + 1.0 + 2.0 + 4.0 + 8.0 + 16.0 + 30.0 + 30.0 + 30.0;
        assert_eq!((again, took), (false, Duration::from_secs_f64(waits)));
        // If the next wait exceeds the remaining time, the message waits instead.
        handler.put("k", lines(2, 4));
        handler.opensearch((0..9).map(|_| Bulk::Status(503)));
        let (again, took) = handler.handle_within(&load("k"), seconds(60)).await;
        assert_eq!((again, took), (true, Duration::from_millis(31_500)));
    });
}

#[test]
fn access_that_is_denied_is_not_tried_again() {
    on_paused_clock(async {
        for denied in
            [Bulk::Status(401), Bulk::Status(403), Bulk::Items(&[0], 403, "security_exception")]
        {
            let mut handler = Handler::new(&[]);
            handler.put("k", lines(0, 2_000));
            handler.opensearch([Bulk::Write(Duration::ZERO), denied]);
            let (again, took) = handler.handle_within(&load("k"), seconds(900)).await;
            assert_eq!((again, took), (true, Duration::ZERO));
            assert_eq!((handler.requests().len(), handler.sent()), (2, vec![]));
            assert_eq!(handler.visibility().len(), 1);
        }
    });
}

#[test]
fn what_the_time_does_not_suffice_for_is_asked_for() {
    on_paused_clock(async {
        let text = lines(0, 3_000);
        for (body, is_plain) in [(text.clone().into_bytes(), true), (gzip(&text), false)] {
            let mut handler = Handler::new(&[]);
            handler.put("k", body);
            handler.opensearch([
                Bulk::Write(Duration::ZERO),
                Bulk::Items(&[500], 429, "x"),
                Bulk::Hang,
            ]);
            let (again, _) = handler.handle_within(&load("k"), seconds(60)).await;
            assert!(!again);
            let expected = counts(&[("DocumentsIndexed", 1_500), ("ObjectsContinued", 1)]);
            assert_eq!(handler.counts(), expected);
            let [request] = &handler.sent()[..] else { panic!() };
            let offset = 1_500 * "{\"id\":\"e00000\"}\n".len();
            let expected = json!({
                "sluice": "load", "bucket": "b", "key": "k", "etag": "\"1\"", "offset": offset,
            });
            assert_eq!(*request, expected);
            handler.ranges();
            let (again, counted) = handler.handle(request).await;
            // The documents after the first one that failed already exist.
            let expected =
                [("DocumentsDuplicate", 499), ("DocumentsIndexed", 1_001), ("ObjectsDone", 1)];
            assert_eq!((again, counted), (false, counts(&expected)));
            assert_eq!(handler.index().len(), 3_000);
            let start = if is_plain { offset as u64 - 1 } else { 0 };
            assert_eq!(handler.ranges(), [(0, Some(65_536)), (start, None)]);
            // Meanwhile there is another object.
            handler.put("k", "{}");
            let (again, counted) = handler.handle(request).await;
            assert_eq!((again, counted), (false, counts(&[("ObjectsSuperseded", 1)])));
        }
    });
}

#[test]
fn an_object_with_a_list_after_values_is_read_over() {
    on_paused_clock(async {
        let list = lines(1, 13).trim_end().replace('\n', ",\n");
        let object = format!(
            "{{\"id\":\"h\"}}\n{{\"Records\":[\n{list}\n],\"next\":1}}\n{{\"id\":\"z\"}}\n"
        );
        let mut handler = Handler::new(&[("BULK_MAX_DOCS", "2")]);
        handler.put("k", object);
        let mut request = load("k");
        let mut calls = 0;
        loop {
            handler.opensearch([Bulk::Write(Duration::ZERO), Bulk::Hang]);
            let (again, _) = handler.handle_within(&request, seconds(60)).await;
            let counted = handler.counts();
            assert!(
                !again && counted.iter().all(|(name, _)| name != "RecordsRefused"),
                "{counted:?}"
            );
            handler.be_well();
            match handler.sent().pop() {
                Some(rest) => request = rest,
                None => break,
            }
            // After the first two records, the list is recognized.
            assert_eq!(request["lists"], true);
            calls += 1;
        }
        assert_eq!((calls, handler.index().len()), (6, 14));
    });
}

#[test]
fn an_indented_line_at_which_the_time_is_up_is_loaded() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[("FORMAT", "text"), ("BULK_MAX_DOCS", "33")]);
        // The first chunk ends within the 34th line.
        let line = |at: usize| format!("    at the line {at:013}\n");
        handler.put("k", (0..100).map(line).collect::<String>());
        handler.be_slow(seconds(5));
        handler.handle_within(&load("k"), seconds(20)).await;
        let expected = counts(&[("DocumentsIndexed", 33), ("ObjectsContinued", 1)]);
        assert_eq!(handler.counts(), expected);
        let [request] = &handler.sent()[..] else { panic!() };
        assert_eq!(request["offset"], 33 * 30);
        handler.handle(request).await;
        assert_eq!(handler.index().len(), 100);
    });
}

/// Records the stretches.
struct Stretches(Vec<Stretch>);

impl Watch for Stretches {
    const TIME: Option<Duration> = Some(Duration::from_mins(1));

    fn refused(&mut self, _: &str) {}

    async fn confirmed(&mut self, stretch: Stretch) -> ControlFlow<()> {
        self.0.push(stretch);
        ControlFlow::Continue(())
    }
}

#[test]
fn a_broken_packing_is_the_end_also_of_a_full_request() {
    on_paused_clock(async {
        let handler = Handler::new(&[]);
        let packed = gzip("{\"id\":\"a\"}");
        let broken = &packed[..packed.len() - 8];
        handler.put("k", broken.to_vec());
        let mut engine = handler.engine(&[("BULK_MAX_DOCS", "2")]);
        let request = Request { bucket: "b".to_owned(), key: "k".to_owned(), ..Request::default() };
        let mut stretches = Stretches(Vec::new());
        assert_eq!(engine.load(&request, Timestamp::YEAR_2000, &mut stretches).await, Ended::Done);
        assert_eq!((handler.index().len(), handler.kept().len()), (1, 1));
        let (offset, bytes_read) = (10, broken.len() as u64);
        let expected =
            Stretch { offset, is_end: true, indexed: 1, bytes_read, ..Stretch::default() };
        assert_eq!(stretches.0, [expected]);
    });
}

#[test]
fn objects_for_which_the_time_does_not_suffice_are_asked_for_without_those_before_them() {
    on_paused_clock(async {
        let record = |key: &str| {
            let object = json!({"bucket": {"name": "b"}, "object": {"key": key}});
            json!({"eventName": "ObjectCreated:Put", "s3": object})
        };
        let mut handler = Handler::new(&[]);
        for (key, from) in [("first", 0), ("second", 10), ("third", 20)] {
            handler.put(key, lines(from, from + 10));
        }
        handler.opensearch([Bulk::Write(seconds(30)), Bulk::Write(seconds(30))]);
        let records = ["first", "second", "third"].map(record);
        let notification = json!({"Records": records});
        let (again, _) = handler.handle_within(&notification, seconds(60)).await;
        let counted = [("DocumentsIndexed", 10), ("ObjectsContinued", 2), ("ObjectsDone", 1)];
        assert_eq!((again, handler.counts()), (false, counts(&counted)));
        let requests = [load("second"), load("third")];
        assert_eq!(handler.sent(), requests);
        for request in &requests {
            handler.handle(request).await;
        }
        assert_eq!(handler.index().len(), 30);

        // Alone, an object is not asked for over and over.
        handler.opensearch([Bulk::Hang]);
        handler.put("first", lines(30, 40));
        let (again, _) = handler.handle_within(&load("first"), seconds(60)).await;
        assert_eq!((again, handler.sent()), (true, vec![]));
    });
}

#[test]
fn what_was_confirmed_may_take_longer_than_a_stretch_to_be_read_over() {
    on_paused_clock(async {
        let handler = Handler::new(&[]);
        let list = format!("[{}]", lines(0, 1_000).trim_end().replace('\n', ","));
        let offset = list.rfind('{').unwrap() as u64;
        handler.put("k", list);
        handler.be_slow(seconds(10));
        let (bucket, key) = ("b".to_owned(), "k".to_owned());
        let request = Request { bucket, key, offset, lists: true, ..Request::default() };
        let mut stretches = Stretches(Vec::new());
        let ended = handler.engine(&[]).load(&request, Timestamp::YEAR_2000, &mut stretches).await;
        assert_eq!((ended, ids(&handler)), (Ended::Done, vec!["e00999".to_owned()]));
    });
}

#[test]
fn where_nothing_is_confirmed_or_the_rest_cannot_be_asked_for_the_message_is_redelivered() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", lines(0, 10));
        handler.opensearch([Bulk::Hang]);
        let (again, _) = handler.handle_within(&load("k"), seconds(60)).await;
        assert_eq!((again, handler.sent(), handler.visibility().len()), (true, vec![], 1));
        assert_eq!(handler.counts(), counts(&[("ObjectsRetried", 1)]));

        handler.put("k", lines(0, 1_500));
        handler.opensearch([Bulk::Write(Duration::ZERO), Bulk::Hang]);
        handler.queue_is_down(true);
        let (again, _) = handler.handle_within(&load("k"), seconds(60)).await;
        assert!(again);
        let counted = handler.counts();
        assert!(counted.contains(&("ObjectsRetried".to_owned(), 1)), "{counted:?}");
    });
}

#[test]
fn an_object_that_is_read_slowly_is_continued_until_it_is_loaded() {
    on_paused_clock(async {
        // A list, which can only be read from the start, and values on lines.
        let list = format!("[{}]", lines(0, 1_000).trim_end().replace('\n', ","));
        for text in [list, lines(0, 1_000)] {
            let mut handler = Handler::new(&[("BULK_MAX_DOCS", "100")]);
            handler.put("k", text);
            handler.be_slow(Duration::from_millis(2_500));
            handler.opensearch((0..20).map(|_| Bulk::Write(seconds(2))));
            let mut request = load("k");
            let mut calls = 0;
            loop {
                let (again, _) = handler.handle_within(&request, seconds(60)).await;
                calls += 1;
                assert!(!again && calls < 10);
                match handler.sent().pop() {
                    Some(rest) => request = rest,
                    None => break,
                }
                handler.counts();
            }
            assert!(calls > 1);
            assert_eq!(handler.index().len(), 1_000);
            let all = handler.requests().iter().map(Vec::len).sum::<usize>();
            assert_eq!(all, 1_000, "nothing is sent twice");
        }
    });
}

#[test]
fn refused_records_are_kept_before_the_rest_is_asked_for() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", format!("{}oops\n{}oops\n", lines(0, 1), lines(1, 1_200)));
        handler.opensearch([Bulk::Write(Duration::ZERO), Bulk::Hang]);
        handler.handle_within(&load("k"), seconds(60)).await;
        let request = handler.sent().remove(0);
        assert_eq!(handler.kept().values().map(Vec::len).collect::<Vec<_>>(), [1]);
        handler.counts();
        let (again, counted) = handler.handle(&request).await;
        let expected = [("DocumentsIndexed", 201), ("ObjectsDone", 1), ("RecordsRefused", 1)];
        assert_eq!((again, counted), (false, counts(&expected)));
        assert_eq!(handler.kept().values().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    });
}

#[test]
fn the_rest_is_of_the_version_that_was_read() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", lines(0, 1_500));
        handler.have_versions("v1");
        handler.opensearch([Bulk::Write(Duration::ZERO), Bulk::Hang]);
        handler.handle_within(&load("k"), seconds(60)).await;
        assert_eq!(handler.sent()[0]["version_id"], "v1");
    });
}

#[test]
fn refused_records_are_kept_in_one_object_and_in_time_to_delay_the_message() {
    on_paused_clock(async {
        let object = "{\"id\":\"a\"}\noops\n{\"id\":\"b\"}\noops";
        let mut handler = Handler::new(&[("BULK_MAX_DOCS", "1")]);
        handler.put("k", object);
        handler.handle(&load("k")).await;
        assert_eq!(handler.kept().values().map(Vec::len).collect::<Vec<_>>(), [2]);
        let mut handler = Handler::new(&[]);
        handler.put("k", object);
        // Writing them begins after 45 seconds and would end after 60.
        handler.be_slow(seconds(15));
        let (again, took) = handler.handle_within(&load("k"), seconds(60)).await;
        assert_eq!((again, took), (true, Duration::from_millis(56_250)));
        assert_eq!(handler.visibility().len(), 1);
    });
}

#[test]
fn an_object_is_continued_at_a_record_that_cannot_be_read() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", "{\"id\":\"a\"}\noops\n{\"id\":\"b\"}");
        let mut request = load("k");
        (request["offset"], request["etag"]) = (json!(11), json!("\"1\""));
        let (again, counted) = handler.handle(&request).await;
        let expected = [("DocumentsIndexed", 1), ("ObjectsDone", 1), ("RecordsRefused", 1)];
        assert_eq!((again, counted), (false, counts(&expected)));
        assert_eq!(ids(&handler), ["b"]);
    });
}
