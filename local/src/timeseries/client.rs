//! A thin client for a store, for tests and the demo.

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

/// A client of the store at a URL. Its clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    connections: Connections,
    dialect: Arc<OnceCell<Dialect>>,
}

/// The query language of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `InfluxQL`
    InfluxQl,
    /// `PromQL`, which VictoriaMetrics uses.
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
    /// The URL is invalid.
    #[error("not a URL of the form http://host:port")]
    Url,
    /// There was no answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The store rejected the request.
    #[error("status {status}: {text}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The text of the answer.
        text: String,
    },
    /// The answer is not what was expected.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

impl Client {
    /// A client without credentials. Makes no calls.
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

    /// The URL of the store, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The query language of the store, which is determined once.
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

    /// The URL that accepts the lines of a database: `TSDB_WRITE_URL`.
    ///
    /// # Errors
    /// Those of [`dialect`](Self::dialect).
    pub async fn write_url(&self, database: &str) -> Result<String, ClientError> {
        let url = &self.url;
        Ok(match self.dialect().await? {
            Dialect::InfluxQl => format!("{url}/write?db={database}"),
            // The parameter would add the database as a label to every metric.
            Dialect::PromQl => format!("{url}/api/v2/write"),
        })
    }

    /// Creates a database, if the store has databases.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn create(&self, database: &str) -> Result<(), ClientError> {
        self.statement(&format!("CREATE DATABASE \"{database}\"")).await
    }

    /// Deletes a database, if the store has databases.
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

    /// Sends a query in `InfluxQL`.
    ///
    /// # Errors
    /// [`ClientError`], even if only the statement failed.
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

    /// Evaluates a `PromQL` query in VictoriaMetrics at a time in milliseconds since 1970; returns
    /// the values by labels.
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

    /// Makes written points visible, if the store does so only periodically.
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
    /// Unparsed: `serde_json` does not always read the exact double.
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
