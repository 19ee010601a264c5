//! Executes the plan, and the reactions to it during the run: redrives and replays.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use local::runtime_api::{Invoke, InvokeError};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Failure;
use crate::plan::Step;
use crate::producers::{Run, now_ms, or_stopped};
use crate::world::{BACKUP, World};

/// A message that was moved back this many times is parked.
const MAX_REDRIVES: u32 = 3;

/// The disturbances so far.
#[derive(Debug, Default)]
pub(crate) struct Disturbances {
    pub(crate) kills: Cell<u64>,
    /// Number of times that a server began to fail.
    pub(crate) faults: Cell<u64>,
    pub(crate) reshards: Cell<u64>,
    /// Number of messages moved from the dead-letter queues, and number of parked ones.
    pub(crate) redriven: Cell<u64>,
    pub(crate) parked: Cell<u64>,
    /// Number of backup objects that were loaded again.
    pub(crate) replayed: Cell<u64>,
}

fn add(cell: &Cell<u64>, more: u64) {
    cell.set(cell.get() + more);
}

/// Executes the steps until the run is stopped.
pub(crate) async fn carry_out(
    steps: &[(Duration, Step)],
    run: &Run<'_>,
    done: &Disturbances,
    stop: &watch::Receiver<bool>,
) -> Result<(), Failure> {
    let (start, mut stop) = (Instant::now(), stop.clone());
    let world = run.world;
    for (at, step) in steps {
        if !or_stopped(sleep_until(start + *at), &mut stop).await {
            break;
        }
        match step {
            Step::Weather(target, weather) => {
                add(&done.faults, u64::from(*weather != local::gate::Weather::Fair));
                world.gates[target].set(*weather);
            }
            Step::Kill(function) => {
                world.crews[*function].kill().await;
                add(&done.kills, 1);
            }
            Step::Reshard => {
                reshard(world)?;
                add(&done.reshards, 1);
            }
            // The next redrive makes up for one that fails.
            Step::Redrive => drop(redrive_all(world, done).await),
            Step::Replay => replay(run, done).await?,
        }
    }
    Ok(())
}

/// Splits the first open shard, or merges the first two adjacent ones if there are many.
fn reshard(world: &World) -> Result<(), Failure> {
    let mut open: Vec<_> = world.readings.with(|stream| {
        let shards = stream.shards().iter().enumerate().filter(|(_, shard)| !shard.is_closed);
        shards.map(|(place, shard)| (*shard.hash_keys.start(), place)).collect()
    });
    open.sort_unstable();
    match open[..] {
        [(_, first), (_, second), _, ..] => drop(world.readings.merge(first, second)?),
        [(_, first), ..] => drop(world.readings.split_evenly(first)?),
        [] => {}
    }
    Ok(())
}

/// Invokes `dlq-redrive` once for each dead-letter queue.
pub(crate) async fn redrive_all(world: &World, done: &Disturbances) -> Result<(), InvokeError> {
    let main = json!({"action": "redrive", "maxRedrives": MAX_REDRIVES});
    redrive(world, done, &main).await?;
    let source = &world.queues.objects_dead;
    redrive(world, done, &json!({"action": "redrive", "mode": "selective", "source": source})).await
}

/// Moves parked messages back into the queue, for another attempt.
pub(crate) async fn unpark(world: &World, done: &Disturbances) -> Result<(), InvokeError> {
    let (source, destination) = (&world.queues.parking, &world.queues.main);
    let request = json!({
        "action": "redrive", "mode": "selective", "source": source, "destination": destination,
    });
    redrive(world, done, &request).await
}

async fn redrive(world: &World, done: &Disturbances, request: &Value) -> Result<(), InvokeError> {
    let answer = world.redrive().invoke(request.to_string().into()).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    add(&done.redriven, answer["moved"].as_u64().unwrap_or_default());
    add(&done.parked, answer["parked"].as_u64().unwrap_or_default());
    Ok(())
}

/// Puts the new objects of Firehose's backup into the bucket, and notifies `object-loader` of them.
pub(crate) async fn replay(run: &Run<'_>, done: &Disturbances) -> Result<(), Failure> {
    let World { s3, backup, queues, .. } = run.world;
    let known: BTreeSet<_> = s3.objects(BACKUP).into_keys().collect();
    for path in files(backup.path())? {
        let key = path.strip_prefix(backup.path())?.to_string_lossy().into_owned();
        let is_partial = key.contains("/.partial-");
        if is_partial || known.contains(&key) {
            continue;
        }
        s3.put(BACKUP, &key, fs::read(&path)?, i64::try_from(now_ms()).unwrap_or(i64::MAX));
        let request = json!({"sluice": "load", "bucket": BACKUP, "key": key}).to_string();
        run.send_all(&queues.objects, vec![request]).await?;
        add(&done.replayed, 1);
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
