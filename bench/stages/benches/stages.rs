//! The stages of an invocation one by one, each over all events of a request of 1 MB: a profile
//! without a profiler. Run `cargo bench` in `bench/`.
//!
//! Bytes per second always refer to the original events, so that stages can be compared.
//! `serde_json` has more features here than in the function, which uses it in none of these stages
//! except `answer` (only for the metrics, one line per invocation). The relevant measurement is
//! that of the whole process with its socket, which the command beside this makes.

use std::hint::black_box;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Waker};

use base64_simd::STANDARD;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use firehose_transform::App;
use firehose_transform::reingest::{CallError, PutRecord, Source, Target};
use firehose_transform::request::Request;
use firehose_transform::transform::Transformer;
use local::sample::Size;
use shared::event::Reader;
use shared::runtime::{Function, Invocation};
use stages::Events;
use tokio::time::Instant;

const SIZES: [Size; 2] = [Size::Small, Size::Large];

static SMALL: LazyLock<Events> = LazyLock::new(|| events(Size::Small));
static LARGE: LazyLock<Events> = LazyLock::new(|| events(Size::Large));

fn main() {
    divan::main();
}

fn events(size: Size) -> Events {
    Events::of(size).unwrap_or_else(|error| panic!("{error}"))
}

/// A benchmark over all events of `size`.
fn over(bencher: Bencher<'_, '_>, size: Size, mut stage: impl FnMut(&'static Events)) {
    let events = match size {
        Size::Small => &*SMALL,
        Size::Large => &*LARGE,
    };
    bencher
        .counter(BytesCount::new(events.payload_bytes()))
        .counter(ItemsCount::new(events.payloads.len()))
        .bench_local(|| stage(black_box(events)));
}

/// Parses the request's JSON: the position of each record's data.
#[divan::bench(args = SIZES)]
fn parse_request(bencher: Bencher<'_, '_>, size: Size) {
    over(bencher, size, |events| drop(black_box(Request::parse(&events.body))));
}

/// Decodes base64 to payloads.
#[divan::bench(args = SIZES)]
fn decode(bencher: Bencher<'_, '_>, size: Size) {
    let mut payload = Vec::new();
    over(bencher, size, |events| {
        for encoded in &events.encoded {
            payload.clear();
            STANDARD.decode_append(encoded, &mut payload).unwrap_or_else(|error| panic!("{error}"));
            black_box(&payload);
        }
    });
}

/// Parses payloads as events: UTF-8, JSON, the members of the mapping.
#[divan::bench(args = SIZES)]
fn read(bencher: Bencher<'_, '_>, size: Size) {
    let mut reader = Reader::default();
    over(bencher, size, |events| {
        for payload in &events.payloads {
            black_box(reader.read(&events.config.model, payload).is_ok());
        }
    });
}

/// Converts payloads to documents. An event can be written only once, so parsing is included: the
/// difference to `read` is the cost of writing.
#[divan::bench(args = SIZES)]
fn read_and_write(bencher: Bencher<'_, '_>, size: Size) {
    let mut reader = Reader::default();
    let mut document = Vec::new();
    over(bencher, size, |events| {
        for payload in &events.payloads {
            document.clear();
            if let Ok(mut event) = reader.read(&events.config.model, payload) {
                event.write_document(&events.arrival, &mut document);
            }
            black_box(&document);
        }
    });
}

/// Encodes documents as base64 in the answer.
#[divan::bench(args = SIZES)]
fn encode(bencher: Bencher<'_, '_>, size: Size) {
    let mut answer = Vec::new();
    over(bencher, size, |events| {
        answer.clear();
        for document in &events.documents {
            STANDARD.encode_append(document, &mut answer);
        }
        black_box(&answer);
    });
}

/// Converts records to documents: `decode`, `read` and writing, combined as in the function.
#[divan::bench(args = SIZES)]
fn transform(bencher: Bencher<'_, '_>, size: Size) {
    let mut transformer = Transformer::default();
    let mut document = Vec::new();
    // Once for all rounds: `parse_request` measures this.
    let mut parsed = None;
    over(bencher, size, |events| {
        let request = parsed.get_or_insert_with(|| {
            Request::parse(&events.body).unwrap_or_else(|error| panic!("{error}"))
        });
        for (index, record) in request.records.iter().enumerate() {
            let now = events.arrival.now;
            let outcome = transformer.transform(
                &events.config,
                index,
                record,
                now,
                &mut document,
                |_, _, _| {},
            );
            black_box(outcome);
        }
    });
}

/// Everything from the bytes of the request to those of the answer.
#[divan::bench(args = SIZES)]
fn answer(bencher: Bencher<'_, '_>, size: Size) {
    let mut app = App::new(events(size).config, Nowhere, std::io::sink());
    let mut answer = Vec::new();
    over(bencher, size, |events| {
        let invocation = Invocation {
            body: &events.body,
            request_id: "request",
            function_arn: "",
            now: events.arrival.now,
            deadline: Instant::now(),
        };
        // Nothing is put back, so nothing is waited for.
        let mut context = Context::from_waker(Waker::noop());
        answer.clear();
        let ready = pin!(app.handle(invocation, &mut answer)).poll(&mut context).is_ready();
        assert!(ready && !black_box(&answer).is_empty(), "an answer at once");
    });
}

/// A stream to which nothing is put back: the answer has room for all.
struct Nowhere;

impl Source for Nowhere {
    async fn put(&self, _: &Target, _: &[PutRecord]) -> Result<Vec<bool>, CallError> {
        Err(CallError::Denied)
    }
}
