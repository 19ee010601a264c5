//! Whatever OpenSearch and SQS answer, no message is deleted whose document is neither in the index
//! nor in quarantine. The tests know what an answer shows from how they make it, not by reading it.

use std::cell::Cell;
use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::types::BatchResultErrorEntry;
use fastrand::Rng;
use proptest::prelude::any;
use shared::sqs::attributes::POSITION;
use shared::sqs::{AttributeValue, by_entry};
use testkit::holds;

use super::*;

/// An event of a message; one without an id cannot be a document.
#[derive(Clone, Debug)]
struct Event {
    id: Option<String>,
    text: String,
}

/// A message with these events, in one of the possible forms of a body.
#[derive(Debug)]
struct Body {
    events: Vec<Event>,
    text: String,
    group: &'static str,
}

/// What an item of an answer shows, if it is in the right position.
#[derive(Clone, Debug)]
enum Shows {
    Nothing,
    /// The document with this id is in the index.
    Id(String),
    /// The document is in the index, under the id that a pipeline chose.
    Elsewhere,
}

fn one_of<T: Copy>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())]
}

fn good_event(random: &mut Rng, number: usize) -> Event {
    // Unchanged, and with an escape.
    let written = one_of(random, &["e", r"\u0065"]);
    let mut text = format!("{{\"event_id\":\"{written}{number}\",\"n\":{number}}}");
    // And in a string.
    if random.u8(..3) == 0 {
        text = json!(text).to_string();
    }
    Event { id: Some(format!("e{number}")), text }
}

fn bodies(random: &mut Rng) -> Vec<Body> {
    let mut number = 0;
    let mut bodies: Vec<Body> = Vec::new();
    for _ in 0..random.usize(1..8) {
        let mut next = |random: &mut Rng| {
            number += 1;
            match random.u8(..6) {
                0 => Event { id: None, text: one_of(random, &["5", "{\"x\":NaN}"]).to_owned() },
                _ => good_event(random, number),
            }
        };
        let mut events = vec![next(random)];
        let form = random.u8(..5);
        if form >= 3 {
            events.extend((0..random.usize(1..5)).map(|_| next(random)));
            // If one line is an event, the others are known to be lines.
            number += 1;
            events.push(good_event(random, number));
        }
        let texts: Vec<_> = events.iter().map(|event| &*event.text).collect();
        let text = match form {
            3 => format!("[{}]", texts.join(",")),
            _ => texts.join("\n"),
        };
        bodies.push(Body { events, text, group: one_of(random, &["g", "h"]) });
        // Sent twice.
        if let (0, Some(Body { events, text, group })) = (random.u8(..6), bodies.last()) {
            bodies.push(Body { events: events.clone(), text: text.clone(), group });
        }
    }
    bodies
}

/// An item for the document with this id.
fn item(random: &mut Rng, id: &str) -> (String, Shows) {
    let quoted = match random.u8(..4) {
        0 => format!("\"\\u{:04x}{}\"", id.as_bytes()[0], &id[1..]),
        _ => format!("\"{id}\""),
    };
    let of =
        |id: &str, rest: &str| format!("{{\"create\":{{\"_index\":\"i\",\"_id\":{id},{rest}}}}}");
    let error = "\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":\"r\",\"status\":201}";
    let its = |text| (text, Shows::Id(id.to_owned()));
    let (text, shows) = match random.u8(..32) {
        0..=12 => its(of(&quoted, one_of(random, &["\"status\":201", "\"status\":200"]))),
        13 | 14 => its(of(&quoted, "\"status\":409,\"error\":{\"type\":\"version_conflict\"}")),
        15 | 16 => (of(&quoted, &format!("\"status\":400,{error}")), Shows::Nothing),
        17..=19 => {
            let status = one_of(random, &[100, 302, 400, 401, 403, 404, 413, 422, 429, 500, 600]);
            (of(&quoted, &format!("\"status\":{status}")), Shows::Nothing)
        }
        20 => (of("\"pipeline-1\"", "\"status\":201"), Shows::Elsewhere),
        21 => (of("\"pipeline-1\"", "\"status\":409"), Shows::Elsewhere),
        22 => (of("\"pipeline-1\"", &format!("\"status\":400,{error}")), Shows::Nothing),
        23 => (of(&quoted, &format!("\"status\":201,{error}")), Shows::Nothing),
        24 => (of(one_of(random, &["null", "7", "{}", "\"\""]), "\"status\":409,\"x\":1"), {
            // An empty id is that of no document.
            Shows::Nothing
        }),
        25 => {
            let name = one_of(random, &["index", "update", "delete", "Create", ""]);
            let text = of(&quoted, "\"status\":201");
            (text.replacen("create", name, 1), Shows::Nothing)
        }
        26 => {
            let status =
                one_of(random, &["\"201\"", "201.0", "2.01e2", "65737", "-201", "null", "[201]"]);
            (of(&quoted, &format!("\"status\":{status}")), Shows::Nothing)
        }
        27 => {
            let twice = one_of(
                random,
                &[
                    "\"status\":201,\"status\":500",
                    "\"status\":500,\"status\":201",
                    "\"status\":201,\"status\":\"500\"",
                    "\"status\":201,\"_id\":7",
                    "\"status\":201,\"_id\":\"other\"",
                ],
            );
            (of(&quoted, twice), Shows::Nothing)
        }
        28 => {
            let (good, bad) = (of(&quoted, "\"status\":201"), of(&quoted, "\"status\":500"));
            let pair = if random.bool() { [&good, &bad] } else { [&bad, &good] };
            let [one, other] = pair.map(|item| &item[1..item.len() - 1]);
            (format!("{{{one},{other}}}"), Shows::Nothing)
        }
        29 => (of(&quoted, "\"result\":\"created\""), Shows::Nothing),
        _ => {
            let all =
                ["5", "null", "\"created\"", "[]", "{}", "{\"create\":5}", "{\"status\":201}"];
            (one_of(random, &all).to_owned(), Shows::Nothing)
        }
    };
    (text, shows)
}

/// Items for these documents, some missing, some in other positions, some additional.
fn items(random: &mut Rng, ids: &[String]) -> Vec<(String, Shows)> {
    let good = random.bool();
    let mut items: Vec<_> = ids
        .iter()
        .map(|id| {
            let all_is_well = good && random.u8(..10) > 0;
            let created = || format!("{{\"create\":{{\"_id\":\"{id}\",\"status\":201}}}}");
            if all_is_well { (created(), Shows::Id(id.clone())) } else { item(random, id) }
        })
        .collect();
    let (at, other) = (random.usize(..items.len()), random.usize(..items.len()));
    match random.u8(..8) {
        0 => drop(items.remove(at)),
        1 => items.swap(at, other),
        2 => items.reverse(),
        3 => items.insert(at, items[other].clone()),
        _ => {}
    }
    items
}

/// A corrupted answer to a bulk request.
fn broken(random: &mut Rng, text: &str) -> Vec<u8> {
    match random.u8(..8) {
        0..=2 => text.as_bytes()[..random.usize(..text.len())].to_vec(),
        3 => format!("{text} x").into_bytes(),
        4 => format!("[{text}]").into_bytes(),
        5 => text.replacen("\"items\"", one_of(random, &["\"Items\"", "items"]), 1).into_bytes(),
        6 => text.replacen("\"items\"", "\"items\":[],\"items\"", 1).into_bytes(),
        _ => [text.as_bytes(), b"\xff"].concat(),
    }
}

/// An answer to a request with these documents, and the positions of those that it shows to be in
/// the index.
fn answer_any(random: &mut Rng, ids: &[String]) -> (Result<Answer, Error>, Vec<usize>) {
    let items = items(random, ids);
    let texts: Vec<_> = items.iter().map(|(text, _)| &**text).collect();
    let text =
        format!("{{\"took\":3,\"errors\":{},\"items\":[{}]}}", random.bool(), texts.join(","));
    let is_shown = |at: &usize| match items.get(*at) {
        Some((_, Shows::Id(id))) => *id == ids[*at],
        Some((_, Shows::Elsewhere)) => true,
        _ => false,
    };
    let answer = |status, body: Vec<u8>| Ok(Answer { status, body: body.into() });
    match random.u8(..20) {
        0..=12 => (
            answer(one_of(random, &[200, 201]), text.into()),
            (0..ids.len()).filter(is_shown).collect(),
        ),
        13 | 14 => (answer(200, broken(random, &text)), Vec::new()),
        15 => {
            let status = one_of(random, &[100, 302, 400, 403, 404, 413, 429, 500, 503]);
            (answer(status, text.into()), Vec::new())
        }
        16 | 17 => {
            let kind = one_of(random, &["mapper_parsing_exception", "index_closed_exception", "x"]);
            let error = json!({"error": {"type": kind, "reason": "r"}}).to_string();
            (answer(one_of(random, &[400, 413, 429, 503]), error.into()), Vec::new())
        }
        18 => (answer(one_of(random, &[200, 400, 500]), b"<html>".to_vec()), Vec::new()),
        _ => (Err(Error::Timeout(Duration::from_secs(1))), Vec::new()),
    }
}

/// An answer of SQS for this number of entries, and the positions of those that it confirms.
fn quarantine_any(random: &mut Rng, entries: usize) -> (Vec<Option<Failure>>, HashSet<usize>) {
    let (mut successful, mut failed) = (vec!["99".to_owned()], Vec::new());
    let mut confirmed = HashSet::new();
    for at in 0..entries {
        let id = at.to_string();
        let fails = random.u8(..6) == 0;
        let succeeds = random.u8(..6) > 0;
        if fails {
            let entry = BatchResultErrorEntry::builder().id(&id).code("c").sender_fault(false);
            failed.push(entry.build().unwrap());
        }
        if succeeds {
            successful.extend(vec![id; random.usize(1..3)]);
        }
        if succeeds && !fails {
            confirmed.insert(at);
        }
    }
    let sent = |id: &str| successful.iter().any(|sent| sent == id).then_some(());
    let mut answer: Vec<_> =
        by_entry(entries, &failed, sent).into_iter().map(Result::err).collect();
    // As if no time were left for the answer.
    let answered = if random.u8(..8) == 0 { random.usize(..=entries) } else { entries };
    answer.truncate(answered);
    confirmed.retain(|at| *at < answered);
    (answer, confirmed)
}

/// A text attribute.
fn text_of(entry: &Quarantined, name: &str) -> String {
    let (_, attribute) = entry.attributes.iter().find(|(of, _)| of == name).unwrap();
    let AttributeValue::Text(text) = &attribute.value else { panic!("{attribute:?}") };
    text.clone()
}

/// Runs one case; returns how many messages were deleted.
fn check(seed: u64) -> usize {
    let mut random = Rng::with_seed(seed);
    let bodies = bodies(&mut random);
    let queue = one_of(&mut random, &["music", "music.fifo"]);
    let setting = Setting {
        limits: Limits { bytes: 1_000_000, documents: random.usize(1..8) },
        quarantine: random.u8(..8) > 0,
        stop: if random.u8(..6) == 0 { random.usize(..8) } else { 10_000 },
    };
    let (mut there, mut answers) = (HashSet::new(), Vec::new());
    let mut index_random = random.fork();
    let index = &mut |ids: &[String]| {
        let (answer, places) = answer_any(&mut index_random, ids);
        there.extend(places.into_iter().map(|at| ids[at].clone()));
        answers.push(answer.clone());
        answer
    };
    let mut in_quarantine = HashSet::new();
    let quarantine = &mut |entries: &[Quarantined]| {
        let (answer, confirmed) = quarantine_any(&mut random, entries.len());
        for (at, entry) in entries.iter().enumerate() {
            let position: usize = text_of(entry, POSITION).parse().unwrap();
            let body = &bodies[entry.message];
            let is_alone = body.events.len() == 1;
            let text = if is_alone { &body.text } else { &body.events[position].text };
            assert_eq!(entry.body, *text);
            if confirmed.contains(&at) {
                in_quarantine.insert((entry.message, position));
            }
        }
        answer
    };
    let texts: Vec<_> = bodies.iter().map(|body| (&*body.text, body.group)).collect();
    let run = run_with(&event(&texts, queue), &setting, index, quarantine);

    let is_deleted = |at: &usize| !matches!(run.report.outcomes[*at], Outcome::Retry(_));
    let deleted: Vec<_> = (0..bodies.len()).filter(is_deleted).collect();
    for &message in &deleted {
        for (position, event) in bodies[message].events.iter().enumerate() {
            let is_there = event.id.as_ref().is_some_and(|id| there.contains(id));
            let is_kept = is_there || in_quarantine.contains(&(message, position));
            let group = bodies[message].group;
            let earlier = || (0..message).filter(|at| bodies[*at].group == group);
            let in_order = !shared::sqs::is_fifo(queue) || earlier().all(|at| is_deleted(&at));
            assert!(
                is_kept && in_order,
                "seed {seed}: message {message}, position {position}\n{bodies:#?}\n{answers:#?}\n{:?}",
                run.report,
            );
        }
    }
    deleted.len()
}

#[test]
fn no_message_is_deleted_that_is_not_there_whatever_is_answered() {
    let (deleted, cases) = (Cell::new(0), Cell::new(0));
    holds(5_000, &any::<u64>(), |seed| {
        deleted.set(deleted.get() + check(seed));
        cases.set(cases.get() + 1);
    });
    let (deleted, cases) = (deleted.get(), cases.get());
    assert!(2 * deleted > cases, "only {deleted} messages of {cases} cases were deleted at all");
}
