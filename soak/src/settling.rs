//! The end of a run: waits until every message has arrived, and finds it.

use std::collections::BTreeSet;
use std::time::Duration;

use local::gate::Weather;
use local::sample::windows;
use local::timeseries::panels;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::books::{Fate, Found};
use crate::disturbance::{Disturbances, redrive_all, replay, unpark};
use crate::message::{CHUNK, chunk, id_in};
use crate::producers::{Run, now_ms};
use crate::world::{DATABASE, FAILURES, INDICES, World};
use crate::{Failure, log};

/// Maximum time until a queue or the stream is empty.
const DRAIN: Duration = Duration::from_mins(5);
/// More rounds of redrives than any message needs.
const ROUNDS: u32 = 30;
const LOOK: Duration = Duration::from_millis(200);

/// Maximum number of documents in one search.
const SEARCH_LIMIT: u64 = 10_000;

/// Ends all faults and waits until no message is in transit.
pub(crate) async fn settle(run: &Run<'_>, done: &Disturbances) -> Result<(), Failure> {
    let World { gates, delivery, readings_mapping, queues, .. } = run.world;
    for gate in gates.values() {
        gate.set(Weather::Fair);
    }
    log("Sent. Waiting until everything is in its place.");
    delivery.flush().await?;
    replay(run, done).await?;
    drain(run.world, done).await?;
    log("The queues are empty. Trying what was parked once more.");
    // Messages that were parked only because of outages are documents now; the others are parked
    // again.
    for _ in 0..ROUNDS {
        if unpark(run.world, done).await.is_ok() {
            break;
        }
    }
    drain(run.world, done).await?;
    let left = queues.client.message_count(&queues.parking).await?;
    log(format_args!("{left} messages are parked for good."));
    let caught_up = timeout(DRAIN, readings_mapping.until_up_to_date()).await;
    caught_up.map_err(|_| "the readings are not written after 5 minutes")?;
    Ok(())
}

/// Waits until the queues and their dead-letter queues are empty, and redrives meanwhile.
async fn drain(world: &World, done: &Disturbances) -> Result<(), Failure> {
    let queues = &world.queues;
    let count = async |queue: &String| queues.client.message_count(queue).await;
    for _ in 0..ROUNDS {
        let emptied = async {
            while count(&queues.main).await? + count(&queues.objects).await? > 0 {
                sleep(LOOK).await;
            }
            Ok::<_, Failure>(())
        };
        timeout(DRAIN, emptied).await.map_err(|_| "the queues are not empty after 5 minutes")??;
        if count(&queues.main_dead).await? + count(&queues.objects_dead).await? == 0 {
            return Ok(());
        }
        // The next round makes up for one that fails.
        redrive_all(world, done).await.ok();
    }
    Err(format!("the dead-letter queues are not empty after {ROUNDS} redrives").into())
}

/// Finds every message: documents, refused messages and parked ones.
pub(crate) async fn find(run: &Run<'_>) -> Result<Found, Failure> {
    let World { opensearch, queues, s3, .. } = run.world;
    let mut found = Found::default();
    let client = opensearch.client();
    client.refresh(INDICES).await?;
    for pipeline in ["firehose", "queue", "objects"] {
        for first in (0..run.messages).step_by(usize::try_from(CHUNK)?) {
            let user = chunk(pipeline, first);
            let query = json!({
                "size": SEARCH_LIMIT, "query": {"term": {"interaction.user_id": user}},
            });
            let path = format!("/{INDICES}/_search");
            let body = Some(("application/json", query.to_string().into()));
            let answer = client.send("POST".parse()?, &path, body).await?;
            let answer: Value = answer.json(&path)?;
            let hits = answer["hits"]["hits"].as_array().ok_or("a search has no hits")?;
            if hits.is_empty() {
                break;
            }
            let ids = hits.iter().map(|hit| &hit["_source"]["interaction"]["session_id"]);
            let ids = ids.map(|id| id.as_str().unwrap_or("a document without an id").to_owned());
            found.places.extend(ids.map(|id| (id, Fate::Document)));
        }
    }
    let (documents, listed) = (client.count(INDICES).await?, found.places.len() as u64);
    if documents != listed {
        return Err(format!("OpenSearch counts {documents} documents, but lists {listed}").into());
    }
    for (queue, place) in [(&queues.quarantine, Fate::Refused), (&queues.parking, Fate::Parked)] {
        let read = queues.client.receive_all(queue, |message| {
            let id = id_in(message["Body"].as_str().unwrap_or_default());
            found.places.push((id.unwrap_or_default(), place));
        });
        read.await?;
    }
    for (_, object) in s3.objects(FAILURES) {
        for line in serde_json::Deserializer::from_slice(&object).into_iter::<Value>() {
            let line = line?;
            let data = line["rawData"].as_str().unwrap_or_default();
            let data = base64_simd::STANDARD.decode_to_vec(data)?;
            let id = id_in(&String::from_utf8_lossy(&data));
            found.places.push((id.unwrap_or_default(), Fate::Refused));
        }
    }
    Ok(found)
}

/// Compares the windows of the dashboard with the readings. Returns their number and the
/// differences.
pub(crate) async fn compare_windows(run: &Run<'_>) -> Result<(usize, Vec<String>), Failure> {
    let client = run.world.store.client();
    client.flush().await?;
    let readings = run.readings.take();
    let first_ms = readings.iter().map(|reading| reading.time_ms).min().unwrap_or_else(now_ms);
    let (mut windows_compared, mut discrepancies) = (0, Vec::new());
    for panel in panels() {
        let expected = windows(&readings, &panel);
        let found = panel.ask(&client, DATABASE, (first_ms, now_ms() + 1)).await?;
        let all: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        windows_compared += all.len();
        let mut different = all.iter().filter(|key| expected.get(**key) != found.get(**key));
        if let Some(first) = different.next() {
            let number = 1 + different.count();
            let title = &panel.title;
            let (expected, found) = (expected.get(*first), found.get(*first));
            discrepancies.push(format!(
                "{number} windows of {title} are wrong: {first:?} is {found:?}, not {expected:?}"
            ));
        }
    }
    Ok((windows_compared, discrepancies))
}
