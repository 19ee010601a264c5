//! Messages of FIFO queues.

use super::*;

#[test]
fn in_a_fifo_queue_a_group_stops_at_its_first_failure() {
    let bodies: Vec<_> = ["a1", "b1", "a2", "b2", "a3", "c1"].map(play).into();
    let groups = ["a", "b", "a", "b", "a", "c"];
    let bodies: Vec<_> = bodies.iter().map(|body| &**body).zip(groups).collect();
    let event = event(&bodies, "music.fifo");
    let index = &mut |ids: &[String]| answer(ids, |id| if id == "a2" { 503 } else { 201 });
    let run = run_with(&event, &SETTING, index, &mut taken);
    let expected: [&[_]; 3] = [&["a1", "b1"], &["a2", "b2"], &["c1"]];
    assert_eq!(run.requests, expected);
    let [unavailable, group] =
        [Retry::Search(opensearch::Retry::Unavailable), Retry::GroupFailed].map(retry);
    assert_eq!(run.report.outcomes, [DONE, DONE, unavailable, DONE, group, DONE]);
}

#[test]
fn in_a_fifo_queue_what_is_in_quarantine_did_not_fail() {
    let event = event(&[("oops", "a"), (&play("a2"), "a"), (&play("b1"), "b")], "music.fifo");
    for (answer_of_sqs, outcomes) in [
        (None, [QUARANTINED, DONE, DONE]),
        (failure(), [retry(Retry::NotQuarantined), retry(Retry::GroupFailed), DONE]),
    ] {
        let index = &mut |ids: &[String]| answer(ids, |_| 201);
        let sqs = &mut |_: &[Quarantined]| vec![answer_of_sqs.clone()];
        let run = run_with(&event, &SETTING, index, sqs);
        assert_eq!(run.report.outcomes, outcomes);
    }
}

#[test]
fn in_a_fifo_queue_the_rest_of_a_message_shares_its_request_with_no_other_of_its_group() {
    let many = format!("[{},{},{}]", play("a1"), play("a2"), play("a3"));
    let event = event(&[(&many, "a"), (&play("a4"), "a"), (&play("b1"), "b")], "music.fifo");
    let setting = Setting { limits: Limits { documents: 2, ..SETTING.limits }, ..SETTING };
    let run = run_with(&event, &setting, &mut |ids| answer(ids, |_| 201), &mut taken);
    let expected: [&[_]; 3] = [&["a1", "a2"], &["a3"], &["a4", "b1"]];
    assert_eq!(run.requests, expected);
}

#[test]
fn messages_of_a_fifo_queue_without_a_group_are_of_one() {
    let record =
        |id: &str| json!({"messageId": id, "eventSourceARN": "a:music.fifo", "body": play(id)});
    let event = json!({"Records": [record("a"), record("b")]}).to_string();
    let run = run_with(&event, &SETTING, &mut |ids| answer(ids, |_| 503), &mut taken);
    assert_eq!(run.requests, [["a"]]);
    let expected = [Retry::Search(opensearch::Retry::Unavailable), Retry::GroupFailed].map(retry);
    assert_eq!(run.report.outcomes, expected);
}

#[test]
fn groups_mean_nothing_in_a_standard_queue() {
    let event = event(&[(&play("a"), "g"), (&play("b"), "g")], "music");
    let run = run_with(&event, &SETTING, &mut |ids| answer(ids, |_| 503), &mut taken);
    assert_eq!(run.requests, [["a", "b"]]);
    assert_eq!(run.report.outcomes, [retry(Retry::Search(opensearch::Retry::Unavailable)); 2]);
}
