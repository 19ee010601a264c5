//! A small time series database in this process that keeps points in memory: for machines without
//! InfluxDB, and for faults on demand.
//!
//! It answers the requests of sluice and its dashboard as InfluxDB 1 does: `/write` (also as
//! `/api/v2/write`), and `/query` with the aggregates of `dashboards/sensors.json`. The tests check
//! both with the same table of requests.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::database::Database;
use super::query::{Series, Statement, parse};
use crate::clock::Clock;
use crate::faults::{Faults, Lasting};
use crate::server::{self, BodyError, locked, read_body};

/// Maximum size of the body of a request, also after decompression, in bytes (InfluxDB:
/// `max-body-size`).
const MAX_BODY_BYTES: usize = 25_000_000;

/// A fault of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The write is rejected with this status. Nothing is stored.
    Status(u16),
    /// The write is executed, and answered only after this delay.
    Slow(Duration),
    /// The connection is closed without an answer, and nothing is stored.
    Drop,
    /// The write is executed, but the connection is closed without an answer.
    DropAfterWriting,
}

/// A running embedded server; it ends, with its points, when this value is dropped.
pub type Embedded = server::Embedded<State>;

/// The state of the server.
#[derive(Debug)]
pub struct State {
    clock: Clock,
    databases: Mutex<BTreeMap<String, Database>>,
    faults: Mutex<Faults<Fault>>,
    writes: AtomicU64,
}

impl Embedded {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start() -> io::Result<Self> {
        let state = |_: &str| State {
            clock: Clock::system(),
            databases: Mutex::default(),
            faults: Mutex::default(),
            writes: AtomicU64::new(0),
        };
        Self::open(state, answer).await
    }

    /// Plans a fault for subsequent writes, after those that are already planned.
    pub fn fail(&self, fault: Fault, lasting: Lasting) {
        locked(&self.state.faults).plan(fault, lasting);
    }

    /// Removes all faults: the next write succeeds.
    pub fn clear_faults(&self) {
        locked(&self.state.faults).clear();
    }

    /// Number of writes so far, including those that failed.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.state.writes.load(Ordering::Relaxed)
    }
}

type Answer = Response<Full<Bytes>>;

/// Answers one request. An error closes the connection without an answer.
async fn answer(state: Arc<State>, request: Request<Incoming>) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let body = match read_body(body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Ok(refused(413, "Request Entity Too Large")),
        Err(BodyError::Broken) => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    let query = Parameters::read(head.uri.query().unwrap_or_default());
    match (head.method.as_str(), head.uri.path()) {
        (_, "/ping") => Ok(empty()),
        ("GET", "/health") => {
            let body = json!({"name": "influxdb", "status": "pass", "message": "embedded"});
            Ok(answered(StatusCode::OK, &body))
        }
        ("GET", "/query") => Ok(state.ask(&query)),
        ("POST", "/query") => {
            let form = Parameters::read(&String::from_utf8_lossy(&body));
            Ok(state.ask(&query.and(form)))
        }
        ("POST", "/write") => state.write(query.get("db"), &query, &head.headers, body).await,
        ("POST", "/api/v2/write") => {
            // A bucket consists of a database and a retention policy.
            let bucket = query.get("bucket");
            let database = bucket.split('/').next().unwrap_or_default();
            state.write(database, &query, &head.headers, body).await
        }
        _ => Ok(refused(404, "404 page not found")),
    }
}

impl State {
    async fn write(
        &self,
        database: &str,
        query: &Parameters,
        headers: &HeaderMap,
        body: Bytes,
    ) -> io::Result<Answer> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let fault = locked(&self.faults).next();
        match fault {
            Some(Fault::Status(status)) => return Ok(refused(status, "failed on demand")),
            Some(Fault::Drop) => return Err(io::ErrorKind::ConnectionReset.into()),
            _ => {}
        }
        let answer = self.store(database, query, headers, &body);
        match fault {
            Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
            Some(Fault::DropAfterWriting) => return Err(io::ErrorKind::ConnectionReset.into()),
            _ => {}
        }
        Ok(answer)
    }

    fn store(&self, name: &str, query: &Parameters, headers: &HeaderMap, body: &Bytes) -> Answer {
        let unit_ns = match query.get("precision") {
            "" | "n" | "ns" => 1,
            "u" | "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return refused(400, "invalid precision"),
        };
        let is_zipped = headers.get(header::CONTENT_ENCODING).is_some_and(|name| name == "gzip");
        let mut bytes = Vec::new();
        let read = if is_zipped {
            let mut unzipped = MultiGzDecoder::new(&body[..]).take(MAX_BODY_BYTES as u64);
            io::copy(&mut unzipped, &mut bytes).map(drop)
        } else {
            bytes.extend_from_slice(body);
            Ok(())
        };
        let Ok(text) = read.and_then(|()| String::from_utf8(bytes).map_err(io::Error::other))
        else {
            return refused(400, "the body cannot be read");
        };
        let mut databases = locked(&self.databases);
        let Some(database) = databases.get_mut(name) else {
            return refused(404, &format!("database not found: \"{name}\""));
        };
        match database.write(&text, unit_ns, self.now_ns()) {
            Ok(()) => empty(),
            Err(refusal) => refused(400, &refusal),
        }
    }

    fn ask(&self, query: &Parameters) -> Answer {
        let statement = match parse(query.get("q"), self.now_ns()) {
            Ok(statement) => statement,
            Err(problem) => return refused(400, &format!("error parsing query: {problem}")),
        };
        let mut databases = locked(&self.databases);
        let name = query.get("db");
        let result = match statement {
            Statement::CreateDatabase(name) => {
                databases.entry(name).or_default();
                Ok(Vec::new())
            }
            Statement::DropDatabase(name) => {
                databases.remove(&name);
                Ok(Vec::new())
            }
            Statement::ShowDatabases => {
                let names = databases.keys().map(String::as_str);
                Ok(vec![shown("databases", names)])
            }
            Statement::ShowMeasurements => found(&databases, name)
                .map(|database| vec![shown("measurements", database.measurements())]),
            Statement::Select(select) => found(&databases, name)
                .and_then(|database| select.ask(database, self.now_ns()))
                .map(|series| {
                    series.iter().map(|series| rows(series, query.get("epoch"))).collect()
                }),
        };
        let mut answer = json!({"statement_id": 0});
        match result {
            Ok(series) if series.is_empty() => {}
            Ok(series) => answer["series"] = series.into(),
            Err(error) => answer["error"] = error.into(),
        }
        answered(StatusCode::OK, &json!({"results": [answer]}))
    }

    fn now_ns(&self) -> i64 {
        i64::try_from(self.clock.milliseconds() * 1_000_000).unwrap_or(i64::MAX)
    }
}

fn found<'a>(
    databases: &'a BTreeMap<String, Database>,
    name: &str,
) -> Result<&'a Database, String> {
    databases.get(name).ok_or_else(|| format!("database not found: {name}"))
}

/// A list of names, as in the answer to `SHOW`.
fn shown<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Value {
    let values: Vec<_> = names.into_iter().map(|name| json!([name])).collect();
    json!({"name": name, "columns": ["name"], "values": values})
}

fn rows(series: &Series, epoch: &str) -> Value {
    let unit_ns = match epoch {
        "ns" | "n" => 1,
        "u" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        _ => 0,
    };
    let time = |time_ns: i64| match unit_ns {
        0 => Timestamp::from_nanosecond(time_ns.into()).unwrap_or_default().to_string().into(),
        unit_ns => Value::from(time_ns / unit_ns),
    };
    let values = series.rows.iter().map(|(at, values)| {
        let values = values.iter().map(|value| json!(value));
        [time(*at)].into_iter().chain(values).collect::<Value>()
    });
    let columns = ["time"].into_iter().chain(series.columns.iter().map(String::as_str));
    let mut answer = json!({
        "name": series.name,
        "columns": columns.collect::<Vec<_>>(),
        "values": values.collect::<Vec<_>>(),
    });
    if !series.tags.is_empty() {
        answer["tags"] = json!(series.tags);
    }
    answer
}

/// The parameters of a URL or of a form.
#[derive(Debug, Default)]
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn read(text: &str) -> Self {
        let decoded = |text: &str| {
            let text = text.replace('+', " ");
            percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The value of a parameter; empty if it is missing.
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

fn empty() -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn refused(status: u16, error: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answered(status, &json!({"error": error}))
}

fn answered(status: StatusCode, body: &Value) -> Answer {
    server::response(status, "application/json", body.to_string())
}
