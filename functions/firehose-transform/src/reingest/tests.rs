//! Putting back records on a paused clock, with a scripted service.

use std::sync::Mutex;

use proptest::collection::vec;
use proptest::prelude::*;
use testkit::{holds, on_paused_clock};

use super::*;
use crate::request::Data;

const TARGET: Target = Target::KinesisStream(String::new());

/// The reply of the service to one call.
#[derive(Clone, Debug)]
enum Reply {
    /// Whether it accepts each record; later records are missing in the response.
    Accepted(Vec<bool>),
    Error(CallError),
    /// Accepts all records after this time.
    AcceptedAfter(Duration),
}

/// A service that records its calls.
struct Service<F> {
    reply: F,
    calls: Mutex<Vec<(Instant, Vec<usize>)>>,
    accepted: Mutex<Vec<usize>>,
}

impl<F: Fn(usize, usize) -> Reply + Send + Sync> Service<F> {
    /// A service that replies by the number of the call and its number of records.
    fn new(reply: F) -> Self {
        Self { reply, calls: Mutex::default(), accepted: Mutex::default() }
    }

    fn calls(&self) -> Vec<Vec<usize>> {
        self.calls.lock().unwrap().iter().map(|(_, indexes)| indexes.clone()).collect()
    }

    /// The pauses before each call but the first.
    fn pauses(&self) -> Vec<Duration> {
        let calls = self.calls.lock().unwrap();
        calls.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }

    /// Puts this number of records back, and returns the result of each.
    async fn put_back(&self, count: usize, left: Duration) -> Vec<Result<(), NotPutBack>> {
        self.put_back_of(vec![2; count], left).await
    }

    /// Puts records of these sizes back.
    async fn put_back_of(
        &self,
        lengths: Vec<usize>,
        left: Duration,
    ) -> Vec<Result<(), NotPutBack>> {
        let mut fates = vec![None; lengths.len()];
        let record = |(index, length)| PutRecord {
            index,
            payload: vec![b' '; length],
            partition_key: String::new(),
        };
        let records = lengths.into_iter().enumerate().map(record);
        put_back(self, &TARGET, records, Instant::now() + left, |index, fate| {
            assert_eq!(fates[index].replace(fate), None, "record {index} is settled twice");
        })
        .await;
        fates.into_iter().map(|fate| fate.expect("every record is settled")).collect()
    }
}

impl<F: Fn(usize, usize) -> Reply + Send + Sync> Source for Service<F> {
    async fn put(&self, target: &Target, records: &[PutRecord]) -> Result<Vec<bool>, CallError> {
        assert_eq!(*target, TARGET);
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push((Instant::now(), records.iter().map(|record| record.index).collect()));
            calls.len() - 1
        };
        let accepted = match (self.reply)(number, records.len()) {
            Reply::Accepted(accepted) => accepted,
            Reply::Error(error) => return Err(error),
            Reply::AcceptedAfter(time) => {
                sleep(time).await;
                vec![true; records.len()]
            }
        };
        let indexes = records.iter().zip(&accepted).filter(|(_, accepted)| **accepted);
        self.accepted.lock().unwrap().extend(indexes.map(|(record, _)| record.index));
        Ok(accepted)
    }
}

fn all(count: usize) -> Reply {
    Reply::Accepted(vec![true; count])
}

const LONG: Duration = Duration::from_mins(15);

#[tokio::test(start_paused = true)]
async fn records_are_sent_in_order_without_a_pause() {
    let service = Service::new(|_, count| all(count));
    assert_eq!(service.put_back(1_234, LONG).await, [Ok(()); 1_234]);
    let calls: Vec<Vec<_>> =
        vec![(0..500).collect(), (500..1_000).collect(), (1_000..1_234).collect()];
    assert_eq!(service.calls(), calls);
    assert_eq!(service.pauses(), [Duration::ZERO; 2]);
    let empty = Service::new(|_, count| all(count));
    assert_eq!(empty.put_back(0, LONG).await, []);
    assert_eq!(empty.calls(), [[0; 0]; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_call_has_at_most_4_mib() {
    let service = Service::new(|_, count| all(count));
    let quarter = MAX_CALL_BYTES / 4;
    let lengths = vec![quarter, quarter, quarter, quarter, quarter + 1, quarter, quarter, quarter];
    assert_eq!(service.put_back_of(lengths, LONG).await, [Ok(()); 8]);
    assert_eq!(service.calls(), [vec![0, 1, 2, 3], vec![4, 5, 6], vec![7]]);
}

#[test]
fn a_partition_key_counts_as_bytes() {
    let key = "k".repeat(256);
    let record = |_| PutRecord {
        index: 0,
        payload: vec![b' '; MAX_CALL_BYTES / 4 - 255],
        partition_key: key.clone(),
    };
    let call = next_call(&mut VecDeque::new(), &mut (0..4).map(record));
    assert_eq!(call.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn rejected_records_are_retried_after_a_pause() {
    let service = Service::new(|number, count| match number {
        0 => Reply::Accepted(vec![true, false, true, false]),
        1 => Reply::Accepted(vec![false]),
        2 => Reply::Error(CallError::Transient),
        _ => all(count),
    });
    assert_eq!(service.put_back(5, LONG).await, [Ok(()); 5]);
    assert_eq!(service.calls(), [vec![0, 1, 2, 3, 4], vec![1, 3, 4], vec![1, 3, 4], vec![1, 3, 4]]);
    // At most the longest pause, which doubles with each call that accepts nothing. The timer has
    // a resolution of a millisecond.
    let step = Duration::from_millis(1);
    let longest = [FIRST_BACKOFF, FIRST_BACKOFF * 2, FIRST_BACKOFF * 4];
    for (pause, longest) in service.pauses().into_iter().zip(longest) {
        assert!(pause <= longest + step, "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_accepts_nothing_is_abandoned_after_some_calls() {
    for reply in [
        Reply::Error(CallError::Transient),
        Reply::Accepted(vec![]),
        Reply::Accepted(vec![false; 9]),
    ] {
        let service = Service::new(|_, _| reply.clone());
        let fates = service.put_back(600, LONG).await;
        assert_eq!(fates, [Err(NotPutBack::Failing); 600]);
        assert_eq!(service.calls().len(), MAX_FUTILE_CALLS as usize);
        // The records after the first call's were never sent.
        assert!(service.calls().iter().all(|call| call.len() == 500));
        let pauses = service.pauses();
        assert!(pauses.iter().all(|pause| *pause <= MAX_BACKOFF), "{pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_accepted_record_resets_the_count() {
    let one_in_eight = |number: usize| number % MAX_FUTILE_CALLS as usize == 7;
    let service = Service::new(|number, _| Reply::Accepted(vec![one_in_eight(number)]));
    assert_eq!(service.put_back(4, LONG).await, [Ok(()); 4]);
    assert_eq!(service.calls().len(), 4 * MAX_FUTILE_CALLS as usize);
}

#[tokio::test(start_paused = true)]
async fn a_denied_call_is_the_last() {
    let service = Service::new(|number, _| match number {
        0 => Reply::Accepted(vec![true, false]),
        _ => Reply::Error(CallError::Denied),
    });
    let fates = service.put_back(501, LONG).await;
    assert_eq!(fates[0], Ok(()));
    assert_eq!(fates[1..], [Err(NotPutBack::Denied); 500]);
    assert_eq!(service.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_with_less_than_the_margin_left() {
    for left in [Duration::ZERO, Duration::from_secs(1), DEADLINE_MARGIN] {
        let service = Service::new(|_, count| all(count));
        let start = Instant::now();
        assert_eq!(service.put_back(3, left).await, [Err(NotPutBack::Deadline); 3]);
        assert_eq!(service.calls(), [[0; 0]; 0]);
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_the_margin() {
    let service = Service::new(|number, _| match number {
        0 => Reply::AcceptedAfter(Duration::from_secs(4)),
        _ => Reply::AcceptedAfter(Duration::from_secs(1)),
    });
    let start = Instant::now();
    let fates = service.put_back(1_001, Duration::from_millis(6_500)).await;
    assert_eq!(start.elapsed(), Duration::from_millis(4_500));
    assert_eq!(fates[..500], [Ok(()); 500]);
    assert_eq!(fates[500..], [Err(NotPutBack::Deadline); 501]);
    assert_eq!(service.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_pause_ends_after_the_margin() {
    for milliseconds in 2_000..2_300 {
        let service = Service::new(|_, _| Reply::Error(CallError::Transient));
        let (start, left) = (Instant::now(), Duration::from_millis(milliseconds));
        let fates = service.put_back(1, left).await;
        assert_eq!(fates, [Err(NotPutBack::Deadline)]);
        assert!(start.elapsed() + DEADLINE_MARGIN <= left, "{milliseconds}");
    }
}

#[test]
fn every_record_is_settled_once() {
    let reply = prop_oneof![
        6 => vec(any::<bool>(), 0..12).prop_map(Reply::Accepted),
        2 => Just(Reply::Error(CallError::Transient)),
        1 => Just(Reply::Error(CallError::Denied)),
        1 => (0..8_000_u64).prop_map(|time| Reply::AcceptedAfter(Duration::from_millis(time))),
    ];
    let lengths = vec(prop_oneof![4 => Just(2), 1 => Just(MAX_RECORD_BYTES)], 0..12);
    let case = (lengths, vec(reply, 1..12), 0..20_000_u64);
    holds(256, &case, |(lengths, replies, left)| {
        let service = Service::new(|number, _| replies[number % replies.len()].clone());
        let left = Duration::from_millis(left);
        let fates = on_paused_clock(async {
            let start = Instant::now();
            let fates = service.put_back_of(lengths, left).await;
            assert!(start.elapsed() <= left.saturating_sub(DEADLINE_MARGIN));
            fates
        });
        let mut accepted = service.accepted.into_inner().unwrap();
        accepted.sort_unstable();
        let settled = (0..fates.len()).filter(|index| fates[*index] == Ok(()));
        assert_eq!(accepted, settled.collect::<Vec<_>>());
    });
}

/// A record that has only an id.
fn record(id: &str) -> Record<'_> {
    let (data, data_member) = (Data::Missing, DataMember::Data);
    Record { id, data, data_member, arrival: b"", partition_key: None }
}

#[test]
fn records_are_put_back_where_they_came_from() {
    let request = |delivery: Option<&str>, kinesis: Option<&str>| Request {
        delivery_stream_arn: delivery.map(str::to_owned),
        source_kinesis_stream_arn: kinesis.map(str::to_owned),
        ..Request::default()
    };
    let delivery = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/music-events";
    let kinesis = "arn:aws:kinesis:eu-west-1:123456789012:stream/listening-events";
    let from_kinesis = Some(Target::KinesisStream(kinesis.to_owned()));
    assert_eq!(Target::of(&request(Some(delivery), Some(kinesis))), from_kinesis);
    assert_eq!(Target::of(&request(None, Some(kinesis))), from_kinesis);
    let direct = Some(Target::DeliveryStream("music-events".to_owned()));
    assert_eq!(Target::of(&request(Some(delivery), None)), direct);
    assert_eq!(Target::of(&request(Some("arn:aws:sns:eu-west-1:1:t"), None)), None);
    assert_eq!(Target::of(&request(None, None)), None);
    // Kafka does not accept records, although the request names the delivery stream.
    let kafka = Request { from_kafka: true, ..request(Some(delivery), None) };
    assert_eq!(Target::of(&kafka), None);
    let data_member = DataMember::KafkaRecordValue;
    let record = Record { data_member, ..record("1") };
    let kafka = Request { records: vec![record], ..request(Some(delivery), None) };
    assert_eq!(Target::of(&kafka), None);
}

#[test]
fn a_partition_key_is_that_of_the_record_or_its_id_and_cut() {
    let key = |id, partition_key| {
        let record = Record { partition_key, ..record(id) };
        PutRecord::new(0, Vec::new(), &record).partition_key
    };
    assert_eq!(key("id", Some(r"p\u0031\n")), "p1\n");
    assert_eq!(key(r"id\u0031", None), "id1");
    assert_eq!(key("id", Some("")), "id");
    let long = "한".repeat(300);
    assert_eq!(key("id", Some(&long)), "한".repeat(256));
}
