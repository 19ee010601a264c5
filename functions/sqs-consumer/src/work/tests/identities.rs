//! The identities of a message's events.

use proptest::collection::vec;
use proptest::prelude::any;
use testkit::holds;

use super::*;

/// An event without an id, equal to all others.
const HEARTBEAT: &str = "{\"n\":1}";

/// The body of a message with several heartbeats in one of four forms, optionally with a malformed
/// event after the first.
fn body(count: usize, form: u8, is_broken: bool) -> String {
    let mut events = vec![HEARTBEAT; count];
    if is_broken {
        events.insert(1, "{\"n\":NaN}");
    }
    match form {
        0 => events.join("\n"),
        1 => format!("[{}]", events.join(",")),
        2 => format!(" [ {} ] ", events.join(" ,\n")),
        _ => json!({"Type": "Notification", "Message": events.join("\n")}).to_string(),
    }
}

#[test]
fn equal_events_are_documents_of_their_own_and_the_same_ones_when_delivered_again() {
    let messages = vec((1..6_usize, 0..4_u8, any::<bool>()), 1..6);
    holds(500, &(messages, 1..9_usize, 1..9_usize), |(messages, first, second)| {
        let bodies: Vec<_> =
            messages.iter().map(|&(count, form, is_broken)| body(count, form, is_broken)).collect();
        let bodies: Vec<_> = bodies.iter().map(|body| (&**body, "")).collect();
        // However the requests are divided.
        let [once, again] = [first, second].map(|documents| {
            let setting = Setting { limits: Limits { documents, ..SETTING.limits }, ..SETTING };
            let index = &mut |ids: &[String]| answer(ids, |_| 201);
            run_with(&event(&bodies, "music"), &setting, index, &mut taken).requests.concat()
        });
        assert_eq!(once, again);
        let different: BTreeSet<_> = once.iter().collect();
        let events: usize = messages.iter().map(|(count, ..)| count).sum();
        assert_eq!((different.len(), once.len()), (events, events), "{bodies:?}");
    });
}
