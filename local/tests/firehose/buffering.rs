//! When buffers are sent, the maximum size of what is sent, and which puts wait.

use std::time::Duration;

use bytes::Bytes;
use local::firehose::{DeliveryStreamOptions, Error, RECORD_LIMIT_BYTES};
use local::runtime_api::{Invoke, InvokeError, REQUEST_LIMIT_BYTES};
use serde_json::json;
use testkit::Script;
use tokio::sync::mpsc;

use crate::script::{answer_each, answered, batches, data, each, echo, records};
use crate::sink::Sink;
use crate::{options, put, started};

#[tokio::test]
async fn records_go_to_the_function_when_the_buffer_is_full() {
    let (backup, sink, function) = (tempfile::tempdir().unwrap(), Sink::open().await, echo());
    let options = DeliveryStreamOptions { processor_buffer_bytes: 8, ..options(&backup) };
    let stream = started(options, function.clone(), &sink).await;
    put(&stream, &["{\"a\":1}", "{}", "{}", "{}", "{}", "{}"]).await;
    let report = stream.flush().await.unwrap();
    let sizes = |request| records(request).iter().map(|record| data(record).len()).sum::<usize>();
    let bytes: Vec<usize> = function.events().iter().map(sizes).collect();
    assert!(bytes.iter().all(|bytes| *bytes <= 8), "{bytes:?}");
    assert_eq!(bytes.iter().sum::<usize>(), 17);
    assert_eq!((report.put, report.ok, report.delivered), (6, 6, 6));
    assert_eq!(report.invocations, function.events().len() as u64);
    assert_eq!(report.invocation_durations.len(), function.events().len());
}

#[tokio::test]
async fn one_batch_holds_all_that_is_flushed_together() {
    let (backup, sink, function) = (tempfile::tempdir().unwrap(), Sink::open().await, echo());
    let stream = started(options(&backup), function.clone(), &sink).await;
    let records: Vec<String> =
        (0..1000).map(|number| format!("{{\"n\":\"{number:03}\"}}")).collect();
    put(&stream, &records.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(stream.report().in_flight, 1000);
    assert_eq!(batches(&function), [0; 0], "neither full nor old");
    stream.flush().await.unwrap();
    assert_eq!(batches(&function), [1000]);
    assert_eq!(sink.requests().len(), 1);
    assert!(sink.documents() == records);
}

#[tokio::test]
async fn records_and_documents_go_on_when_they_are_old() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let options = DeliveryStreamOptions {
        processor_buffer_interval: Duration::from_millis(5),
        destination_buffer_interval: Duration::from_millis(5),
        ..options(&backup)
    };
    let stream = started(options, echo(), &sink).await;
    put(&stream, &["{}"]).await;
    // Without a flush.
    while stream.report().delivered == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(sink.documents(), ["{}"]);
}

#[tokio::test]
async fn a_request_never_exceeds_what_lambda_takes() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let (sizes, mut seen) = mpsc::unbounded_channel();
    let function = Sized { function: each(|_| answered("Dropped", None)), sizes };
    let options = DeliveryStreamOptions {
        processor_buffer_bytes: 64 << 20,
        source_kinesis_stream_arn: Some("arn:aws:kinesis:us-east-1:1:stream/s".to_owned()),
        ..options(&backup)
    };
    let stream = started(options, function.clone(), &sink).await;
    // Large records: their base64 fills the request.
    for _ in 0..5 {
        stream.put_record(vec![b'x'; RECORD_LIMIT_BYTES]).await.unwrap();
    }
    stream.flush().await.unwrap();
    // Small records: their metadata fills the request.
    let key = "k".repeat(10_000);
    for _ in 0..700 {
        stream.put_record_with_key(Bytes::from_static(b"x"), key.clone()).await.unwrap();
    }
    assert_eq!(stream.flush().await.unwrap().dropped, 705);
    let batches = batches(&function.function);
    assert_eq!(batches, [4, 1, 607, 93]);
    for batch in batches {
        let size = seen.recv().await.unwrap();
        assert!(size <= REQUEST_LIMIT_BYTES, "{batch} records in {size} bytes");
    }
}

/// Reports the size of every request.
#[derive(Clone)]
struct Sized {
    function: Script,
    sizes: mpsc::UnboundedSender<usize>,
}

impl Invoke for Sized {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.sizes.send(payload.len()).unwrap();
        self.function.invoke(payload).await
    }
}

#[tokio::test]
async fn documents_are_delivered_in_requests_of_the_buffers_size() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let options = DeliveryStreamOptions { destination_buffer_bytes: 14, ..options(&backup) };
    let stream = started(options, echo(), &sink).await;
    put(&stream, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":4}", "{\"a\":5}"]).await;
    let report = stream.flush().await.unwrap();
    let sizes: Vec<usize> = sink.requests().iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1]);
    assert_eq!((report.delivered, report.delivery_requests, report.delivery_retries), (5, 3, 0));
}

/// Reports when it is invoked, and answers on a signal.
struct Gate {
    entered: mpsc::UnboundedSender<()>,
    open: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
}

impl Invoke for Gate {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.entered.send(()).unwrap();
        self.open.lock().await.recv().await;
        let request = serde_json::from_slice(&payload).unwrap();
        Ok(answer_each(&request, |_| json!({"result": "Dropped"})).to_string().into())
    }
}

fn gate() -> (Gate, mpsc::UnboundedReceiver<()>, mpsc::UnboundedSender<()>) {
    let (entered, invoked) = mpsc::unbounded_channel();
    let (opener, open) = mpsc::unbounded_channel();
    let gate = Gate { entered, open: tokio::sync::Mutex::new(open) };
    (gate, invoked, opener)
}

#[tokio::test]
async fn puts_wait_while_the_stream_is_full() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let (gate, mut invoked, opener) = gate();
    let options = DeliveryStreamOptions { buffered_bytes: 1_500_000, ..options(&backup) };
    let stream = started(options, gate, &sink).await;
    let putting = stream.clone();
    let puts = tokio::spawn(async move {
        for _ in 0..10 {
            putting.put_record(vec![b'x'; 1_000_000]).await.unwrap();
        }
    });
    // The third put waits, so the first record is sent although its buffer is not old.
    invoked.recv().await.unwrap();
    while stream.report().put < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stream.report().put, 3, "one in the function's hands, and two in the buffer");
    assert!(!puts.is_finished());
    for _ in 0..10 {
        opener.send(()).unwrap();
    }
    puts.await.unwrap();
    let report = stream.flush().await.unwrap();
    assert_eq!((report.put, report.dropped, report.in_flight), (10, 10, 0));
}

#[tokio::test]
async fn as_many_invocations_run_at_once_as_are_allowed() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let (gate, mut invoked, opener) = gate();
    let options = DeliveryStreamOptions {
        processor_buffer_bytes: 1,
        concurrent_invocations: 2,
        ..options(&backup)
    };
    let stream = started(options, gate, &sink).await;
    put(&stream, &["1", "2", "3"]).await;
    // Neither of these is answered yet.
    invoked.recv().await.unwrap();
    invoked.recv().await.unwrap();
    assert!(invoked.try_recv().is_err(), "the third waits for one of the two");
    opener.send(()).unwrap();
    invoked.recv().await.unwrap();
    opener.send(()).unwrap();
    opener.send(()).unwrap();
    assert_eq!(stream.flush().await.unwrap().dropped, 3);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_not_taken() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let stream = started(options(&backup), echo(), &sink).await;
    let bytes = RECORD_LIMIT_BYTES + 1;
    let refused = stream.put_record(vec![b'x'; bytes]).await.unwrap_err();
    assert!(matches!(refused, Error::TooLarge(size) if size == bytes), "{refused}");
    assert_eq!(stream.flush().await.unwrap().put, 0);
}

#[tokio::test]
async fn an_empty_stream_flushes_at_once_and_a_stopped_one_stands_still() {
    let (backup, sink) = (tempfile::tempdir().unwrap(), Sink::open().await);
    let stream = started(options(&backup), echo(), &sink).await;
    assert_eq!(stream.flush().await.unwrap().unaccounted(), 0);
    put(&stream, &["{}"]).await;
    stream.stop().await;
    assert_eq!((stream.report().in_flight, stream.report().unaccounted()), (1, 0));
    assert_eq!(sink.requests().len(), 0);
}
