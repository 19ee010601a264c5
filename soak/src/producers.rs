//! The producers: records to Firehose, messages to SQS, objects to S3 with their notifications, and
//! readings of machines to the data stream.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;
use local::sample::Reading;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::Failure;
use crate::books::{Books, Fate};
use crate::message::Message;
use crate::world::{OBJECTS, World};

/// Number of messages in a batch of SQS, and in an object.
const BATCH: u64 = 10;
const OBJECT: u64 = 50;

/// One in this number of messages fits only into the parking queue. The first one is sent early,
/// because it makes buffers grow.
const TOO_LARGE_ONE_OF: u64 = 5_000;
/// One in this number of messages, notifications and readings is sent twice.
const TWICE_ONE_OF: u32 = 50;
/// One in this number of readings is refused, and one in this number is sent late.
const REFUSED_ONE_OF: u32 = 100;

/// A run, from the point of view of the producers.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) world: &'a World,
    pub(crate) seed: u64,
    /// The time in which this number of messages is sent.
    pub(crate) length: Duration,
    pub(crate) messages: u64,
    pub(crate) books: RefCell<Books>,
    /// The valid readings.
    pub(crate) readings: RefCell<Vec<Reading>>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Run<'_> {
    /// Sends everything, or stops when the run is stopped.
    pub(crate) async fn produce(&self) -> Result<(), Failure> {
        let share = |percent| self.messages * percent / 100;
        tokio::try_join!(
            self.to_firehose(share(45)),
            self.to_queue(share(35)),
            self.to_bucket(share(10)),
            self.to_stream(share(10)),
        )?;
        Ok(())
    }

    /// Calls `send` with the numbers below `count`, evenly distributed over the run.
    async fn evenly(
        &self,
        count: u64,
        mut send: impl AsyncFnMut(u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (start, mut stop) = (Instant::now(), self.stop.clone());
        for number in 0..count {
            let (part, all) = (u32::try_from(number)?, u32::try_from(count)?);
            let due = sleep_until(start + self.length * part / all);
            if !or_stopped(due, &mut stop).await {
                break;
            }
            send(number).await?;
        }
        Ok(())
    }

    fn draw(&self, pipeline: &str, number: u64, random: &mut Rng) -> Message {
        let message = Message::draw(pipeline, number, random);
        self.books.borrow_mut().enter(message.id.clone(), message.fate);
        message
    }

    async fn to_firehose(&self, count: u64) -> Result<(), Failure> {
        let mut random = Rng::with_seed(self.seed ^ 1);
        let send = async |number| {
            let message = self.draw("firehose", number, &mut random);
            Ok(self.world.delivery.put_record(message.body).await?)
        };
        self.evenly(count, send).await
    }

    async fn to_queue(&self, count: u64) -> Result<(), Failure> {
        let mut random = Rng::with_seed(self.seed ^ 2);
        let send = async |batch: u64| {
            let mut bodies = Vec::new();
            for number in batch * BATCH..(batch + 1) * BATCH {
                if number % TOO_LARGE_ONE_OF == TOO_LARGE_ONE_OF / 10 {
                    let Message { id, fate, body, .. } = Message::too_large("queue", number);
                    self.books.borrow_mut().enter(id, fate);
                    self.send_all(&self.world.queues.main, vec![body]).await?;
                    continue;
                }
                let message = self.draw("queue", number, &mut random);
                if message.has_own_id && random.u32(0..TWICE_ONE_OF) == 0 {
                    self.send_all(&self.world.queues.main, vec![message.body.clone()]).await?;
                }
                bodies.push(message.body);
            }
            self.send_all(&self.world.queues.main, bodies).await
        };
        self.evenly(count / BATCH, send).await
    }

    async fn to_bucket(&self, count: u64) -> Result<(), Failure> {
        let mut random = Rng::with_seed(self.seed ^ 3);
        let send = async |object: u64| {
            let is_array = random.bool();
            let mut events = Vec::new();
            for number in object * OBJECT..(object + 1) * OBJECT {
                let message = Message::draw("objects", number, &mut random);
                // A malformed event ends an array.
                if !is_array || message.fate == Fate::Document {
                    self.books.borrow_mut().enter(message.id, message.fate);
                    events.push(message.body);
                }
            }
            let text = if is_array { format!("[{}]", events.join(",")) } else { events.join("\n") };
            let body = if random.bool() { packed(&text)? } else { text.into_bytes() };
            let key = format!("plays/{object}");
            let now_ms = i64::try_from(now_ms()).unwrap_or(i64::MAX);
            self.world.s3.put(OBJECTS, &key, body, now_ms);
            let notification = json!({
                "source": "aws.s3", "detail-type": "Object Created",
                "detail": {"bucket": {"name": OBJECTS}, "object": {"key": key}},
            });
            let times = 1 + usize::from(random.u32(0..TWICE_ONE_OF) == 0);
            let bodies = vec![notification.to_string(); times];
            self.send_all(&self.world.queues.objects, bodies).await
        };
        self.evenly(count / OBJECT, send).await
    }

    async fn to_stream(&self, count: u64) -> Result<(), Failure> {
        let mut random = Rng::with_seed(self.seed ^ 4);
        let mut latest_ms: BTreeMap<String, u64> = BTreeMap::new();
        let mut late = Vec::new();
        let stream = &self.world.readings;
        let send = async |number: u64| {
            if random.u32(0..REFUSED_ONE_OF) == 0 {
                let id = format!("soak-sensors-{number}");
                stream.put(&id, format!(r#"{{"line_id":"L1","items":"many","note":"{id}"}}"#));
                self.books.borrow_mut().enter(id, Fate::Refused);
                return Ok(());
            }
            let reading = reading(&mut random, &mut latest_ms);
            match random.u32(0..100) {
                0..2 => late.push(reading.clone()),
                choice => {
                    let times = 1 + u32::from(choice < 4);
                    (0..times).for_each(|_| drop(stream.put(&reading.machine, reading.data())));
                }
            }
            if late.len() > 5 {
                late.drain(..).for_each(|late| drop(stream.put(&late.machine, late.data())));
            }
            self.readings.borrow_mut().push(reading);
            Ok(())
        };
        self.evenly(count, send).await?;
        late.drain(..).for_each(|late| drop(stream.put(&late.machine, late.data())));
        Ok(())
    }

    /// Sends messages to a queue, and repeats those that SQS rejects.
    pub(crate) async fn send_all(&self, queue: &str, bodies: Vec<String>) -> Result<(), Failure> {
        let mut open: Vec<_> = bodies.into_iter().enumerate().collect();
        while !open.is_empty() {
            let entry =
                |(id, body): &(usize, String)| json!({"Id": id.to_string(), "MessageBody": body});
            let entries: Vec<_> = open.iter().map(entry).collect();
            let members = json!({"QueueUrl": queue, "Entries": entries});
            let answer = self.world.queues.client.call("SendMessageBatch", &members).await?;
            let sent = answer["Successful"].as_array().map_or(&[][..], Vec::as_slice);
            let sent: BTreeSet<_> = sent.iter().filter_map(|entry| entry["Id"].as_str()).collect();
            open.retain(|(id, _)| !sent.contains(&*id.to_string()));
        }
        Ok(())
    }
}

/// A reading at the present time; a machine has one in each millisecond.
fn reading(random: &mut Rng, latest_ms: &mut BTreeMap<String, u64>) -> Reading {
    let (line, machine) = (random.u32(1..=3), random.u32(1..=8));
    let machine = format!("L{line}-M{machine}");
    let latest = latest_ms.entry(machine.clone()).or_default();
    *latest = now_ms().max(*latest + 1);
    Reading {
        line: format!("L{line}"),
        machine,
        time_ms: *latest,
        items: random.u32(0..=5),
        defects: random.u32(0..=1),
        energy_64ths: random.u32(1..=9),
        is_running: random.bool(),
    }
}

fn packed(text: &str) -> Result<Vec<u8>, Failure> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}

pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Waits; returns whether the run continues.
pub(crate) async fn or_stopped(
    wait: impl Future<Output = ()>,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stops| *stops) => false,
        () = wait => true,
    }
}
