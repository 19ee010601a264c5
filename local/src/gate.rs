//! An HTTP proxy that throttles, slows down requests, loses answers or refuses connections, for any
//! server.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::server::{self, locked, read_body, response};

/// Maximum size of a request, in bytes.
const REQUEST_LIMIT_BYTES: usize = 64 << 20;

/// What the gate does with requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    /// Forwards every request.
    #[default]
    Fair,
    /// Forwards no request, and closes every connection without an answer.
    Away,
    /// Answers half of the requests with this status instead of forwarding them.
    Refusing(u16),
    /// Forwards half of the requests only after this delay.
    Slow(Duration),
    /// Forwards every request, but closes half of the connections without an answer.
    Forgetful,
}

/// A running gate. Dropping it closes its port.
pub type Gate = server::Embedded<State>;

/// The state of the gate.
#[derive(Debug)]
pub struct State {
    server: String,
    client: Client<HttpConnector, Full<Bytes>>,
    weather: Mutex<Weather>,
    random: Mutex<Rng>,
}

impl Gate {
    /// Starts a gate before the server at `url` (`http://host:port`). The seed selects the half of
    /// the requests that is affected.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn before(url: &str, seed: u64) -> io::Result<Self> {
        let state = State {
            server: url.trim_end_matches('/').to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            weather: Mutex::default(),
            random: Mutex::new(Rng::with_seed(seed)),
        };
        Self::open(|_| state, async |state, request| state.answer(request).await).await
    }

    /// Changes the treatment of subsequent requests.
    pub fn set(&self, weather: Weather) {
        *locked(&self.state.weather) = weather;
    }
}

impl State {
    /// # Errors
    /// An error closes the connection.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let body = read_body(body, REQUEST_LIMIT_BYTES).await;
        let body = body.map_err(|_| io::ErrorKind::InvalidData)?;
        let weather = *locked(&self.weather);
        let is_hit = locked(&self.random).bool();
        match weather {
            Weather::Away => return Err(io::ErrorKind::ConnectionReset.into()),
            Weather::Refusing(status) if is_hit => {
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                return Ok(response(status, "text/plain", "the gate refuses this request"));
            }
            Weather::Slow(pause) if is_hit => tokio::time::sleep(pause).await,
            _ => {}
        }
        let answer = self.forward(head, body).await.map_err(io::Error::other)?;
        if weather == Weather::Forgetful && is_hit {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(answer)
    }

    async fn forward(
        &self,
        mut head: http::request::Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        head.uri = format!("{}{path}", self.server).parse::<Uri>()?;
        strip(&mut head.headers);
        head.headers.remove(HOST);
        let answer = self.client.request(Request::from_parts(head, Full::new(body))).await?;
        let (mut head, body) = answer.into_parts();
        strip(&mut head.headers);
        Ok(Response::from_parts(head, Full::new(body.collect().await?.to_bytes())))
    }
}

/// Removes the headers that apply to a single connection.
fn strip(headers: &mut HeaderMap) {
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opensearch::{Client, Embedded};

    #[tokio::test]
    async fn the_weather_decides_what_passes_and_what_is_answered() {
        const DOCUMENT: &str = "{\"index\":{\"_index\":\"i\"}}\n{\"a\":1}\n";
        let server = Embedded::start().await.unwrap();
        let gate = Gate::before(server.url(), 7).await.unwrap();
        for (weather, passed, answered, status) in [
            (Weather::Fair, 40, 40, 200),
            (Weather::Away, 0, 0, 200),
            (Weather::Refusing(429), 20, 40, 429),
            (Weather::Slow(Duration::ZERO), 40, 40, 200),
            (Weather::Forgetful, 40, 20, 200),
        ] {
            gate.set(weather);
            let before = server.bulk_requests();
            let (mut answers, mut refused) = (0, 0);
            for _ in 0..40 {
                // A new client for each, so that no request is repeated on another connection.
                if let Ok(answer) = Client::new(gate.url()).unwrap().bulk(DOCUMENT).await {
                    answers += 1;
                    refused += u64::from(answer.status == status && status != 200);
                }
            }
            let passing = server.bulk_requests() - before;
            let about = |found: u64, expected: u64| match expected {
                20 => (8..=32).contains(&found),
                expected => found == expected,
            };
            assert!(
                about(passing, passed) && about(answers, answered),
                "{weather:?}: {passing} {answers}"
            );
            if status != 200 {
                assert_eq!(refused + passing, 40);
            }
        }
    }
}
