//! S3 buckets in this process: whole objects, ranges, conditions on the `ETag`, and lists. No
//! versions, multipart uploads or signatures.
//!
//! Source: Amazon S3 API reference, `GetObject`, `PutObject`, `ListObjectsV2`, "Error responses".

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::{self, Write};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, LAST_MODIFIED, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use jiff::Timestamp;
use md5::{Digest, Md5};
use percent_encoding::percent_decode_str;

use crate::server::{self, locked, read_body, response};

/// Maximum size of an object that is put in one part, in bytes.
const MAX_OBJECT_BYTES: usize = 5 << 30;

/// Maximum number of objects in a list.
const MAX_LISTED: usize = 1_000;

/// The chunks of an object, in order.
pub type Chunks = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// An object.
#[derive(Clone, Debug)]
struct Object {
    content: Content,
    etag: String,
    modified: Timestamp,
}

/// The bytes of an object.
#[derive(Clone)]
enum Content {
    Held(Bytes),
    /// Generated whenever they are read: the length, and a function that returns the chunks from an
    /// offset on.
    Generated(usize, Arc<dyn Fn(usize) -> Chunks + Send + Sync>),
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Self::Held(body) => body.len(),
            Self::Generated(length, _) => *length,
        }
    }

    fn body(&self, range: Range<usize>) -> Answer {
        match self {
            Self::Held(body) => Either::Left(Full::new(body.slice(range))),
            Self::Generated(_, from) => {
                Either::Right(Generated { chunks: from(range.start), left: range.len() })
            }
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.len())
    }
}

/// The body of an answer.
type Answer = Either<Full<Bytes>, Generated>;

/// The body of a generated object, of which this number of bytes is to be sent.
struct Generated {
    chunks: Chunks,
    left: usize,
}

impl Body for Generated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(mut chunk) = self.chunks.next() else { return Poll::Ready(None) };
        chunk.truncate(self.left);
        self.left -= chunk.len();
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

/// Objects by bucket and key.
#[derive(Debug, Default)]
pub struct Buckets(Mutex<BTreeMap<(String, String), Object>>);

/// An S3 in this process, with paths `/{bucket}/{key}`.
pub type Embedded = server::Embedded<Buckets>;

impl Embedded {
    /// Starts the server on a free port.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::open(
            |_| Buckets::default(),
            |buckets, request| async move { Ok(buckets.answer(request).await) },
        )
        .await
    }

    /// Puts an object that was last modified at this time, in milliseconds since 1970.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>, modified_ms: i64) {
        let modified = Timestamp::from_millisecond(modified_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        self.state.put(bucket, key, body.into(), modified);
    }

    /// Puts an object of `length` bytes that is generated whenever it is read: `from` returns the
    /// chunks from an offset on, and must always return the same bytes.
    pub fn put_generated(
        &self,
        bucket: &str,
        key: &str,
        length: usize,
        from: impl Fn(usize) -> Chunks + Send + Sync + 'static,
        modified_ms: i64,
    ) {
        let modified = Timestamp::from_millisecond(modified_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let content = Content::Generated(length, Arc::new(from));
        let object = Object { content, etag: format!("\"{length}\""), modified };
        locked(&self.state.0).insert((bucket.to_owned(), key.to_owned()), object);
    }

    /// The objects of a bucket by key; generated objects are empty.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Bytes> {
        let objects = locked(&self.state.0);
        let of_bucket = objects.iter().filter(|((name, _), _)| name == bucket);
        let held = of_bucket.map(|((_, key), object)| match &object.content {
            Content::Held(body) => (key.clone(), body.clone()),
            Content::Generated(..) => (key.clone(), Bytes::new()),
        });
        held.collect()
    }
}

impl Buckets {
    fn put(&self, bucket: &str, key: &str, body: Bytes, modified: Timestamp) -> String {
        let etag = format!("\"{}\"", shared::digest::hex(&Md5::digest(&body)));
        let object = Object { content: Content::Held(body), etag: etag.clone(), modified };
        locked(&self.0).insert((bucket.to_owned(), key.to_owned()), object);
        etag
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Answer> {
        let (head, body) = request.into_parts();
        let path = percent_decode_str(head.uri.path().trim_start_matches('/')).decode_utf8_lossy();
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        match head.method {
            Method::GET | Method::HEAD if key.is_empty() => {
                self.list(bucket, head.uri.query().unwrap_or_default())
            }
            Method::GET | Method::HEAD => self.get(bucket, key, &head.headers),
            Method::PUT if key.is_empty() => xml(StatusCode::OK, ""),
            Method::PUT => match read_body(body, MAX_OBJECT_BYTES).await {
                Ok(body) => {
                    let etag = self.put(bucket, key, body, Timestamp::now());
                    with(xml(StatusCode::OK, ""), ETAG, &etag)
                }
                Err(_) => error(StatusCode::BAD_REQUEST, "EntityTooLarge"),
            },
            _ => error(StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
        }
    }

    fn get(&self, bucket: &str, key: &str, headers: &HeaderMap) -> Response<Answer> {
        let name = (bucket.to_owned(), key.to_owned());
        let Some(Object { content, etag, modified }) = locked(&self.0).get(&name).cloned() else {
            return error(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if header(IF_MATCH)
            .is_some_and(|expected| expected.trim_matches('"') != etag.trim_matches('"'))
        {
            return error(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let length = content.len();
        let (status, range) = match header(RANGE).and_then(range) {
            None => (StatusCode::OK, 0..length),
            Some((start, _)) if start >= length => {
                return error(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
            }
            Some((start, last)) => {
                let end = last.map_or(length, |last| length.min(last + 1));
                (StatusCode::PARTIAL_CONTENT, start..end)
            }
        };
        let (part, all) = (range.clone(), length);
        let length = range.len().to_string();
        let mut answer = response(status, "binary/octet-stream", "").map(|_| content.body(range));
        if status == StatusCode::PARTIAL_CONTENT {
            let of = format!("bytes {}-{}/{all}", part.start, part.end.saturating_sub(1));
            answer = with(answer, CONTENT_RANGE, &of);
        }
        let answer = with(answer, ETAG, &etag);
        let modified = modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        with(with(answer, LAST_MODIFIED, &modified), CONTENT_LENGTH, &length)
    }

    fn list(&self, bucket: &str, query: &str) -> Response<Answer> {
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let value = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next();
            percent_decode_str(value.unwrap_or_default()).decode_utf8_lossy().into_owned()
        };
        let (prefix, after) = (parameter("prefix"), parameter("continuation-token"));
        let objects = locked(&self.0);
        let mut found = objects
            .iter()
            .filter(|((name, key), _)| name == bucket && key.starts_with(&prefix) && *key > after);
        let mut contents = String::new();
        let mut last = "";
        for ((_, key), object) in found.by_ref().take(MAX_LISTED) {
            last = key;
            let Object { content, etag, modified } = object;
            // Writing to a string cannot fail.
            let _written = write!(
                contents,
                "<Contents><Key>{}</Key><LastModified>{modified}</LastModified><ETag>{etag}</ETag>\
                 <Size>{}</Size></Contents>",
                escaped(key),
                content.len()
            );
        }
        let next = match found.next() {
            Some(_) => format!(
                "<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
                escaped(last)
            ),
            None => "<IsTruncated>false</IsTruncated>".to_owned(),
        };
        let body =
            format!("<ListBucketResult><Name>{bucket}</Name>{contents}{next}</ListBucketResult>");
        xml(StatusCode::OK, &body)
    }
}

/// The first byte of a range and the last one, unless the range extends to the end.
fn range(header: &str) -> Option<(usize, Option<usize>)> {
    let (start, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    Some((start.parse().ok()?, last.parse().ok()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn xml(status: StatusCode, body: &str) -> Response<Answer> {
    response(status, "application/xml", body.to_owned()).map(Either::Left)
}

fn error(status: StatusCode, code: &str) -> Response<Answer> {
    xml(status, &format!("<Error><Code>{code}</Code><Message>no</Message></Error>"))
}

fn with(mut response: Response<Answer>, name: http::HeaderName, value: &str) -> Response<Answer> {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}
