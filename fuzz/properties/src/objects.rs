//! Objects of S3.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use object_loader::{
    Chunks, Config, Content, Ended, Engine, Items, ObjectError, Objects, Opened, Place, Range,
    Request, Stretch, Watch,
};
use shared::event::MAX_PAYLOAD_BYTES;
use testkit::{LAMBDA, on_paused_clock};

use crate::index::{Created, Index};
use crate::invocation::now;
use crate::opinion::Opinion;
use crate::packing::gzip;

/// One object, and the refused records; clones are the same.
#[derive(Clone, Debug, Default)]
struct Bucket(Rc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    object: RefCell<Bytes>,
    chunk_bytes: Cell<usize>,
    /// Lines by key.
    refused: RefCell<BTreeMap<String, String>>,
}

/// The bytes of an object, while they are sent.
#[derive(Debug)]
struct Sending {
    bytes: Bytes,
    chunk_bytes: usize,
}

impl Chunks for Sending {
    async fn next(&mut self) -> Option<Result<Bytes, ObjectError>> {
        let length = self.bytes.len().min(self.chunk_bytes);
        (length > 0).then(|| Ok(self.bytes.split_to(length)))
    }
}

impl Objects for Bucket {
    type Chunks = Sending;

    async fn get(
        &self,
        _: &Place,
        range: Range,
        _: Option<&str>,
    ) -> Result<Opened<Sending>, ObjectError> {
        let bytes = self.0.object.borrow().clone();
        let at = |offset: u64| bytes.len().min(usize::try_from(offset).unwrap());
        let (start, end) = (at(range.start), range.end.map_or(bytes.len(), at));
        if start == bytes.len() && range != Range::ALL {
            return Err(ObjectError::BeyondEnd(String::new()));
        }
        let chunks =
            Sending { bytes: bytes.slice(start..end), chunk_bytes: self.0.chunk_bytes.get() };
        let etag = Some("\"1\"".to_owned());
        Ok(Opened { etag, version_id: None, last_modified: Some(now()), chunks })
    }

    async fn put(&self, _: &str, key: &str, body: Bytes) -> Result<(), ObjectError> {
        let lines = String::from_utf8(body.to_vec()).unwrap();
        self.0.refused.borrow_mut().insert(key.to_owned(), lines);
        Ok(())
    }
}

/// Stops after every stretch, or never.
#[derive(Default)]
struct Stretches {
    stops: bool,
    next: u64,
    lists: bool,
    dropped: usize,
}

impl Watch for Stretches {
    const TIME: Option<Duration> = Some(Duration::from_mins(1));

    fn refused(&mut self, _: &str) {}

    async fn confirmed(&mut self, stretch: Stretch) -> ControlFlow<()> {
        (self.next, self.lists) = (stretch.offset, stretch.lists);
        self.dropped += usize::try_from(stretch.dropped).unwrap();
        if self.stops && !stretch.is_end {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The results of an object.
#[derive(Debug, PartialEq)]
struct Loaded {
    ended: Ended,
    created: Vec<Created>,
    /// Sorted.
    refused: Vec<String>,
    dropped: usize,
}

/// The way in which an object is loaded.
#[derive(Clone, Copy)]
struct Way {
    format: &'static str,
    holds_failures: bool,
    chunk_bytes: usize,
    /// Whether every stretch has a new call.
    stops: bool,
    max_record_bytes: usize,
}

fn config(format: &str) -> Config {
    let own = [
        ("OPENSEARCH_ENDPOINT", "http://127.0.0.1:9200"),
        ("FAILURES_BUCKET", "backup"),
        ("CONTINUE_QUEUE_URL", "http://127.0.0.1:9324/1/objects"),
        ("BULK_MAX_DOCS", "2"),
        ("FORMAT", format),
    ];
    Config::from_environment(&[&LAMBDA, &own[..]].concat().into_iter().collect()).unwrap()
}

impl Way {
    fn request(self, offset: u64, lists: bool) -> Request {
        let [bucket, key] = ["b", "k"].map(str::to_owned);
        Request {
            bucket,
            key,
            offset,
            lists,
            failures: Some(self.holds_failures),
            ..Request::default()
        }
    }

    fn bucket(self, object: &[u8]) -> Bucket {
        let bucket = Bucket::default();
        bucket.0.object.replace(Bytes::copy_from_slice(object));
        bucket.0.chunk_bytes.set(self.chunk_bytes);
        bucket
    }

    async fn load(self, object: &[u8]) -> Loaded {
        let (index, bucket) = (Index::default(), self.bucket(object));
        let Config { mut reading, writing, failures, .. } = config(self.format);
        reading.max_record_bytes = self.max_record_bytes;
        let ports = (index.clone(), bucket.clone());
        let mut engine = Engine::new(ports, (reading, writing), failures);
        let mut watch = Stretches { stops: self.stops, ..Stretches::default() };
        let ended = loop {
            let offset = watch.next;
            let ended = engine.load(&self.request(offset, watch.lists), now(), &mut watch).await;
            if ended != Ended::Stopped {
                break ended;
            }
            assert!(watch.next > offset, "no progress from {offset}");
        };
        let refused = bucket.0.refused.take();
        let mut refused: Vec<_> =
            refused.values().flat_map(|lines| lines.lines()).map(str::to_owned).collect();
        refused.sort();
        assert!(refused.iter().all(|line| Opinion::of(line.as_bytes()) != Opinion::Invalid));
        let created = index.take();
        Loaded { ended, created, refused, dropped: watch.dropped }
    }

    /// The number of records in the object.
    async fn count(self, object: &[u8]) -> Option<(usize, usize)> {
        let (bucket, Config { mut reading, .. }) = (self.bucket(object), config(self.format));
        reading.max_record_bytes = self.max_record_bytes;
        let request = self.request(0, false);
        let mut items =
            Items::open(&bucket, &request, &reading, Duration::from_secs(1)).await.unwrap();
        let (mut records, mut unreadable, mut last) = (0, 0, None);
        while let Some(item) = items.next().await.ok()? {
            assert!(last.is_none_or(|last| last < item.offset), "{item:?} after {last:?}");
            last = Some(item.offset);
            match item.content {
                Content::Record | Content::Failure(_) => records += 1,
                Content::Unreadable(_) => unreadable += 1,
                Content::NotSelected => {}
            }
        }
        Some((records, unreadable))
    }
}

/// An object has the same documents and the same refused records with any chunks, in one call or in
/// many, and compressed; each record has exactly one outcome.
pub fn objects(object: &[u8]) {
    let small = (object.len() / 200).max(1);
    // With the real limit, most objects contain nothing that is too large.
    for (format, holds_failures, max_record_bytes) in [
        ("auto", false, MAX_PAYLOAD_BYTES),
        ("auto", false, 40),
        ("text", false, MAX_PAYLOAD_BYTES),
        ("text", false, 40),
        ("auto", true, MAX_PAYLOAD_BYTES),
    ] {
        let chunk_bytes = usize::MAX;
        let whole = Way { format, holds_failures, chunk_bytes, stops: false, max_record_bytes };
        on_paused_clock(async {
            let loaded = whole.load(object).await;
            // flate2 drops what it decompressed in the call that fails, so how much comes out of a
            // broken member depends on the chunks.
            let is_broken = loaded.refused.iter().any(|line| line.contains("\"invalid_gzip\""));
            let is_done = loaded.ended == Ended::Done && !is_broken;
            let in_chunks = Way { chunk_bytes: small, ..whole };
            let loaded_in_chunks = in_chunks.load(object).await;
            assert_eq!(loaded_in_chunks.ended, loaded.ended);
            assert!(is_broken || loaded_in_chunks == loaded, "{loaded_in_chunks:?}, {loaded:?}");
            if is_done {
                assert_eq!(Way { stops: true, ..in_chunks }.load(object).await, loaded);
                assert_eq!(Way { stops: true, ..whole }.load(object).await, loaded);
                let (records, unreadable) = whole.count(object).await.unwrap();
                assert!(loaded.refused.len() >= unreadable);
                let outcomes = loaded.created.len() + loaded.refused.len() + loaded.dropped;
                assert!(outcomes >= records, "{loaded:?}");
            }
            let is_packed =
                object.starts_with(&[0x1f, 0x8b]) || object.starts_with(b"\x28\xb5\x2f\xfd");
            if !is_packed && object.get(1..4) != Some(b"\x2a\x4d\x18") {
                assert_eq!(whole.load(&gzip(object)).await, loaded);
            }
        });
    }
}
