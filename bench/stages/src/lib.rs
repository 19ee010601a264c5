//! The input of the stages of `firehose-transform`: the events of one request in every intermediate
//! form, and the function's settings.

use base64_simd::STANDARD;
use bench::{ARRIVAL_MS, Error, Request, SEED};
use firehose_transform::config::Config;
use local::sample::{Size, events_of};
use shared::event::{Arrival, Identity, Reader, Refusal, Timestamp};

/// Size of a request, in bytes: that of the template's buffer.
const REQUEST_BYTES: usize = 1_000_000;

/// The events of one request.
#[derive(Debug)]
pub struct Events {
    /// The default settings of the function.
    pub config: Config,
    /// The present time, and the arrival time of the events.
    pub arrival: Arrival<'static>,
    /// The request.
    pub body: Vec<u8>,
    /// The base64 of each event in the request.
    pub encoded: Vec<Vec<u8>>,
    /// Each event, unchanged.
    pub payloads: Vec<Vec<u8>>,
    /// Each event's document.
    pub documents: Vec<Vec<u8>>,
}

impl Events {
    /// Events of this size.
    ///
    /// # Errors
    /// If the function cannot convert them to documents.
    pub fn of(size: Size) -> Result<Self, Error> {
        let config = Config::from_environment(
            &[
                ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
                ("AWS_LAMBDA_FUNCTION_NAME", "stages"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ]
            .into_iter()
            .collect(),
        )?;
        let now = Timestamp::from_milliseconds(ARRIVAL_MS.to_string().as_bytes());
        let arrival = Arrival {
            time: now,
            now: now.ok_or("the arrival is not a time")?,
            identity: Identity::Delivery(b""),
        };
        let Request { records, body, .. } = Request::of_events("stages", REQUEST_BYTES, size, SEED);
        let payloads: Vec<_> = events_of(size, SEED, records).collect();
        let mut reader = Reader::default();
        let documents = payloads.iter().map(|payload| {
            let mut document = Vec::new();
            let event = reader.read(&config.model, payload);
            let mut event = event.map_err(Refusal::reason)?;
            event.write_document(&arrival, &mut document);
            Ok::<_, Error>(document)
        });
        let documents = documents.collect::<Result<_, _>>()?;
        let encoded = payloads.iter().map(|it| STANDARD.encode_type::<Vec<u8>>(it)).collect();
        Ok(Self { config, arrival, body, encoded, payloads, documents })
    }

    /// Size of all unchanged events, in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.payloads.iter().map(Vec::len).sum()
    }
}
