//! Sends records to a queue or a stream in calls. Only records that a call did not accept are sent
//! again.

use std::fmt::{self, Display, Formatter};
use std::ops::ControlFlow;
use std::time::Duration;

use dlq_redrive::message::{Attributes, Outgoing};
use dlq_redrive::queues::Queues as _;
use dlq_redrive::sqs::AwsQueues;
use firehose_transform::reingest::{
    MAX_CALL_BYTES, MAX_CALL_RECORDS, MAX_RECORD_BYTES, PutRecord, Target as Stream, put_back,
};
use firehose_transform::source::AwsSource;
use object_loader::{Content, Item, Items, Reading, Request};
use shared::sqs::{Failure as SqsFailure, MAX_ENTRIES, MAX_MESSAGE_BYTES, hex_digest};
use tokio::time::{Instant, sleep, timeout};

use super::ledger::Until;
use super::objects::Port;
use super::run::{PATIENCE, Run};
use super::source::Object;
use crate::aws::explained;
use crate::error::CliError;

/// Maximum number of consecutive calls in which SQS accepts no message.
const MAX_FUTILE_CALLS: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The length of a partition key.
const KEY_BYTES: usize = 32;

/// A queue by its URL, or a stream.
#[derive(Debug)]
pub(super) enum Sender {
    Queue(AwsQueues, String),
    Stream(AwsSource, Stream),
}

/// Records that a sender finally did not accept.
#[derive(Debug)]
struct NotSent {
    /// Their positions in the call, in order.
    places: Vec<usize>,
    why: String,
}

impl Display for Sender {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(_, url) => write!(out, "the queue {url}"),
            Self::Stream(_, Stream::KinesisStream(name)) => write!(out, "the stream {name}"),
            Self::Stream(_, Stream::DeliveryStream(name)) => {
                write!(out, "the delivery stream {name}")
            }
        }
    }
}

impl Sender {
    /// Maximum number of records and bytes of a call.
    const fn limits(&self) -> (usize, usize) {
        match self {
            Self::Queue(..) => (MAX_ENTRIES, MAX_MESSAGE_BYTES),
            Self::Stream(..) => (MAX_CALL_RECORDS, MAX_CALL_BYTES),
        }
    }

    /// The number of bytes that a record adds to a call.
    const fn bytes(&self, data: &[u8]) -> usize {
        match self {
            Self::Queue(..) => data.len(),
            Self::Stream(..) => data.len() + KEY_BYTES,
        }
    }

    /// Why a record cannot be sent at all.
    fn refusal(&self, data: &[u8]) -> Option<&'static str> {
        let (largest, is_text) = match self {
            Self::Queue(..) => (MAX_MESSAGE_BYTES, true),
            Self::Stream(..) => (MAX_RECORD_BYTES, false),
        };
        let takes = |text: &str| text.chars().all(is_taken);
        match data.len() {
            0 => Some("empty"),
            bytes if bytes > largest => Some("too_large"),
            _ if is_text && !std::str::from_utf8(data).is_ok_and(takes) => Some("not_text"),
            _ => None,
        }
    }

    async fn send(&self, records: &[&[u8]]) -> Result<(), NotSent> {
        match self {
            Self::Queue(queues, url) => send_messages(queues, url, records).await,
            Self::Stream(source, stream) => put(source, stream, records).await,
        }
    }
}

/// Whether SQS accepts a character in a body (source: Amazon SQS API reference,
/// `SendMessageBatch`).
const fn is_taken(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

async fn send_messages(queues: &AwsQueues, url: &str, bodies: &[&[u8]]) -> Result<(), NotSent> {
    let mut places: Vec<usize> = (0..bodies.len()).collect();
    let mut futile_calls = 0;
    loop {
        let message = |place: &usize| Outgoing {
            body: String::from_utf8_lossy(bodies[*place]).into_owned(),
            attributes: Attributes::new(),
            group_id: None,
            deduplication_id: None,
            trace_header: None,
        };
        let messages: Vec<_> = places.iter().map(message).collect();
        let results = timeout(PATIENCE, queues.send(url, &messages)).await;
        let results = results.unwrap_or_else(|_| vec![Err(SqsFailure::late()); places.len()]);
        let failed = places
            .iter()
            .zip(results)
            .filter_map(|(place, result)| result.err().map(|failure| (*place, failure)));
        let failed: Vec<_> = failed.collect();
        let Some((_, first)) = failed.first() else { return Ok(()) };
        futile_calls = if failed.len() < places.len() { 0 } else { futile_calls + 1 };
        if futile_calls == MAX_FUTILE_CALLS || is_set_up(&first.code) {
            let why = format!("failed to send to the queue {url}: {}", explained(first));
            return Err(NotSent {
                places: failed.into_iter().map(|(place, _)| place).collect(),
                why,
            });
        }
        places = failed.into_iter().map(|(place, _)| place).collect();
        sleep(FIRST_WAIT * (1 << futile_calls)).await;
    }
}

/// Whether a repeated call would fail in the same way.
fn is_set_up(code: &str) -> bool {
    ["Denied", "NonExistentQueue", "QueueDoesNotExist", "Invalid", "Expired", "Signature"]
        .iter()
        .any(|part| code.contains(part))
}

async fn put(source: &AwsSource, stream: &Stream, records: &[&[u8]]) -> Result<(), NotSent> {
    let record = |(index, data): (usize, &&[u8])| PutRecord {
        index,
        payload: data.to_vec(),
        partition_key: hex_digest(data)[..KEY_BYTES].to_owned(),
    };
    let mut not_sent: Option<NotSent> = None;
    let records = records.iter().enumerate().map(record);
    put_back(source, stream, records, Instant::now() + PATIENCE, |index, result| {
        if let Err(reason) = result {
            let why = format!("the service does not take the records: {reason:?}");
            let not_sent = not_sent.get_or_insert(NotSent { places: Vec::new(), why });
            not_sent.places.push(index);
        }
    })
    .await;
    match not_sent {
        None => Ok(()),
        Some(mut not_sent) => {
            not_sent.places.sort_unstable();
            Err(not_sent)
        }
    }
}

/// The records of one call.
#[derive(Debug)]
pub(super) struct Call {
    sender: Sender,
    most: usize,
    /// The records with their offsets.
    records: Vec<(u64, Vec<u8>)>,
    bytes: usize,
    /// Why records since the last call cannot be sent, with their offsets.
    refused: Vec<(u64, String)>,
}

impl Call {
    pub(super) fn new(sender: Sender, rate: Option<u32>) -> Self {
        let most = sender.limits().0;
        let rate = rate.and_then(|rate| usize::try_from(rate).ok());
        let most = rate.map_or(most, |rate| rate.min(most));
        Self { sender, most, records: Vec::new(), bytes: 0, refused: Vec::new() }
    }

    /// Sends the failures of an object. Returns whether to continue with the next one.
    ///
    /// # Errors
    /// Those of the ledger; [`CliError::Failed`] if records are not accepted.
    pub(super) async fn object(
        &mut self,
        run: &mut Run<'_>,
        (port, reading): (&Port, &Reading),
        object: &Object,
        request: &Request,
    ) -> Result<ControlFlow<()>, CliError> {
        let mut items = match Items::open(port, request, reading, PATIENCE).await {
            Ok(items) => items,
            Err(error) => {
                run.tally.left.push((object.name(), error.to_string()));
                return Ok(ControlFlow::Continue(()));
            }
        };
        loop {
            let Item { offset, content, .. } = match items.next().await {
                Ok(Some(item)) => item,
                Ok(None) => {
                    let (offset, lists) = (items.next_offset(), items.has_lists());
                    let end = Until { offset, lists, is_end: true };
                    return self.flush(run, object, end, items.bytes_read()).await;
                }
                Err(error) => {
                    run.tally.left.push((object.name(), error.to_string()));
                    let (offset, lists) = (items.next_offset(), items.has_lists());
                    let until = Until { offset, lists, is_end: false };
                    return self.flush(run, object, until, items.bytes_read()).await;
                }
            };
            let data = match content {
                Content::Failure(failure) if failure.document.is_some() => {
                    run.tally.documents_skipped += 1;
                    continue;
                }
                Content::Failure(failure) => failure.data,
                Content::NotSelected | Content::Record => {
                    run.tally.dropped += 1;
                    continue;
                }
                Content::Unreadable(reason) => {
                    self.refused.push((offset, reason));
                    continue;
                }
            };
            if let Some(reason) = self.sender.refusal(&data) {
                self.refused.push((offset, reason.to_owned()));
                continue;
            }
            let bytes = self.sender.bytes(&data);
            if self.records.len() == self.most || self.bytes + bytes > self.sender.limits().1 {
                let until = Until { offset, lists: items.has_lists(), is_end: false };
                let flow = self.flush(run, object, until, items.bytes_read()).await?;
                if flow.is_break() {
                    return Ok(flow);
                }
            }
            self.bytes += bytes;
            self.records.push((offset, data));
        }
    }

    /// Sends the collected records, then confirms the object up to `until`.
    async fn flush(
        &mut self,
        run: &mut Run<'_>,
        object: &Object,
        until: Until,
        bytes_read: u64,
    ) -> Result<ControlFlow<()>, CliError> {
        self.bytes = 0;
        let records = std::mem::take(&mut self.records);
        let data: Vec<_> = records.iter().map(|(_, data)| &**data).collect();
        let count = records.len() as u64;
        let sent = if data.is_empty() { Ok(()) } else { self.sender.send(&data).await };
        let refused = std::mem::take(&mut self.refused).into_iter();
        let Err(NotSent { places, why }) = sent else {
            refused.for_each(|(_, reason)| run.refuse(reason, 1));
            run.tally.sent += count;
            return run.confirm(object, until, count, bytes_read).await;
        };
        let sent = count - places.len() as u64;
        run.tally.sent += sent;
        if let Some((first, _)) = places.first().and_then(|first| records.get(*first)) {
            // Those after it are read again.
            let before = refused.filter(|(offset, _)| offset < first);
            before.for_each(|(_, reason)| run.refuse(reason, 1));
            let until = Until { offset: *first, is_end: false, ..until };
            let _flow = run.confirm(object, until, sent, bytes_read).await?;
        }
        Err(CliError::Failed(why))
    }
}

/// Load requests for object-loader, one per object.
#[derive(Debug)]
pub(super) struct Requests<'a> {
    sender: Sender,
    waiting: Vec<(&'a Object, String)>,
}

impl<'a> Requests<'a> {
    pub(super) const fn new(sender: Sender) -> Self {
        Self { sender, waiting: Vec::new() }
    }

    /// Adds a load request for an object to a batch. Returns whether to continue with the next one.
    ///
    /// # Errors
    /// As [`Requests::flush`].
    pub(super) async fn add(
        &mut self,
        run: &mut Run<'_>,
        object: &'a Object,
        request: &Request,
    ) -> Result<ControlFlow<()>, CliError> {
        self.waiting.push((object, request.to_message()));
        if self.waiting.len() == MAX_ENTRIES || run.pace.is_limited() {
            return self.flush(run).await;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Sends the collected requests and confirms them.
    ///
    /// # Errors
    /// Those of the ledger; [`CliError::Failed`] if requests are not accepted.
    pub(super) async fn flush(&mut self, run: &mut Run<'_>) -> Result<ControlFlow<()>, CliError> {
        let requests = std::mem::take(&mut self.waiting);
        let bodies: Vec<_> = requests.iter().map(|(_, body)| body.as_bytes()).collect();
        let sent = if bodies.is_empty() { Ok(()) } else { self.sender.send(&bodies).await };
        let not_sent = sent.as_ref().err().map_or(&[][..], |not_sent| &not_sent.places);
        let mut flow = ControlFlow::Continue(());
        for (place, (object, _)) in requests.iter().enumerate() {
            if !not_sent.contains(&place) {
                run.tally.sent += 1;
                let until = Until { is_end: true, ..Until::default() };
                flow = run.confirm(object, until, 1, object.bytes).await?;
            }
        }
        sent.map(|()| flow).map_err(|not_sent| CliError::Failed(not_sent.why))
    }
}

#[cfg(test)]
mod tests {
    use shared::aws::Aws;

    use super::*;

    #[test]
    fn what_a_service_does_not_take_is_not_sent() {
        let queue = Sender::Queue(AwsQueues::new(Aws::default()), String::new());
        let stream = Stream::DeliveryStream(String::new());
        let stream = Sender::Stream(AwsSource::new(Aws::default()), stream);
        let bytes = |length: usize| vec![b'x'; length];
        for (data, by_queue, by_stream) in [
            (b"".to_vec(), Some("empty"), Some("empty")),
            (b"{\"a\":\"\xF0\x9F\x8E\xB5\"}\n".to_vec(), None, None),
            (b"\x1f\x8b".to_vec(), Some("not_text"), None),
            (b"a\0b".to_vec(), Some("not_text"), None),
            (bytes(MAX_RECORD_BYTES), None, None),
            (bytes(MAX_RECORD_BYTES + 1), None, Some("too_large")),
            (bytes(MAX_MESSAGE_BYTES + 1), Some("too_large"), Some("too_large")),
        ] {
            assert_eq!((queue.refusal(&data), stream.refusal(&data)), (by_queue, by_stream));
        }
    }
}
