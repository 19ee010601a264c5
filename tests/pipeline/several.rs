//! Records that contain several events, with `SPLIT=on`, compressed or not.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use local::firehose::{PutCall, PutFault, PutFaults};
use local::sample;

use crate::account::{assert_same, data, found, pairs};
use crate::events::documents;
use crate::run::{ARRIVAL_MS, Plan, failures, metric};
use crate::servers::Server;

const EVENTS: usize = 2_000;

/// Events in a record.
const SEVERAL: usize = 8;

fn events() -> Vec<Vec<u8>> {
    sample::events(63, EVENTS).collect()
}

/// Puts the events into records of each form in turn.
fn records(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let record = |(at, events): (usize, &[Vec<u8>])| match at % 4 {
        0 => events.join(&b'\n'),
        1 => [b"[", &*events.join(&b','), b"]"].concat(),
        2 => events.concat(),
        _ => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&events.join(&b'\n')).unwrap();
            encoder.finish().unwrap()
        }
    };
    events.chunks(SEVERAL).enumerate().map(record).collect()
}

/// The events with their identities: those without an id by their position in their record.
fn in_their_places(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let placed = |(at, event): (usize, &Vec<u8>)| {
        let arrival = format!(",\"__sluice_arrival\":{ARRIVAL_MS}{:05}}}", at % SEVERAL);
        [event.strip_suffix(b"}").unwrap(), arrival.as_bytes()].concat()
    };
    events.iter().enumerate().map(placed).collect()
}

#[tokio::test]
async fn every_event_of_a_record_becomes_a_document() {
    let server = Server::real_if_possible().await;
    let mut plan = Plan::new("several").await;
    plan.options.put_faults = PutFaults::new(|call: &PutCall| match call.number {
        0 => PutFault::Entries(vec![0, 7, call.records - 1]),
        1 => PutFault::Throttle,
        2 => PutFault::Fail,
        _ => PutFault::None,
    });
    let function = plan.function(&[("SPLIT", "on")]).await;
    let pipeline = plan.start(&server.url, function.clone()).await;
    let events = events();
    pipeline.put(&records(&events)).await;
    let ended = pipeline.end(&server).await;

    let split = (EVENTS / SEVERAL) as u64;
    let put_back = EVENTS as u64 - split;
    let counts = ["RecordsSplit", "EventsPutBack", "RecordsOk"].map(|name| metric(&function, name));
    assert_eq!(counts, [split, put_back, EVENTS as u64]);
    assert_eq!((ended.report.dropped, ended.report.failed_invocations), (0, 0));
    assert_eq!((ended.backup.unprocessed.len(), ended.backup.undelivered.len()), (0, 0));
    assert_same(found(&ended.documents), pairs(&documents(&in_their_places(&events), ARRIVAL_MS)));
}

/// If the stream denies the function putting records back, the records are in the backup,
/// unchanged.
#[tokio::test]
async fn a_record_whose_events_are_not_put_back_is_in_the_backup() {
    let server = Server::embedded().await;
    let mut plan = Plan::new("not-split").await;
    plan.options.put_faults = PutFaults::new(|_| PutFault::Deny);
    let function = plan.function(&[("SPLIT", "on")]).await;
    let pipeline = plan.start(&server.url, function.clone()).await;
    let records = records(&events());
    pipeline.put(&records).await;
    let ended = pipeline.end(&server).await;

    assert_eq!(ended.documents.len(), 0);
    assert_eq!(failures(&function), [("not_put_back".to_owned(), records.len() as u64)].into());
    assert_same(data(&ended.backup.unprocessed), records);
}
