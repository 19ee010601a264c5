//! Whatever fails, hangs or is killed, at any point: every record of an object has exactly one
//! outcome.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use testkit::holds;

use super::*;

/// Number of histories whose seeds are the same in every run, and of histories with random seeds
/// (`PROPTEST_CASES` for more).
const HISTORIES: u64 = 150;
const OF_ALL_SEEDS: u32 = 150;

/// Number of attempts with faults, after which there are none.
const FAULTY_ATTEMPTS: usize = 12;

/// Maximum number of attempts without faults until everything is done.
const ATTEMPTS: usize = 20;

/// Events that must occur in some history, so that the test means something.
const EVERYTHING: [&str; 5] = ["continued", "done", "killed", "overwritten", "redelivered"];

type Index = BTreeMap<String, (String, Value)>;
type Kept = BTreeSet<(u64, String, String)>;

const VARIABLES: [(&str, &str); 2] = [("BULK_MAX_DOCS", "5"), ("DEADLINE_MARGIN_MS", "1000")];

/// An object of up to 60 records; one in eight can never become a document.
fn object(random: &mut Rng) -> Vec<u8> {
    let records = (0..random.u32(1..60)).map(|number| match random.u8(0..16) {
        // Not the first record, because the format of the object would be unknown.
        0 if number > 0 => "oops".to_owned(),
        1 => format!("{{\"timestamp\":[{number}}}"),
        2..9 => {
            format!("{{\"id\":\"e{number}\",\"pad\":\"{}\"}}", "x".repeat(random.usize(0..300)))
        }
        _ => format!("{{\"number\":{number}}}"),
    });
    let records: Vec<_> = records.collect();
    match random.u8(0..4) {
        0 => gzip(&records.join("\n")),
        1 => {
            let is_whole = |record: &&String| serde_json::from_str::<Value>(record).is_ok();
            let whole: Vec<_> = records.iter().filter(is_whole).cloned().collect();
            format!("{{\"of\":1,\"Records\":[{}]}}", whole.join(",")).into_bytes()
        }
        2 => compress_to_vec(records.join("\n").as_bytes(), CompressionLevel::Fastest),
        _ => records.join("\n").into_bytes(),
    }
}

/// The final result of an object without any faults.
async fn expected(object: &[u8]) -> (Index, Kept) {
    let mut handler = Handler::new(&VARIABLES);
    handler.put("k", object.to_vec());
    handler.handle(&load("k")).await;
    (handler.index(), kept(&handler))
}

/// The refused records: offset, reason and text.
fn kept(handler: &Handler) -> Kept {
    let record = |line: Value| {
        let (reason, text) = refused(&line);
        (line["source"]["offset"].as_u64().unwrap(), reason, text)
    };
    handler.kept().into_values().flatten().map(record).collect()
}

/// Draws the faults of the next attempt.
fn break_something(handler: &Handler, random: &mut Rng) {
    let some = |random: &mut Rng| random.usize(0..3);
    for _ in 0..some(random) {
        handler.opensearch([match random.u8(0..7) {
            0 => Bulk::Status(429),
            1 => Bulk::Status(503),
            2 => Bulk::Status(403),
            3 => Bulk::Hang,
            4 => Bulk::Items(&[0, 2], 429, "es_rejected_execution_exception"),
            5 => Bulk::Items(&[1], 503, "unavailable_shards_exception"),
            _ => Bulk::Write(Duration::from_millis(random.u64(0..3_000))),
        }]);
    }
    for _ in 0..some(random) {
        handler.gets([match random.u8(0..4) {
            0 => Get::Fail(ObjectError::Unavailable("down".to_owned())),
            _ => Get::BreakAfter(random.usize(1..2_000)),
        }]);
    }
    if random.u8(0..4) == 0 {
        handler.puts_fail([ObjectError::Unavailable("down".to_owned())]);
    }
    handler.queue_is_down(random.u8(0..6) == 0);
}

async fn history(seed: u64, met: &mut BTreeSet<&'static str>) {
    let mut random = Rng::with_seed(seed);
    let (first, second) = (object(&mut random), object(&mut random));
    let mut handler = Handler::new(&VARIABLES);
    handler.put("k", first.clone());
    let overwritten_at = random.usize(0..3 * FAULTY_ATTEMPTS);
    let mut queue = vec![load("k")];
    for attempt in 0..FAULTY_ATTEMPTS + ATTEMPTS {
        if attempt == overwritten_at {
            handler.put("k", second.clone());
            queue.push(load("k"));
            met.insert("overwritten");
        }
        if attempt < FAULTY_ATTEMPTS {
            handler.be_slow(Duration::from_millis(random.u64(0..900)));
            break_something(&handler, &mut random);
        } else {
            handler.be_slow(Duration::ZERO);
            handler.be_well();
        }
        if queue.is_empty() {
            continue;
        }
        let message = queue.remove(random.usize(0..queue.len()));
        let left = Duration::from_millis(random.u64(1_500..12_000));
        let is_killed = attempt < FAULTY_ATTEMPTS && random.bool();
        let killed_after = is_killed.then(|| Duration::from_millis(random.u64(0..6_000)));
        let ended = handler.handle_until(&message, left, killed_after).await;
        let sent = handler.sent();
        met.insert(match ended {
            None => "killed",
            Some(true) => "redelivered",
            Some(false) if sent.is_empty() => "done",
            Some(false) => "continued",
        });
        if ended.is_none() {
            handler.restart(&VARIABLES);
        }
        if ended != Some(false) {
            queue.push(message);
        }
        queue.extend(sent);
    }
    assert_eq!(queue, [] as [Value; 0], "not done");
    let is_overwritten = overwritten_at < FAULTY_ATTEMPTS + ATTEMPTS;
    let (last, before) = if is_overwritten { (second, first) } else { (first.clone(), first) };
    let (index, refused) = expected(&last).await;
    let (may_be, may_be_refused) = expected(&before).await;
    for (id, (_, document)) in handler.index() {
        let wanted = index.get(&id).or_else(|| may_be.get(&id));
        // The first document with an id is not changed.
        let is_known = wanted.is_some_and(|(_, wanted)| *wanted == document)
            || may_be.get(&id).is_some_and(|(_, before)| *before == document);
        assert!(is_known, "{id} has {document}");
    }
    for id in index.keys() {
        assert!(handler.index().contains_key(id), "{id} is lost");
    }
    let kept = kept(&handler);
    assert!(refused.is_subset(&kept), "a refused record is lost: {refused:?} {kept:?}");
    assert!(kept.iter().all(|one| refused.contains(one) || may_be_refused.contains(one)));
}

#[test]
fn every_record_has_its_outcome_once_whatever_happens() {
    let mut met = BTreeSet::new();
    for seed in 0..HISTORIES {
        println!("seed {seed}");
        on_paused_clock(history(seed, &mut met));
    }
    assert_eq!(met, EVERYTHING.into());
    holds(OF_ALL_SEEDS, &proptest::num::u64::ANY, |seed| {
        on_paused_clock(history(seed, &mut BTreeSet::new()));
    });
}
