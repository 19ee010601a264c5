//! A thin client of a store, for tests and the demo.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::aws::{Answer, Connections};
use tokio::sync::OnceCell;

use super::query::Series;

const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of the store at a URL; a clone shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    connections: Connections,
    dialect: Arc<OnceCell<Dialect>>,
}

/// How a store is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// In `InfluxQL`.
    InfluxQl,
    /// In `PromQL`, as VictoriaMetrics is.
    PromQl,
}

impl Dialect {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InfluxQl => "a store that speaks InfluxQL",
            Self::PromQl => "VictoriaMetrics",
        }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The URL cannot be used.
    #[error("not a URL of the form http://host:port")]
    Url,
    /// No answer came.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The store refused the request.
    #[error("status {status}: {text}")]
    Refused {
        /// The answer's status.
        status: u16,
        /// The answer's text.
        text: String,
    },
    /// The answer is not what was expected.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

impl Client {
    /// A client without credentials. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ClientError::Url`]
    pub fn new(url: &str) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/').to_owned();
        let uri: http::Uri = url.parse().map_err(|_| ClientError::Url)?;
        if uri.host().is_none() || uri.authority().is_none_or(|it| it.as_str().contains('@')) {
            return Err(ClientError::Url);
        }
        Ok(Self { url, connections: Connections::default(), dialect: Arc::default() })
    }

    /// Where the store answers, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the store is asked; it is found out once.
    ///
    /// # Errors
    /// Those of the request.
    pub async fn dialect(&self) -> Result<Dialect, ClientError> {
        let found = self.dialect.get_or_try_init(async || {
            let answer = self.send(Method::GET, "/health", "").await?;
            let is_prometheus = answer.body.trim_ascii() == b"OK";
            Ok(if is_prometheus { Dialect::PromQl } else { Dialect::InfluxQl })
        });
        found.await.copied()
    }

    /// The URL that takes the lines of a database: `TSDB_WRITE_URL`.
    ///
    /// # Errors
    /// Those of [`dialect`](Self::dialect).
    pub async fn write_url(&self, database: &str) -> Result<String, ClientError> {
        let url = &self.url;
        Ok(match self.dialect().await? {
            Dialect::InfluxQl => format!("{url}/write?db={database}"),
            // It would make the database a label of every metric.
            Dialect::PromQl => format!("{url}/api/v2/write"),
        })
    }

    /// Makes a database, where the store has these.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn create(&self, database: &str) -> Result<(), ClientError> {
        self.statement(&format!("CREATE DATABASE \"{database}\"")).await
    }

    /// Removes a database, where the store has these.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn drop(&self, database: &str) -> Result<(), ClientError> {
        self.statement(&format!("DROP DATABASE \"{database}\"")).await
    }

    async fn statement(&self, statement: &str) -> Result<(), ClientError> {
        if self.dialect().await? == Dialect::InfluxQl {
            let form = format!("q={}", encoded(statement));
            accepted::<Value>(self.send(Method::POST, "/query", &form).await?)?;
        }
        Ok(())
    }

    /// Writes lines and returns the answer's status and text.
    ///
    /// # Errors
    /// [`ClientError::NoAnswer`]
    pub async fn write(&self, database: &str, lines: &str) -> Result<(u16, String), ClientError> {
        let url = self.write_url(database).await?;
        let path = url.strip_prefix(&self.url).unwrap_or_default().to_owned();
        let answer = self.send(Method::POST, &path, lines).await?;
        Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Asks a store in `InfluxQL`.
    ///
    /// # Errors
    /// [`ClientError`], also where the statement failed.
    pub async fn query(&self, database: &str, query: &str) -> Result<Vec<Series>, ClientError> {
        let path = format!("/query?epoch=ns&db={database}&q={}", encoded(query));
        let answer: Answered = accepted(self.send(Method::GET, &path, "").await?)?;
        let mut series = Vec::new();
        for result in answer.results {
            if let Some(error) = result.error {
                return Err(ClientError::Unexpected(error));
            }
            for found in result.series {
                let unexpected = || ClientError::Unexpected(format!("rows of {}", found.name));
                series.push(found.read().ok_or_else(unexpected)?);
            }
        }
        Ok(series)
    }

    /// Asks VictoriaMetrics in `PromQL` for the values at a time in milliseconds since 1970, by labels.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn evaluate(
        &self,
        query: &str,
        at_ms: u64,
    ) -> Result<Vec<(BTreeMap<String, String>, f64)>, ClientError> {
        let (seconds, ms) = (at_ms / 1_000, at_ms % 1_000);
        let path =
            format!("/api/v1/query?nocache=1&time={seconds}.{ms:03}&query={}", encoded(query));
        let answer: Value = accepted(self.send(Method::GET, &path, "").await?)?;
        let results = answer["data"]["result"].as_array().into_iter().flatten();
        let read = |found: &Value| {
            let labels = texts(&found["metric"])?;
            Some((labels, found["value"][1].as_str()?.parse().ok()?))
        };
        results
            .map(|found| read(found).ok_or_else(|| ClientError::Unexpected(found.to_string())))
            .collect()
    }

    /// Makes what was written visible, where the store does that only from time to time.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn flush(&self) -> Result<(), ClientError> {
        if self.dialect().await? == Dialect::PromQl {
            self.send(Method::GET, "/internal/force_flush", "").await?;
        }
        Ok(())
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Result<Answer, ClientError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if path == "/query" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let request = request.body(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.map_err(|_| ClientError::Url)?;
        let answer = tokio::time::timeout(TIMEOUT, self.connections.exchange(request)).await;
        let late = || ClientError::NoAnswer(format!("none within {} s", TIMEOUT.as_secs()));
        let answer = answer.map_err(|_| late())?;
        answer.map_err(|error| ClientError::NoAnswer(error.to_string()))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn accepted<T: DeserializeOwned>(answer: Answer) -> Result<T, ClientError> {
    let Answer { status, body } = answer;
    if !(200..300).contains(&status) {
        let text = String::from_utf8_lossy(&body).into_owned();
        return Err(ClientError::Refused { status, text });
    }
    serde_json::from_slice(&body).map_err(|error| ClientError::Unexpected(error.to_string()))
}

fn texts(object: &Value) -> Option<BTreeMap<String, String>> {
    let members = object.as_object()?.iter();
    members.map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// The answer to a statement.
#[derive(Deserialize)]
struct Answered {
    results: Vec<StatementResult>,
}

#[derive(Deserialize)]
struct StatementResult {
    #[serde(default)]
    series: Vec<AnsweredSeries>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct AnsweredSeries {
    name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    columns: Vec<String>,
    /// As they were written: `serde_json` reads a double only nearly.
    values: Vec<Vec<Box<RawValue>>>,
}

impl AnsweredSeries {
    fn read(&self) -> Option<Series> {
        let row = |row: &Vec<Box<RawValue>>| {
            let (time, values) = row.split_first()?;
            let values = values.iter().map(|value| value.get().parse().ok());
            Some((time.get().parse().ok()?, values.collect()))
        };
        Some(Series {
            name: self.name.clone(),
            tags: self.tags.clone(),
            columns: self.columns.iter().skip(1).cloned().collect(),
            rows: self.values.iter().map(row).collect::<Option<_>>()?,
        })
    }
}
