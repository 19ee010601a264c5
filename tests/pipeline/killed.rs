//! The function is killed while it works.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use local::firehose::{PutCall, PutFault, PutFaults};
use local::runtime_api::{Function, Invoke, InvokeError};
use local::sample;
use serde_json::json;

use crate::account::{assert_same, data, found, pairs};
use crate::events::{documents, id};
use crate::run::{ARRIVAL_MS, Plan};
use crate::servers::Server;
use local::door::{Door, Passage};

/// A function that is killed in some of its invocations, after these times.
#[derive(Clone)]
struct Mortal {
    function: Function,
    /// The times for the next invocations, in order; later invocations are not killed.
    deaths: Arc<Mutex<VecDeque<Option<Duration>>>>,
}

impl Invoke for Mortal {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let death = self.deaths.lock().unwrap().pop_front().flatten();
        let invocation = self.function.invoke(payload);
        let Some(after) = death else { return invocation.await.map(|answer| answer.body) };
        tokio::pin!(invocation);
        let mut after = after;
        loop {
            tokio::select! {
                answer = &mut invocation => {
                    // If the function answers before it is killed, its answer is lost: the fate of
                    // the records does not depend on the machine's speed.
                    let status = "signal: killed".to_owned();
                    return Err(answer.err().unwrap_or(InvokeError::Exit { status }));
                }
                // Repeatedly, because an event that a killed function had not received yet is sent
                // to the next one.
                () = tokio::time::sleep(after) => {
                    self.function.kill().await;
                    after = Duration::from_millis(1);
                }
            }
        }
    }
}

/// A function that is killed before, during and after its work on a batch, up to three times in a
/// row: every event becomes a document. The fourth time, Firehose gives up, and the batch is in the
/// backup.
#[tokio::test]
async fn a_function_that_is_killed_loses_nothing() {
    const TIMES: u32 = 1 + 3 + 2 + 4 + 1;
    let server = Server::real_if_possible().await;
    let mut plan = Plan::new("killed").await;
    plan.options.processor_buffer_bytes = 64 << 10;
    let after = |milliseconds| Some(Duration::from_millis(milliseconds));
    let mortal = Mortal {
        function: plan.function(&[]).await,
        deaths: Arc::new(Mutex::new(VecDeque::from([
            // One line per batch.
            None,
            after(5),
            None,
            after(0),
            after(20),
            after(60),
            None,
            after(10),
            after(40),
            None,
            after(5),
            after(0),
            after(30),
            after(15),
            None,
            after(25),
            None,
        ]))),
    };
    let pipeline = plan.start(&server.url, mortal.clone()).await;
    let payloads: Vec<_> = sample::events(31, 1_500).collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;

    assert_eq!(mortal.deaths.lock().unwrap().len(), 0, "not every death was died");
    assert_eq!(ended.report.failed_invocations, u64::from(TIMES));
    let lost = &ended.backup.unprocessed;
    assert_eq!((ended.report.dropped, ended.report.invocation_failed), (0, lost.len() as u64));
    // One batch of 64 KiB.
    let bytes: usize = lost.iter().map(|failed| failed.data.len()).sum();
    assert!((60 << 10..=64 << 10).contains(&bytes), "{bytes}");
    for failed in lost {
        assert_eq!(failed.line["errorCode"], "Lambda.FunctionError");
        assert_eq!(failed.line["attemptsMade"], 4);
    }
    // Every event is in exactly one of the two places.
    let in_backup: BTreeSet<_> = data(lost).into_iter().collect();
    let (lost, kept): (Vec<_>, Vec<_>) =
        payloads.into_iter().partition(|payload| in_backup.contains(payload));
    assert_same(data(&ended.backup.unprocessed), lost);
    assert_same(found(&ended.documents), pairs(&documents(&kept, ARRIVAL_MS)));
}

/// Several invocations run concurrently, and all are killed together: whichever batches are
/// affected, every event is either a document or in the backup.
#[tokio::test]
async fn functions_that_are_killed_at_once_lose_nothing() {
    let server = Server::embedded().await;
    let mut plan = Plan::new("killed-at-once").await;
    // More batches than kills, so that all kills occur.
    plan.options.processor_buffer_bytes = 16 << 10;
    plan.options.concurrent_invocations = 3;
    let deaths = [Some(Duration::from_millis(10)), None, None];
    let mortal = Mortal {
        function: plan.function(&[]).await,
        deaths: Arc::new(Mutex::new(deaths.into_iter().cycle().take(24).collect())),
    };
    let pipeline = plan.start(&server.url, mortal.clone()).await;
    let payloads: Vec<_> = sample::events(33, 1_000).collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;

    assert_eq!(mortal.deaths.lock().unwrap().len(), 0, "not every death was died");
    assert!(ended.report.failed_invocations >= 8, "{}", ended.report.failed_invocations);
    assert_eq!((ended.report.dropped, ended.backup.undelivered.len()), (0, 0));
    let in_backup = documents(&data(&ended.backup.unprocessed), ARRIVAL_MS);
    assert_same(
        found(&ended.documents).into_iter().chain(pairs(&in_backup)),
        pairs(&documents(&payloads, ARRIVAL_MS)),
    );
}

/// The function is killed while it puts records back: before the stream received them, or after the
/// stream accepted them but before the function knew. The latter records appear twice, as two
/// documents with one `event.id`; no other event does, and none is missing.
#[tokio::test]
async fn a_function_that_is_killed_while_it_puts_back_loses_nothing() {
    let server = Server::real_if_possible().await;
    let mut plan = Plan::new("killed-putting-back").await;
    plan.options.processor_buffer_bytes = 64 << 10;
    let calls = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&calls);
    plan.options.put_faults = PutFaults::new(move |call: &PutCall| {
        recorded.lock().unwrap().push(call.records);
        PutFault::None
    });
    let passages = vec![Passage::HoldRequest, Passage::HoldAnswer];
    let (mut door, mut held) = Door::with_passages(&plan.endpoint.url(), passages).unwrap();
    door.open().unwrap();
    // About half of a batch fits.
    let variables = [("RESPONSE_BUDGET_BYTES", "60000"), ("MAX_REINGESTS", "1000")];
    let function = crate::run::function(&door.url(), 1, &variables).await;
    let killer = tokio::spawn({
        let function = function.clone();
        async move {
            for _ in 0..2 {
                held.recv().await.unwrap();
                function.kill().await;
            }
        }
    });
    let pipeline = plan.start(&server.url, function).await;
    let payloads: Vec<_> = sample::events(32, 400).collect();
    pipeline.put(&payloads).await;
    let ended = pipeline.end(&server).await;
    killer.await.unwrap();

    assert_eq!(ended.report.failed_invocations, 2);
    assert_eq!((ended.backup.unprocessed.len(), ended.backup.undelivered.len()), (0, 0));
    let calls = calls.lock().unwrap().clone();
    let (twice, reingested) = (calls[0], calls.iter().sum::<usize>());
    assert!(twice > 20, "{twice}");
    assert_eq!(ended.report.reingested, reingested as u64);
    // Records that were put back have the result `Dropped`, if there was an answer.
    assert_eq!(ended.report.dropped, (reingested - twice) as u64);

    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for document in found(&ended.documents) {
        *times.entry(document).or_default() += 1;
    }
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert_eq!(doubled.len(), twice);
    assert!(doubled.iter().all(|(_, times)| **times == 2));
    assert_same(times.into_keys(), pairs(&documents(&payloads, ARRIVAL_MS)));
    // The two have different ids, because a record that is put back is a new record.
    let ids: BTreeSet<_> = ended.documents.iter().map(|stored| &stored.id).collect();
    assert_eq!(ids.len(), payloads.len() + twice);
    let query = json!({"query": {"term": {"event.id": id(&ended.documents[0].text)}}});
    let answer = server.client.search("music-events-killed-putting-back-*", &query).await.unwrap();
    assert!((1..=2).contains(&answer.total()), "an event is found by its id");
}
