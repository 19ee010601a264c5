//! Which records are read, in which batches they are passed on, and their results.

use std::time::Duration;

use local::kinesis::{
    Batch, Condition, EventSourceMappingOptions, Outcome, Reader, Stream, StreamError,
};

use super::texts;

fn options() -> EventSourceMappingOptions {
    EventSourceMappingOptions { batch_size: 2, ..EventSourceMappingOptions::default() }
}

/// A stream and its reader, on one clock.
struct Scene {
    stream: Stream,
    reader: Reader,
    now_ms: u64,
}

impl Scene {
    /// A stream of one shard with these records, which arrived and were read at time 0; the
    /// partition key of a record is its first character.
    fn new(options: EventSourceMappingOptions, records: &[&str]) -> Self {
        let (stream, reader) = (Stream::new("s", 1), Reader::new(options));
        let mut scene = Self { stream, reader, now_ms: 0 };
        scene.put(records);
        scene.reader.read(&scene.stream, 0);
        scene
    }

    fn put(&mut self, records: &[&str]) {
        for record in records {
            self.stream.put(&record[..1], (*record).to_owned(), self.now_ms);
        }
    }

    fn next(&mut self) -> Option<Batch> {
        self.reader.next_batch(self.now_ms)
    }

    /// Waits for the next batch.
    fn wait(&mut self) -> Batch {
        self.now_ms = self.now_ms.max(self.reader.due_ms().unwrap());
        self.next().unwrap()
    }

    /// The data of the following batches if each has this outcome.
    fn rest(&mut self, outcome: impl Fn(&[String]) -> Outcome) -> Vec<Vec<String>> {
        let mut batches = Vec::new();
        loop {
            self.reader.read(&self.stream, self.now_ms);
            let Some(due_ms) = self.reader.due_ms() else { return batches };
            self.now_ms = self.now_ms.max(due_ms);
            let Some(batch) = self.next() else { continue };
            let texts = texts(&batch);
            self.reader.settle(&batch, outcome(&texts), self.now_ms);
            batches.push(texts);
            assert!(batches.len() < 100, "{batches:?}");
        }
    }

    fn settle(&mut self, batch: &Batch, outcome: Outcome) -> usize {
        self.reader.settle(batch, outcome, self.now_ms).len()
    }
}

fn done(_: &[String]) -> Outcome {
    Outcome::Done
}

#[test]
fn a_batch_is_handed_on_when_it_is_full_or_its_window_is_over() {
    let records = ["a1", "a2", "a3", "a4", "a5"];
    let mut scene = Scene::new(options(), &records);
    assert_eq!(scene.rest(done), [&["a1", "a2"][..], &["a3", "a4"], &["a5"]]);
    assert_eq!(scene.now_ms, 0);

    let window = EventSourceMappingOptions { batching_window: Duration::from_secs(3), ..options() };
    let mut scene = Scene::new(window, &records);
    assert_eq!(scene.rest(done), [&["a1", "a2"][..], &["a3", "a4"], &["a5"]]);
    assert_eq!(scene.now_ms, 3_000, "from when the first was read");
}

#[test]
fn a_batch_has_at_most_6_mb_unless_by_one_record() {
    let options =
        EventSourceMappingOptions { batch_size: 100, ..EventSourceMappingOptions::default() };
    // A third more in base64.
    let (million, giant) =
        (format!("a{}", "x".repeat(999_999)), format!("a{}", "y".repeat(5_000_000)));
    let records: Vec<_> = [vec![million.as_str(); 5], vec![&giant, "a"]].concat();
    let mut scene = Scene::new(options, &records);
    let sizes: Vec<_> = scene.rest(done).iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 1, 1, 1]);
}

#[test]
fn partition_keys_share_the_lanes_and_each_keeps_its_order() {
    let options = EventSourceMappingOptions { parallelization_factor: 3, ..options() };
    // The MD5 of `d` and those of the others belong to different lanes.
    let mut scene = Scene::new(options, &["a1", "b1", "a2", "d1", "a3", "b2", "d2", "d3"]);
    let at_once = [scene.next().unwrap(), scene.next().unwrap()];
    assert_eq!(at_once.each_ref().map(texts), [["d1", "d2"], ["a1", "b1"]]);
    assert!(scene.next().is_none(), "a lane has one batch in flight");
    assert_eq!(scene.settle(&at_once[0], Outcome::Done), 2);
    assert_eq!(scene.reader.checkpoint(0), 0, "the other lane is not so far");
    let next = scene.next().unwrap();
    assert_eq!(texts(&next), ["d3"]);
    scene.settle(&at_once[1], Outcome::From(1));
    scene.settle(&next, Outcome::Done);
    assert_eq!(scene.reader.checkpoint(0), 1);
    assert_eq!(scene.rest(done), [&["b1"][..], &["a2", "a3"], &["b2"]]);
    assert!(scene.reader.is_up_to_date(&scene.stream));
}

#[test]
fn an_answer_names_the_record_from_which_lambda_reads_on() {
    let mut scene = Scene::new(options(), &["a1", "a2"]);
    let batch = scene.next().unwrap();
    let [first, second] = [0, 1].map(|at| &*batch.records[at].sequence_number);
    let item = |number: &str| format!(r#"{{"itemIdentifier":"{number}"}}"#);
    let failures = |items: &[&str]| format!(r#"{{"batchItemFailures":[{}]}}"#, items.join(","));
    for (answer, expected) in [
        ("null".to_owned(), Some(Outcome::Done)),
        ("{}".to_owned(), Some(Outcome::Done)),
        (r#"{"batchItemFailures":null}"#.to_owned(), Some(Outcome::Done)),
        (failures(&[]), Some(Outcome::Done)),
        (failures(&[&item(first)]), Some(Outcome::From(0))),
        (failures(&[&item(second)]), Some(Outcome::From(1))),
        (failures(&[&item(second), &item(first)]), Some(Outcome::From(0))),
        (failures(&[&item("")]), None),
        (failures(&[r#"{"itemIdentifier":null}"#]), None),
        (failures(&[r#"{"sequenceNumber":"1"}"#]), None),
        (failures(&[&item("1")]), None),
        ("done".to_owned(), None),
    ] {
        assert_eq!(batch.outcome(answer.as_bytes()).ok(), expected, "{answer}");
    }
}

#[test]
fn after_a_partial_answer_the_rest_is_redelivered_alone_and_after_a_pause() {
    let mut scene = Scene::new(options(), &["a1", "a2", "a3"]);
    let batch = scene.next().unwrap();
    assert_eq!(scene.settle(&batch, Outcome::From(1)), 1);
    assert_eq!(scene.reader.checkpoint(0), 1);
    assert!(scene.next().is_none());
    let again = scene.wait();
    assert_eq!((texts(&again), scene.now_ms), (vec!["a2".to_owned()], 100));
    // The pauses after consecutive failures become longer.
    let mut pauses = Vec::new();
    let mut batch = again;
    for _ in 0..6 {
        let before_ms = scene.now_ms;
        scene.settle(&batch, Outcome::From(0));
        batch = scene.wait();
        pauses.push(scene.now_ms - before_ms);
    }
    assert_eq!(pauses, [200, 400, 800, 1_000, 1_000, 1_000]);
    scene.settle(&batch, Outcome::Done);
    assert_eq!(scene.rest(done), [["a3"]]);
}

/// The records that were given up, and the number of attempts.
type GivenUp = (Vec<String>, u32);

/// The batches, and the records that are given up, if records with an x fail.
fn with_poison(
    mut options: EventSourceMappingOptions,
    outcome: Outcome,
) -> (Vec<Vec<String>>, Vec<GivenUp>) {
    options.batch_size = 4;
    let mut scene = Scene::new(options, &["a1", "a2", "ax", "a4", "a5"]);
    let fails = |texts: &[String]| texts.iter().any(|text| text.contains('x'));
    let batches = scene.rest(|texts| if fails(texts) { outcome } else { Outcome::Done });
    let discarded = scene.reader.take_discarded(&scene.stream);
    assert!(scene.reader.is_up_to_date(&scene.stream));
    let discarded = discarded.iter().map(|discarded| {
        assert_eq!(discarded.condition, Condition::RetryAttemptsExhausted);
        assert_eq!(discarded.shard_id, "shardId-000000000000");
        let numbers = discarded.records.iter().map(|record| &*record.sequence_number);
        let place =
            |number: &str| number.trim_start_matches("496").trim_start_matches('0').to_owned();
        (numbers.map(place).collect(), discarded.attempts)
    });
    (batches, discarded.collect())
}

#[test]
fn a_batch_that_fails_is_bisected_which_is_not_an_attempt() {
    let retries =
        |most| EventSourceMappingOptions { maximum_retry_attempts: Some(most), ..options() };
    let bisecting =
        |most| EventSourceMappingOptions { bisect_batch_on_function_error: true, ..retries(most) };
    let all: &[&str] = &["a1", "a2", "ax", "a4"];
    let given_up = |numbers: &[&str], attempts| {
        vec![(numbers.iter().map(|number| (*number).to_owned()).collect::<Vec<_>>(), attempts)]
    };

    let (batches, discarded) = with_poison(retries(0), Outcome::Failed);
    assert_eq!(batches, [all, &["a5"]]);
    assert_eq!(discarded, given_up(&["1", "2", "3", "4"], 1));
    let (batches, discarded) = with_poison(retries(2), Outcome::Failed);
    assert_eq!(batches, [all, all, all, &["a5"]]);
    assert_eq!(discarded, given_up(&["1", "2", "3", "4"], 3));

    let (batches, discarded) = with_poison(bisecting(1), Outcome::Failed);
    let expected: [&[&str]; 7] =
        [all, &["a1", "a2"], &["ax", "a4"], &["ax"], &["ax"], &["a4"], &["a5"]];
    assert_eq!(batches, expected);
    assert_eq!(discarded, given_up(&["3"], 2));

    // A partial answer splits at the record that it names, and is an attempt.
    let (batches, discarded) = with_poison(bisecting(1), Outcome::From(2));
    let expected: [&[&str]; 3] = [all, &["ax", "a4"], &["a5"]];
    assert_eq!(batches, expected);
    assert_eq!(discarded, []);
}

#[test]
fn records_that_become_too_old_are_given_up_before_they_are_handed_on() {
    let options = EventSourceMappingOptions {
        maximum_record_age: Some(Duration::from_mins(1)),
        batch_size: 10,
        ..options()
    };
    let mut scene = Scene::new(options, &["a1"]);
    scene.now_ms = 30_000;
    scene.put(&["a2"]);
    scene.reader.read(&scene.stream, 30_000);
    let batch = scene.next().unwrap();
    assert_eq!(batch.iterator_age(31_000), Duration::from_secs(1), "of the last");
    scene.settle(&batch, Outcome::Failed);
    scene.now_ms = 60_000;
    let batch = scene.next().unwrap();
    assert_eq!(texts(&batch), ["a1", "a2"], "not older than the limit");
    scene.settle(&batch, Outcome::Failed);
    scene.now_ms = 70_000;
    let batch = scene.next().unwrap();
    assert_eq!(texts(&batch), ["a2"]);
    scene.settle(&batch, Outcome::Failed);
    scene.now_ms = 100_000;
    assert!(scene.next().is_none());
    let discarded = scene.reader.take_discarded(&scene.stream);
    let found: Vec<_> =
        discarded.iter().map(|it| (it.condition, it.records.len(), it.attempts)).collect();
    let expected = [(Condition::RecordAgeExceeded, 1, 2), (Condition::RecordAgeExceeded, 1, 3)];
    assert_eq!(found, expected);
    assert!(scene.reader.is_up_to_date(&scene.stream));
}

#[test]
fn children_of_a_shard_are_read_when_their_parents_are_settled() -> Result<(), StreamError> {
    let mut scene = Scene::new(options(), &["a1", "b1", "a2"]);
    let [low, high] = scene.stream.split_evenly(0)?;
    scene.put(&["a3", "b2"]);
    let first = scene.next().unwrap();
    scene.reader.read(&scene.stream, 0);
    assert!(scene.next().is_none());
    scene.settle(&first, Outcome::Done);
    let second = scene.next().unwrap();
    assert_eq!((texts(&second), second.shard), (vec!["a2".to_owned()], 0));
    scene.settle(&second, Outcome::Done);
    scene.reader.read(&scene.stream, 0);
    let shards: Vec<_> = [scene.next().unwrap(), scene.next().unwrap()]
        .map(|batch| {
            scene.settle(&batch, Outcome::Done);
            (batch.shard, texts(&batch))
        })
        .into();
    assert_eq!(shards, [(low, vec!["a3".to_owned()]), (high, vec!["b2".to_owned()])]);
    let merged = scene.stream.merge(high, low)?;
    scene.put(&["a4", "b3"]);
    assert_eq!(scene.rest(done), [["a4", "b3"]]);
    assert_eq!(scene.reader.checkpoint(merged), 2);
    Ok(())
}

#[test]
fn a_place_that_is_lost_is_read_again_from_an_older_checkpoint() {
    let mut scene = Scene::new(options(), &["a1", "a2", "a3", "a4", "a5"]);
    let first = scene.next().unwrap();
    scene.settle(&first, Outcome::Done);
    let under_way = scene.next().unwrap();
    assert_eq!((scene.reader.checkpoint(0), scene.reader.lose_place(0, 1)), (2, 3));
    assert_eq!(scene.settle(&under_way, Outcome::Done), 0, "it does not count");
    assert_eq!(scene.rest(done), [&["a2", "a3"][..], &["a4", "a5"]], "other batches");
    // A checkpoint is never beyond the settled records.
    scene.put(&["a6"]);
    scene.reader.read(&scene.stream, scene.now_ms);
    scene.reader.lose_place(0, 9);
    assert_eq!(scene.rest(done), [["a6"]]);
}
