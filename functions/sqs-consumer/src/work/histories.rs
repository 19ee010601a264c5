//! Random histories against a model of the outside: whatever OpenSearch and SQS do, and
//! whenever the time ends, a message that is not named in the answer is settled.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::config::Environment;
use shared::event::{Reader, model};

use super::*;
use crate::envelope;

const HISTORIES: u64 = 3_000;

/// One event of a message: its text, and its id if it can become a document.
type Event = (String, Option<String>);

/// A message: its events, its body and its FIFO group.
struct Sent {
    events: Vec<Event>,
    body: String,
    group: String,
}

/// What stands outside the function.
#[derive(Default)]
struct World {
    index: BTreeSet<String>,
    quarantine: BTreeSet<(usize, String)>,
    /// The ids of each bulk request.
    requests: Vec<Vec<String>>,
}

fn event(random: &mut fastrand::Rng) -> Event {
    // Few ids: some come twice.
    let id = format!("e{}", random.u8(0..12));
    match random.u8(0..8) {
        0 => ("7".to_owned(), None),
        1 => (format!("{{\"event_id\":\"{id}\",\"n\":{}}}", "1".repeat(1_001)), None),
        _ => (format!("{{\"event_id\":\"{id}\"}}"), Some(id)),
    }
}

fn message(random: &mut fastrand::Rng) -> Sent {
    let count = random.usize(1..6);
    let mut events: Vec<_> = (0..count).map(|_| event(random)).collect();
    let texts = |events: &[Event]| events.iter().map(|(text, _)| text.clone()).collect::<Vec<_>>();
    let body = match random.u8(0..8) {
        0 => {
            events = vec![("oops".to_owned(), None)];
            "oops".to_owned()
        }
        1 | 2 => format!("[{}]", texts(&events).join(" ,")),
        3 | 4 => texts(&events).join("\n\n"),
        5 => json!({"Type": "Notification", "Message": texts(&events).join("\n")}).to_string(),
        _ => {
            events.truncate(1);
            events[0].0.clone()
        }
    };
    if let [(text, _)] = &mut events[..] {
        // Alone, it goes to quarantine in the body that it came in.
        text.clone_from(&body);
    }
    Sent { events, body, group: format!("g{}", random.u8(0..3)) }
}

impl World {
    /// What OpenSearch makes of a request.
    fn bulk(&mut self, ids: &[String], random: &mut fastrand::Rng) -> Result<Answer, Error> {
        let whole = |status| Ok(Answer { status, body: "{}".into() });
        let lost = || Err(Error::BrokenAnswer("cut".to_owned()));
        self.requests.push(ids.to_owned());
        match random.u8(0..16) {
            0 => return whole([401, 404, 429, 503][random.usize(0..4)]),
            1 => return whole([400, 413][random.usize(0..2)]),
            2 => return lost(),
            _ => {}
        }
        let item = |id: &String| {
            let status = match random.u8(0..12) {
                0 => [400, 403, 404, 429, 503, 700][random.usize(0..6)],
                _ if self.index.insert(id.clone()) => 201,
                _ => 409,
            };
            json!({"create": {"_id": id, "status": status}})
        };
        let mut items: Vec<Value> = ids.iter().map(item).collect();
        match random.u8(0..24) {
            0 => return lost(),
            1 => drop(items.pop()),
            2 => items.reverse(),
            _ => {}
        }
        Ok(Answer { status: 200, body: json!({"items": items}).to_string().into() })
    }

    /// What SQS makes of messages for quarantine.
    fn take(
        &mut self,
        entries: &[Quarantined],
        random: &mut fastrand::Rng,
    ) -> Vec<Option<Failure>> {
        let mut failures: Vec<_> = entries
            .iter()
            .map(|entry| {
                if random.u8(0..6) == 0 {
                    let (code, message) = ("Some".to_owned(), String::new());
                    return Some(Failure { code, message });
                }
                self.quarantine.insert((entry.message, entry.body.clone()));
                None
            })
            .collect();
        failures.truncate(random.usize(0..40));
        failures
    }
}

fn run(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let fifo = random.bool();
    let sent: Vec<_> = (0..random.usize(0..9)).map(|_| message(&mut random)).collect();
    let queue = if fifo { "music.fifo" } else { "music" };
    let record = |(at, sent): (usize, &Sent)| {
        json!({
            "messageId": format!("m{at}"), "body": sent.body,
            "eventSourceARN": format!("arn:aws:sqs:eu-west-1:1:{queue}"),
            "attributes": {"MessageGroupId": sent.group},
        })
    };
    let records: Vec<_> = sent.iter().enumerate().map(record).collect();
    let event = json!({"Records": records}).to_string();
    let messages = envelope::parse(event.as_bytes()).unwrap();
    let (mut reader, mut buffers) = (Reader::default(), Buffers::default());
    let model = model(&Environment::default()).unwrap();
    let write = |event: &[u8], arrival: &Arrival, document: &mut Vec<u8>| {
        Ok(reader.read(&model, event)?.write_document(arrival, document))
    };
    let pattern = IndexPattern::parse("events").unwrap();
    let limits = Limits { bytes: 10_000, documents: random.usize(1..6) };
    let quarantine = random.u8(0..4) > 0;
    let rules = Rules { index: &pattern, limits, quarantine, now: Timestamp::YEAR_2000 };
    let mut work = Work::new(rules, &messages, &mut buffers, write);
    let mut world = World::default();
    let steps = if random.bool() { random.usize(0..10) } else { 10_000 };
    for _ in 0..steps {
        match work.next_step() {
            Step::Bulk(body) => {
                let reply = world.bulk(&super::tests::ids(body), &mut random);
                work.bulk_answered(&reply);
            }
            Step::Quarantine(entries) => {
                assert!(quarantine && (1..=MAX_ENTRIES).contains(&entries.len()));
                let failures = world.take(entries, &mut random);
                work.quarantined(&failures);
            }
            Step::Finished => break,
        }
    }
    if random.bool() {
        // The time may end while something is under way, too.
        work.next_step();
    }
    if steps == 10_000 {
        assert_eq!(work.next_step(), Step::Finished, "it comes to an end");
    }
    let outcomes = work.finish().outcomes;
    assert_eq!(outcomes.len(), sent.len());
    check_settled(&sent, &outcomes, &world);
    if fifo {
        check_order(&sent, &outcomes, &world);
    }
}

/// All events of a message that SQS deletes are in the index or in quarantine.
fn check_settled(sent: &[Sent], outcomes: &[Outcome], world: &World) {
    for (at, (message, outcome)) in sent.iter().zip(outcomes).enumerate() {
        if matches!(outcome, Outcome::Retry(_)) {
            continue;
        }
        let in_quarantine = |(text, _): &&Event| world.quarantine.contains(&(at, text.clone()));
        let quarantined = message.events.iter().filter(in_quarantine).count();
        assert_eq!(quarantined > 0, *outcome == Outcome::Quarantined, "message {at}");
        for event in &message.events {
            let indexed = event.1.as_ref().is_some_and(|id| world.index.contains(id));
            assert!(indexed || in_quarantine(&event), "message {at}: {}", event.0);
        }
    }
}

/// No message is tried after one of its group failed, and no two of a group at once.
fn check_order(sent: &[Sent], outcomes: &[Outcome], world: &World) {
    let mut failed = BTreeSet::new();
    for (message, outcome) in sent.iter().zip(outcomes) {
        let again = matches!(outcome, Outcome::Retry(_));
        if failed.contains(&message.group) {
            let passed = [Retry::GroupFailed, Retry::Deadline].map(Outcome::Retry);
            assert!(passed.contains(outcome), "{outcome:?}");
        }
        if again {
            failed.insert(message.group.clone());
        }
    }
    // Where every id is of one group only, a request tells which groups are in it.
    let groups = |id: &str| -> BTreeSet<_> {
        let holds = |sent: &&Sent| sent.events.iter().any(|(_, own)| own.as_deref() == Some(id));
        sent.iter().enumerate().filter(|(_, sent)| holds(sent)).map(|(at, _)| at).collect()
    };
    for request in &world.requests {
        let certain: Vec<_> =
            request.iter().map(|id| groups(id)).filter(|of| of.len() == 1).collect();
        let members: BTreeSet<_> = certain.iter().flatten().collect();
        let distinct: BTreeSet<_> = members.iter().map(|at| &sent[**at].group).collect();
        assert_eq!(members.len(), distinct.len(), "two messages of a group in {request:?}");
    }
}

#[test]
fn whatever_happens_outside_nothing_is_lost() {
    for seed in 0..HISTORIES {
        // Shown where the test fails.
        println!("seed {seed}");
        run(seed);
    }
}
