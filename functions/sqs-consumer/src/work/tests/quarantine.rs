//! What goes to quarantine, and when.

use base64_simd::STANDARD;

use super::*;

#[test]
fn what_cannot_be_parsed_goes_to_quarantine_as_it_was() {
    let bodies = ["oops", &play("a"), "[]", "[5]", " {\"a\":1} x\n", ""];
    let run = run(&bodies, &[]);
    assert_eq!(run.requests.len(), 1);
    assert_eq!(run.requests[0][0], "a");
    let expected = [QUARANTINED, DONE, QUARANTINED, QUARANTINED, QUARANTINED];
    assert_eq!(run.report.outcomes[..5], expected);
    // SQS does not accept empty messages.
    assert_eq!(run.report.outcomes[5], retry(Retry::NotQuarantined));
    let entry = |at: usize, reason: &str| (at, bodies[at].to_owned(), reason.to_owned());
    let expected = [
        entry(0, "invalid_json"),
        entry(2, "empty"),
        entry(3, "not_an_object"),
        // The event before it is written.
        (4, "x".to_owned(), "invalid_json".to_owned()),
    ];
    assert_eq!(run.quarantined, [expected]);
    assert_eq!((run.report.indexed, refused(&run.report)), (2, 5));
}

#[test]
fn of_a_message_of_many_events_only_the_refused_ones_go_to_quarantine() {
    let body = format!("[{}, 5 ,{},{}]", play("a"), play("b"), play("c"));
    let run = run(&[&body, &play("d")], &[("b", 400)]);
    assert_eq!(run.report.outcomes, [QUARANTINED, DONE]);
    let entry = |body: &str, reason: &str| (0, body.to_owned(), reason.to_owned());
    let expected = [entry("5", "not_an_object"), entry(&play("b"), "mapper_parsing_exception")];
    assert_eq!(run.quarantined, [expected]);
    assert_eq!((run.report.indexed, refused(&run.report)), (3, 2));
}

#[test]
fn what_is_broken_goes_to_quarantine_alone_however_the_requests_are_cut() {
    let nan = "{\"x\":NaN}";
    let array = format!("[{},{nan},{},{}]", play("a"), play("b"), play("c"));
    let lines = format!("\"cut\":1}}\n{}\n{nan}\n{}", play("d"), play("e"));
    let joined = format!("{}{}{{", play("f"), play("g"));
    for documents in 1..=8 {
        let setting = Setting { limits: Limits { documents, ..SETTING.limits }, ..SETTING };
        let event = event(&[(&array, ""), (&lines, ""), (&joined, "")], "music");
        let run = run_with(&event, &setting, &mut |ids| answer(ids, |_| 201), &mut taken);
        assert_eq!(run.report.outcomes, [QUARANTINED; 3], "{documents}");
        assert_eq!(run.requests.concat(), ["a", "b", "c", "d", "e", "f", "g"], "{documents}");
        let entry = |message, body: &str| (message, body.to_owned(), "invalid_json".to_owned());
        let expected = [entry(0, nan), entry(1, "\"cut\":1}"), entry(1, nan), entry(2, "{")];
        assert_eq!(run.quarantined.concat(), expected, "{documents}");
    }
}

/// An event as a string that contains it.
fn text(event: &str) -> String {
    json!(event).to_string()
}

#[test]
fn what_is_broken_among_strings_that_hold_events_goes_to_quarantine_alone() {
    let [a, b, c] = ["a", "b", "c"].map(|id| text(&play(id)));
    let broken = "broken";
    for (body, ids, refused) in [
        (format!("{a}\n{broken}\n{b}"), &["a", "b"][..], &[(1, broken)][..]),
        (format!("{a}\n{b}\n{broken}"), &["a", "b"], &[(2, broken)]),
        (format!("{broken}\n{a}\n{b}"), &["a", "b"], &[(0, broken)]),
        (format!("{a}\n{{\"x\":1}}}}\n{}", play("b")), &["a", "b"], &[(1, "{\"x\":1}}")]),
        (format!("{}\n{a}\r\n\"{{\\\"ev", play("b")), &["b", "a"], &[(2, "\"{\\\"ev")]),
        (format!("[{a},{b},\"{{"), &["a", "b"], &[(2, "\"{")]),
        (format!("[{a},NaN,{b}]"), &["a", "b"], &[(1, "NaN")]),
        (format!("{a}{b} {c}"), &["a", "b", "c"], &[]),
        (format!("{a} {broken}"), &["a"], &[(1, broken)]),
    ] {
        for documents in 1..=4 {
            let setting = Setting { limits: Limits { documents, ..SETTING.limits }, ..SETTING };
            let event = event(&[(&body, "")], "music");
            let run = run_with(&event, &setting, &mut |ids| answer(ids, |_| 201), &mut taken);
            assert_eq!(run.requests.concat(), ids, "{body}");
            let bodies = run.quarantined.concat().into_iter().map(|(_, body, _)| body);
            assert_eq!(
                bodies.collect::<Vec<_>>(),
                refused.iter().map(|it| it.1).collect::<Vec<_>>()
            );
            let expected = if refused.is_empty() { DONE } else { QUARANTINED };
            assert_eq!(run.report.outcomes, [expected], "{body}");
        }
    }
}

#[test]
fn of_more_than_a_thousand_refused_events_the_message_is_kept() {
    let body = |refused| format!("[{}{}]", "5,".repeat(refused), play("a"));
    let run = run(&[&body(1_001)], &[]);
    assert_eq!(run.requests, [["a"]]);
    assert_eq!(run.report.outcomes, [QUARANTINED]);
    assert_eq!(run.quarantined, [[(0, body(1_001), "not_an_object".to_owned())]]);
    assert_eq!(refused(&run.report), 1_001);
    let run = self::run(&[&body(1_000)], &[]);
    assert_eq!(run.quarantined.len(), 100);
    assert!(run.quarantined.concat().iter().all(|(_, body, _)| body == "5"));
    // Documents that OpenSearch rejects also count.
    let events: Vec<_> = (0..1_001).map(|at| play(&format!("e{at}"))).collect();
    let array = format!("[{}]", events.join(","));
    let event = event(&[(&array, "")], "music");
    let run = run_with(&event, &SETTING, &mut |ids| answer(ids, |_| 400), &mut taken);
    assert_eq!(run.quarantined, [[(0, array, "mapper_parsing_exception".to_owned())]]);
}

#[test]
fn a_message_with_an_event_that_sqs_does_not_take_goes_to_quarantine_whole() {
    let sns = |message: &str| json!({"Type": "Notification", "Message": message}).to_string();
    let (a, b) = (play("a"), play("b"));
    let bytes = [a.as_bytes(), b"\n{\xff}\noops\n", b.as_bytes()].concat();
    let data = STANDARD.encode_to_string(bytes);
    let event =
        json!({"specversion": "1.0", "id": "i", "source": "s", "type": "t", "data_base64": data});
    for (body, reason) in [
        (sns(&format!("{a}\n\u{1}\n{b}")), "invalid_json"),
        (sns(&format!("[{a},\u{ffff}oops,{b}]")).replace('\u{ffff}', "\\uffff"), "invalid_json"),
        (event.to_string(), "invalid_utf8"),
    ] {
        let run = run(&[&body], &[]);
        assert_eq!(run.requests, [["a", "b"]]);
        assert_eq!(run.report.outcomes, [QUARANTINED]);
        assert_eq!(run.quarantined, [[(0, body, reason.to_owned())]]);
    }
    // An event before it that SQS takes is there alone too.
    let body = sns(&format!("oops\n\u{1}\n{a}"));
    let run = run(&[&body], &[]);
    let entry = |body: &str| (0, body.to_owned(), "invalid_json".to_owned());
    assert_eq!(run.quarantined, [[entry("oops"), entry(&body)]]);
}

#[test]
fn documents_do_not_wait_for_the_quarantine_of_other_messages() {
    let many = format!("[{}5]", "5,".repeat(999));
    let mut bodies = vec![(&*many, "g"); 10];
    let good: Vec<_> = ["a", "b", "c"].map(play).into();
    bodies.extend(good.iter().map(|body| (&**body, "h")));
    // Whether documents were written, by call.
    let order = |queue: &str| {
        let steps = std::cell::RefCell::new(Vec::new());
        let note = |step| steps.borrow_mut().push(step);
        let index = &mut |ids: &[String]| {
            note("bulk");
            answer(ids, |_| 201)
        };
        let sqs = &mut |entries: &[Quarantined]| {
            note("quarantine");
            taken(entries)
        };
        let run = run_with(&event(&bodies, queue), &SETTING, index, sqs);
        assert_eq!(run.report.outcomes.len(), 13);
        assert!(!run.report.outcomes.iter().any(|it| matches!(it, Outcome::Retry(_))));
        assert_eq!(run.requests.concat(), ["a", "b", "c"]);
        let mut steps = steps.take();
        assert_eq!(steps.iter().filter(|step| **step == "quarantine").count(), 1_000);
        steps.dedup();
        steps
    };
    // The number of waiting events is bounded, and all are sent together.
    assert_eq!(order("music"), ["quarantine", "bulk", "quarantine"]);
    // The last of the one group is tried with the first of the other.
    assert_eq!(order("music.fifo"), ["quarantine", "bulk", "quarantine", "bulk"]);
}

#[test]
fn a_refused_log_event_goes_to_quarantine_in_a_message_of_its_own() {
    let [a, b] = ["a", "b"].map(|id| json!({"id": id, "message": "x"}));
    let none = json!({"id": "c"});
    let many = log_message(&[a.clone(), b.clone(), none.clone()]);
    let in_sns = json!({"Type": "Notification", "Message": many.replace("\"b\"", "\"d\"")});
    let in_sns = in_sns.to_string();
    let alone = log_message(std::slice::from_ref(&none));
    let run = run(&[&many, &in_sns, &alone], &[("b", 400), ("d", 400)]);
    assert_eq!(run.requests, [["a", "b", "a", "d"]]);
    assert_eq!(run.report.outcomes, [QUARANTINED; 3]);
    let entry = |message, body: &str, reason: &str| (message, body.to_owned(), reason.to_owned());
    let d = log_message(std::slice::from_ref(&b)).replace("\"b\"", "\"d\"");
    let expected = [
        entry(0, &log_message(&[b]), "mapper_parsing_exception"),
        entry(0, &alone, "empty"),
        entry(1, &d, "mapper_parsing_exception"),
        entry(1, &alone, "empty"),
        // A message with one event is sent unchanged.
        entry(2, &alone, "empty"),
    ];
    assert_eq!(run.quarantined, [expected]);
}

#[test]
fn a_pointer_of_the_extended_client_goes_to_quarantine_whole() {
    let pointer =
        r#"["com.amazon.sqs.javamessaging.MessageS3Pointer",{"s3BucketName":"b","s3Key":"k"}]"#;
    let run = run(&[&play("a"), pointer], &[]);
    assert_eq!(run.requests, [["a"]]);
    assert_eq!(run.report.outcomes, [DONE, QUARANTINED]);
    let expected = (1, pointer.to_owned(), "large_payload_pointer".to_owned());
    assert_eq!(run.quarantined, [[expected]]);
}

#[test]
fn what_is_retried_is_not_sent_to_quarantine_before() {
    let body = format!("[{},5]", play("a"));
    let run = run(&[&body], &[("a", 429)]);
    assert_eq!(run.report.outcomes, [retry(Retry::Search(opensearch::Retry::Throttled))]);
    assert_eq!(run.quarantined, [[]; 0]);
}

#[test]
fn without_quarantine_a_message_ends_in_the_dead_letter_queue() {
    let setting = Setting { quarantine: false, ..SETTING };
    let event = event(&[("oops", ""), (&play("a"), "")], "music");
    let run = run_with(&event, &setting, &mut |ids| answer(ids, |_| 201), &mut taken);
    assert_eq!(run.report.outcomes, [retry(Retry::NoQuarantine), DONE]);
    assert!(!Retry::NoQuarantine.backs_off() && !Retry::NotQuarantined.backs_off());
}

#[test]
fn what_is_not_in_quarantine_is_retried() {
    let many = "[1,2,3]";
    let event = event(&[("oops", ""), (many, ""), ("oops", ""), ("oops", "")], "music");
    let mut answers = vec![vec![None, None, failure(), None, failure()]];
    let index = &mut |ids: &[String]| answer(ids, |_| 201);
    let run = run_with(&event, &SETTING, index, &mut |_| answers.pop().unwrap());
    // The last one is missing in the answer.
    let again = retry(Retry::NotQuarantined);
    assert_eq!(run.report.outcomes, [QUARANTINED, again, again, again]);
    let expected = [("NoAnswer", (1, "")), ("Some", (2, "no"))];
    let expected =
        expected.map(|(code, (count, said))| (code.to_owned(), (count, said.to_owned())));
    assert_eq!(run.report.not_quarantined, expected.into());
}

#[test]
fn quarantine_takes_ten_at_a_time_and_no_more_than_every_queue_takes() {
    let event = event(&[("oops", ""); 23], "music");
    let run = run_with(&event, &SETTING, &mut |ids| answer(ids, |_| 201), &mut taken);
    let lengths: Vec<_> = run.quarantined.iter().map(Vec::len).collect();
    assert_eq!(lengths, [10, 10, 3]);
    assert_eq!(run.report.outcomes, [QUARANTINED; 23]);
    let large = "x".repeat(100_000);
    let event = self::event(&[(&large, ""), (&large, ""), (&large, ""), ("oops", "")], "music");
    let run = run_with(&event, &SETTING, &mut |ids| answer(ids, |_| 201), &mut taken);
    let lengths: Vec<_> = run.quarantined.iter().map(Vec::len).collect();
    assert_eq!(lengths, [2, 2]);
}
