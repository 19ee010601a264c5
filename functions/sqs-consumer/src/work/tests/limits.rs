//! Limits: the end of the time, of the log, and of a message that causes a panic.

use super::*;

#[test]
fn a_panic_is_one_message() {
    let many = format!("[{},{{\"x\":\"panic\"}},{}]", play("b"), play("c"));
    let run = run(&[&play("a"), &many, &play("d")], &[]);
    assert_eq!(run.report.outcomes, [DONE, retry(Retry::Panicked), DONE]);
    assert_eq!(run.requests, [["a", "b", "d"]]);
}

#[test]
fn what_is_not_confirmed_when_the_time_ends_comes_again() {
    let many = format!("[{},5,{}]", play("b"), play("c"));
    let bodies = [(&*play("a"), ""), (&*many, ""), ("oops", ""), (&*play("d"), "")];
    let event = event(&bodies, "music");
    let deadline = retry(Retry::Deadline);
    // Requests are [a, b], then [c, d] after 413 for the whole as [c] and [d].
    let expected = [
        [deadline; 4],
        [DONE, deadline, deadline, deadline],
        [DONE, deadline, deadline, deadline],
        [DONE, deadline, deadline, deadline],
        [DONE, deadline, deadline, DONE],
        [DONE, QUARANTINED, QUARANTINED, DONE],
    ];
    for (stop, expected) in expected.into_iter().enumerate() {
        let limits = Limits { documents: 2, ..SETTING.limits };
        let setting = Setting { limits, stop, ..SETTING };
        let index = &mut |ids: &[String]| {
            if ids == ["c", "d"] { status(413) } else { answer(ids, |_| 201) }
        };
        let run = run_with(&event, &setting, index, &mut taken);
        assert_eq!(run.report.outcomes, expected, "{stop}");
        assert_eq!(run.quarantined.len(), usize::from(stop == 5));
    }
}

#[test]
fn a_call_that_is_not_answered_is_not_confirmed() {
    let event = event(&[("oops", "")], "music");
    let messages = envelope::parse(event.as_bytes()).unwrap();
    let mut buffers = Buffers::default();
    let Setting { limits, quarantine, .. } = SETTING;
    let writing = writing(limits);
    let metrics = MetricRules::default();
    let rules = rules(&writing, quarantine, &metrics);
    let refuse = |_: &Incoming<'_>, _: &mut Out| Err(Refusal::InvalidJson);
    let mut work = Work::new(rules, &messages, &mut buffers, refuse);
    assert!(matches!(work.next_step(), Step::Quarantine([_])));
    assert!(matches!(work.next_step(), Step::Quarantine([_])), "the same until it is answered");
    assert_eq!(work.finish().outcomes, [retry(Retry::Deadline)]);
}

#[test]
fn opensearch_cannot_fill_the_log_with_reasons() {
    let bodies: Vec<_> = (0..100).map(|at| play(&format!("e{at}"))).collect();
    let bodies: Vec<_> = bodies.iter().map(|body| (&**body, "")).collect();
    let index = &mut |ids: &[String]| {
        let item = |id: &String| {
            let error = json!({"type": format!("{id}_exception"), "reason": "r"});
            json!({"create": {"_id": id, "status": 400, "error": error}})
        };
        let items: Vec<_> = ids.iter().map(item).collect();
        Ok(Answer { status: 200, body: json!({"items": items}).to_string().into() })
    };
    let run = run_with(&event(&bodies, "music"), &SETTING, index, &mut taken);
    // They are not known to be about the document.
    assert_eq!(
        run.report.outcomes,
        [retry(Retry::Search(opensearch::Retry::SetUp(&UNKNOWN))); 100]
    );
    let expected: Vec<_> =
        (0..8).map(|at| Trouble::Documents(format!("e{at}_exception"))).collect();
    assert_eq!(run.report.findings.troubles, expected);
    assert_eq!(run.quarantined, [[]; 0]);
}

#[test]
fn refused_requests_cannot_fill_the_log_with_reasons() {
    let bodies: Vec<_> = (0..100).map(|at| play(&format!("e{at}"))).collect();
    let bodies: Vec<_> = bodies.iter().map(|body| (&**body, "")).collect();
    let index = &mut |ids: &[String]| {
        let error = json!({"type": format!("{}_exception", ids[0]), "reason": "r"});
        Ok(Answer { status: 400, body: json!({"error": error}).to_string().into() })
    };
    let run = run_with(&event(&bodies, "music"), &SETTING, index, &mut taken);
    assert_eq!(run.report.outcomes, [QUARANTINED; 100]);
    assert_eq!((run.report.findings.refused.len(), refused(&run.report)), (33, 100));
    assert_eq!(run.report.findings.refused["other"], Refusals { count: 68, first: 32, advice: "" });
}
