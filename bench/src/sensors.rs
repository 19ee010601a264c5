//! Readings of machines in a stream, and the functions that write their points.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flate2::read::GzDecoder;
use local::kinesis::{EventSourceMapping, EventSourceMappingOptions, Reader, SharedStream, Stream};
use local::runtime_api::{Function as Running, FunctionOptions};
use local::sample::{Reading, Readings};
use local::timeseries;
use tokio::runtime::Builder;

use crate::Error;
use crate::functions::Function;
use crate::http::{MAX_BODY_BYTES, Request as HttpRequest, Server};
use crate::invoke;
use crate::numbers::grouped;
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;

/// Number of records in the measured batch: the template's `BatchSize`.
const RECORDS: usize = 1_000;

/// 2024-03-01T12:00:00Z, in milliseconds since 1970.
const NOON_MS: u64 = 1_709_294_400_000;

/// Nothing listens there: no reading is refused.
const QUARANTINE: &str = "http://127.0.0.1:9/123456789012/quarantine";

/// How often readings are put.
const TICK_MS: u64 = 10;

/// Maximum number of readings in one record.
const READINGS_PER_RECORD: usize = 10;

/// A batch of records in the form of the event source mapping, each with one reading.
pub(crate) fn batch(seed: u64) -> Result<Request, Error> {
    // 240 per second.
    let readings = Readings::new(seed, NOON_MS, 10_000).well_meant;
    let mut stream = Stream::new("sensors", 1);
    for reading in readings.iter().take(RECORDS) {
        stream.put(&reading.machine, reading.data(), NOON_MS);
    }
    let options =
        EventSourceMappingOptions { batch_size: RECORDS, ..EventSourceMappingOptions::default() };
    let mut reader = Reader::new(options);
    reader.read(&stream, NOON_MS);
    let batch = reader.next_batch(NOON_MS).ok_or("no batch")?;
    let bytes = readings.iter().take(RECORDS).map(|reading| reading.data().len()).sum::<usize>();
    Ok(Request {
        name: format!("{} records of {} bytes", grouped(RECORDS as u64), bytes / RECORDS),
        records: batch.records.len(),
        body: batch.payload().to_vec(),
    })
}

/// A store in this process that accepts every line.
#[derive(Debug)]
pub(crate) struct Points {
    server: Server,
    /// The lines of the latest request.
    latest: Arc<Mutex<String>>,
}

impl Points {
    /// Starts a store.
    pub(crate) fn start() -> Result<Self, Error> {
        let latest = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&latest);
        let server = Server::start(move |request| {
            let lines = text(request)?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = lines;
            Ok(Arc::new(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n".to_vec()))
        })?;
        Ok(Self { server, latest })
    }

    /// The function, writing to this store.
    pub(crate) fn written_by(&self, function: &Function) -> Function {
        let url = format!("http://{}/write?db=sensors&precision=ns", self.server.address);
        function.clone().with("TSDB_WRITE_URL", url).with("QUARANTINE_QUEUE_URL", QUARANTINE)
    }

    /// Fails unless all functions write the same lines for a batch.
    pub(crate) fn check(
        &self,
        functions: &[Function],
        batch: &Request,
        cores: Cores,
    ) -> Result<(), Error> {
        let invocation = Invocation::new(&batch.body)?;
        let mut first: Option<(&str, String)> = None;
        for function in functions {
            invoke::Running::start(function, cores)?.invoke(&invocation)?;
            let lines = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            // These are the same number.
            let lines = lines.replace(".0,", ",").replace(".0 ", " ");
            if lines.lines().count() != batch.records {
                let count = lines.lines().count();
                return Err(format!("{} wrote {count} lines", function.name).into());
            }
            let (name, expected) = first.get_or_insert_with(|| (function.name, lines.clone()));
            let mut pairs = expected.lines().zip(lines.lines());
            if let Some((one, other)) = pairs.find(|(one, other)| one != other) {
                return Err(format!("{name} wrote {one}, and {} {other}", function.name).into());
            }
        }
        println!("{} functions write the same {} points", functions.len(), batch.records);
        Ok(())
    }
}

fn text(request: HttpRequest) -> Result<String, Error> {
    if request.headers.get("content-encoding").is_none_or(|it| it != "gzip") {
        return Ok(String::from_utf8(request.body)?);
    }
    let mut text = String::new();
    let mut unpacked = std::io::Read::take(GzDecoder::new(&request.body[..]), MAX_BODY_BYTES);
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    std::io::Read::read_to_string(&mut unpacked, &mut text)?;
    Ok(text)
}

/// Puts readings into a stream of two shards, which are read once a second, and reports the time
/// until they were stored.
pub(crate) fn latency(
    function: &Function,
    readings_per_second: u64,
    seconds: u32,
) -> Result<String, Error> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut latencies_ms = runtime.block_on(latencies(function, readings_per_second, seconds))?;
    latencies_ms.sort_unstable();
    let percentile = |percent: usize| {
        let place = (latencies_ms.len() * percent).div_ceil(100).max(1) - 1;
        latencies_ms.get(place).copied().unwrap_or_default()
    };
    Ok(format!(
        "{} readings a second for {seconds} s in {} records: put to stored median {} ms, 99 of 100 within \
         {} ms, longest {} ms\n",
        grouped(readings_per_second),
        grouped(latencies_ms.len() as u64),
        percentile(50),
        percentile(99),
        percentile(100),
    ))
}

async fn latencies(
    function: &Function,
    readings_per_second: u64,
    seconds: u32,
) -> Result<Vec<u64>, Error> {
    let store = timeseries::Embedded::start().await?;
    timeseries::Client::new(store.url())?.create("sensors").await?;
    let variables = [
        ("TSDB_WRITE_URL", format!("{}/write?db=sensors", store.url())),
        ("TSDB_AUTH", "none".to_owned()),
        ("QUARANTINE_QUEUE_URL", QUARANTINE.to_owned()),
    ];
    let running = Running::start(FunctionOptions {
        environment: variables.map(|(name, value)| (name.to_owned(), value)).into(),
        concurrency: 2,
        ..FunctionOptions::new(function.name, function.program())
    })
    .await?;
    let stream = SharedStream::new("sensors", 2);
    let options =
        EventSourceMappingOptions { batch_size: RECORDS, ..EventSourceMappingOptions::default() };
    let mapping = EventSourceMapping::start(options, stream.clone(), running.clone(), None);
    let per_tick = usize::try_from(readings_per_second * TICK_MS / 1_000)?;
    let mut ticks = tokio::time::interval(Duration::from_millis(TICK_MS));
    let mut number = 0;
    for _ in 0..u64::from(seconds) * 1_000 / TICK_MS {
        ticks.tick().await;
        let now_ms = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let now_ms = u64::try_from(now_ms.as_millis())?;
        let readings: Vec<_> = (number..number + per_tick).map(|at| reading(at, now_ms)).collect();
        number += per_tick;
        // A rate that a shard accepts: one reading per record, or several, as producers combine
        // them.
        let size = if per_tick > READINGS_PER_RECORD { READINGS_PER_RECORD } else { 1 };
        for readings in readings.chunks(size) {
            let key = readings.first().map_or("", |reading| &reading.machine);
            let texts: Vec<_> = readings.iter().map(Reading::data).collect();
            stream.put(key, format!("[{}]", texts.join(",")));
        }
    }
    let report = mapping.until_up_to_date().await;
    mapping.stop().await;
    running.stop().await;
    if report.failed_invocations + report.partial_answers > 0 {
        return Err(format!("invocations failed: {:?}", report.last_error).into());
    }
    Ok(report
        .done_ms
        .iter()
        .map(|(arrived_ms, done_ms)| done_ms.saturating_sub(*arrived_ms))
        .collect())
}

/// A reading of one of a thousand machines.
fn reading(number: usize, time_ms: u64) -> Reading {
    let digit = u32::try_from(number % 10).unwrap_or_default();
    Reading {
        line: format!("L{}", number % 10),
        machine: format!("M{}", number % 1_000),
        time_ms,
        items: digit,
        defects: digit % 2,
        energy_64ths: digit,
        is_running: true,
    }
}
