//! The real binary with real stores: whatever it writes, twice, late or corrected, the windows of
//! the dashboard are those of the readings.

#![cfg(test)]

use local::kinesis::{EventSourceMappingOptions, Outcome, Reader, Stream};
use local::sample::{Reading, Readings, windows};
use local::sqs;
use local::timeseries::{TimeSeries, Windows, panels};
use serde_json::json;
use testkit::{Binary, time_series_stores};

const BINARY: &str = env!("CARGO_BIN_EXE_sensor-points");

/// Ten seconds before noon on 2024-03-01, in milliseconds.
const START_MS: u64 = 1_709_294_390_000;
const LENGTH_MS: u64 = 20_000;

/// The built-in series, with a field that may already have another type in a store.
const SERIES: &str = r#"{"measurement":"line","id":["id"],
    "tags":{"line":["line_id","line","lineId"],"machine":["machine_id","equipment_id","machineId"]},
    "fields":{"items":["items"],"gauge":["gauge"]}}"#;

/// The binary behind a stream, with one store and a queue.
struct Scene {
    binary: Binary,
    stream: Stream,
    reader: Reader,
    store: TimeSeries,
    queue: sqs::Client,
    quarantine: String,
    _sqs: sqs::Embedded,
}

impl Scene {
    async fn new(store: TimeSeries, variables: &[(&str, &str)]) -> Self {
        let sqs = sqs::Embedded::start().await.unwrap();
        let queue = sqs::Client::new(sqs.url()).unwrap();
        let quarantine = queue.create_queue("quarantine", &[]).await.unwrap();
        let url = store.client().write_url("sensors").await.unwrap();
        let own = [
            ("TSDB_WRITE_URL", &*url),
            ("TSDB_AUTH", "none"),
            ("QUARANTINE_QUEUE_URL", &quarantine),
            ("AWS_ENDPOINT_URL_SQS", sqs.url()),
        ];
        let binary = Binary::new(BINARY, &[&own[..], variables].concat()).await;
        let options =
            EventSourceMappingOptions { batch_size: 1_000, ..EventSourceMappingOptions::default() };
        let (stream, reader) = (Stream::new("sensors", 2), Reader::new(options));
        Self { binary, stream, reader, store, queue, quarantine, _sqs: sqs }
    }

    fn put(&mut self, readings: &[Reading]) {
        for reading in readings {
            self.stream.put(&reading.machine, reading.data(), START_MS);
        }
    }

    /// Delivers the records that were not delivered yet, which the function must settle.
    async fn deliver(&mut self) {
        self.reader.read(&self.stream, START_MS);
        while let Some(batch) = self.reader.next_batch(START_MS) {
            let observed = self.binary.invoke(batch.payload()).await;
            assert_eq!(batch.outcome(observed.body()), Ok(Outcome::Done), "{observed:?}");
            self.reader.settle(&batch, Outcome::Done, START_MS);
        }
        self.store.client().flush().await.unwrap();
    }

    /// Delivers everything from the beginning.
    async fn deliver_again(&mut self) {
        for shard in 0..self.stream.shards().len() {
            self.reader.lose_place(shard, 0);
        }
        self.deliver().await;
    }

    /// By panel of the dashboard: its title, the answer of the store, and the expected one.
    async fn compared(&self, readings: &[Reading]) -> Vec<(String, Windows, Windows)> {
        let mut compared = Vec::new();
        for panel in panels() {
            let times = (START_MS, START_MS + LENGTH_MS);
            let found = panel.ask(&self.store.client(), "sensors", times).await.unwrap();
            compared.push((panel.title.clone(), found, windows(readings, &panel)));
        }
        compared
    }

    async fn assert_windows(&self, readings: &[Reading]) {
        let store = self.store.description();
        for (title, found, expected) in self.compared(readings).await {
            assert!(!expected.is_empty());
            assert_eq!(found, expected, "{store}: {title}");
        }
    }
}

#[tokio::test]
async fn windows_are_exact_after_repeated_late_and_corrected_readings() {
    for store in time_series_stores().await {
        let mut scene = Scene::new(store, &[]).await;
        let mut readings = Readings::new(7, START_MS, LENGTH_MS).well_meant;
        let late = readings.split_off(readings.len() - 500);
        scene.put(&readings);
        scene.deliver().await;
        scene.assert_windows(&readings).await;
        // In other batches, with late readings.
        scene.put(&late[..300]);
        scene.deliver_again().await;
        let all = [readings, late].concat();
        let wrong = scene.compared(&all).await;
        assert!(wrong.iter().all(|(_, found, expected)| found != expected), "200 are missing");
        scene.put(&all[all.len() - 200..]);
        scene.deliver().await;
        scene.deliver_again().await;
        scene.assert_windows(&all).await;
        // Of several values at the same millisecond, VictoriaMetrics keeps any one.
        if !scene.store.description().contains("Victoria") {
            let mut corrected = all;
            // A reading with an id, by which it is recognized.
            let reading = corrected.iter_mut().find(|it| it.machine.ends_with("M1")).unwrap();
            reading.items += 100;
            let again = reading.clone();
            scene.put(&[again]);
            scene.deliver().await;
            scene.assert_windows(&corrected).await;
        }
        scene.store.stop().await;
    }
}

#[tokio::test]
async fn a_point_that_the_store_refuses_is_in_quarantine_and_the_others_are_stored() {
    for store in time_series_stores().await {
        let client = store.client();
        // A field has one type forever; in InfluxDB 1 within a week.
        let other = format!("line,line=old gauge=1i {START_MS}000000");
        let (status, text) = client.write("sensors", &other).await.unwrap();
        assert_eq!(status, 204, "{text}");
        let refuses = !store.description().contains("Victoria");
        let mut scene = Scene::new(store, &[("SERIES", SERIES)]).await;
        for number in 0..20 {
            let gauge = if number % 7 == 3 { ",\"gauge\":1.5" } else { "" };
            let time = START_MS + number;
            let reading = format!("{{\"line\":\"L1\",\"items\":{number}{gauge},\"ts\":{time}}}");
            scene.stream.put("one", reading, START_MS);
        }
        scene.deliver().await;
        let mut positions = Vec::new();
        let members = json!({
            "QueueUrl": scene.quarantine, "MaxNumberOfMessages": 10,
            "MessageAttributeNames": ["All"],
        });
        let received = scene.queue.call("ReceiveMessage", &members).await.unwrap();
        for message in received["Messages"].as_array().into_iter().flatten() {
            let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].clone();
            assert_eq!(attribute("sluice.reason"), "store_refused");
            let detail = attribute("sluice.detail");
            assert!(detail.as_str().unwrap().contains("field type conflict"), "{detail}");
            let body: serde_json::Value =
                serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
            positions.push(body["items"].as_u64().unwrap());
        }
        positions.sort_unstable();
        let (expected, sum) = if refuses {
            (vec![3, 10, 17], (0..20).sum::<u32>() - 30)
        } else {
            (Vec::new(), (0..20).sum())
        };
        assert_eq!(positions, expected, "{}", scene.store.description());
        let throughput = &panels()[0];
        let times = (START_MS, START_MS + LENGTH_MS);
        let found = throughput.ask(&scene.store.client(), "sensors", times).await.unwrap();
        let start_ms = START_MS - START_MS % 60_000;
        assert_eq!(found, [(("L1".to_owned(), start_ms), f64::from(sum))].into());
        scene.store.stop().await;
    }
}
