//! Objects that S3 does not return or accept.

use super::*;

#[test]
fn what_cannot_be_read_is_retried_and_waits_only_where_that_helps() {
    on_paused_clock(async {
        let text = String::new;
        for (error, is_retried, backs_off) in [
            (ObjectError::NotFound(text()), true, false),
            (ObjectError::Archived(text()), true, false),
            (ObjectError::Denied(text()), true, true),
            (ObjectError::Unavailable(text()), true, true),
            (ObjectError::Changed(text()), false, false),
        ] {
            let mut handler = Handler::new(&[]);
            handler.put("k", "{}");
            handler.gets([Get::Fail(error.clone())]);
            let (again, counted) = handler.handle(&load("k")).await;
            let name = if is_retried { "ObjectsRetried" } else { "ObjectsSuperseded" };
            assert_eq!((again, counted), (is_retried, counts(&[(name, 1)])), "{error}");
            assert_eq!(handler.visibility().len(), usize::from(backs_off), "{error}");
        }
        // A single object for which waiting helps is enough.
        let record = |key: &str| json!({"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}});
        let mut handler = Handler::new(&[]);
        handler.gets(
            [ObjectError::NotFound, ObjectError::Unavailable].map(|error| Get::Fail(error(text()))),
        );
        let body = json!({"Records": [record("x"), record("y")]});
        let expected = (true, counts(&[("ObjectsRetried", 2)]));
        assert_eq!((handler.handle(&body).await, handler.visibility().len()), (expected, 1));
        for body in [json!({}), load("text")] {
            let mut handler = Handler::new(&[]);
            handler.put("text", "plain text");
            assert_eq!(handler.handle(&body).await, (true, counts(&[("ObjectsRetried", 1)])));
            assert_eq!(handler.visibility(), []);
        }
    });
}

#[test]
fn what_is_cut_off_is_read_on_five_times() {
    on_paused_clock(async {
        let text = lines(0, 500);
        let mut handler = Handler::new(&[]);
        handler.put("k", text.clone());
        handler.gets((0..5).map(|_| Get::BreakAfter(1_500)));
        let (again, counted) = handler.handle(&load("k")).await;
        assert_eq!(
            (again, counted),
            (false, counts(&[("DocumentsIndexed", 500), ("ObjectsDone", 1)]))
        );
        let expected = [0, 1_500, 3_000, 4_500, 6_000, 7_500];
        assert_eq!(handler.ranges(), expected.map(|start| (start, None)));
        handler.gets((0..6).map(|_| Get::BreakAfter(1_000)));
        let (again, _) = handler.handle(&load("k")).await;
        assert!(again);
        // An object that is complete and invalid, for example by its checksum, cannot be continued.
        handler.be_well();
        handler.gets([Get::BreakAfter(text.len())]);
        let (again, _) = handler.handle(&load("k")).await;
        assert!(again);
    });
}

#[test]
fn refused_records_that_cannot_be_kept_are_not_lost() {
    on_paused_clock(async {
        let mut handler = Handler::new(&[]);
        handler.put("k", "{\"id\":\"a\"}\noops");
        handler.puts_fail([ObjectError::Denied(String::new())]);
        let (again, counted) = handler.handle(&load("k")).await;
        assert!(again);
        assert!(counted.contains(&("ObjectsRetried".to_owned(), 1)), "{counted:?}");
        assert_eq!((handler.kept().len(), handler.visibility().len()), (0, 1));
        let (again, _) = handler.handle(&load("k")).await;
        assert_eq!((again, handler.kept().len()), (false, 1));
    });
}
