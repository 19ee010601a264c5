//! One request, one answer, within a time limit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use tokio::time::{Instant, timeout_at};

use super::{Auth, Place, Settings, lookup};
use crate::aws::{Answer, Aws, Connections, ExchangeError, Signer, SigningError};
use crate::secrets;
use crate::url::Url;

/// Maximum time for all look-ups before the first request.
const LOOK_UP_TIME: Duration = Duration::from_secs(5);

/// A client of one OpenSearch. It connects and looks things up for the first request.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    aws: Aws,
    connections: Connections,
    found: Mutex<Option<Arc<Found>>>,
}

/// The endpoint and the credentials, after the look-ups.
#[derive(Debug)]
struct Found {
    url: Url,
    sign_in: SignIn,
}

#[derive(Debug)]
enum SignIn {
    Signature(Signer),
    /// Marked as sensitive, which its `Debug` respects.
    Header(HeaderValue),
    None,
}

/// Why there is no answer. No text quotes a request, an answer or a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The time limit passed.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The connection failed or broke.
    #[error("no answer from {url}: {reason}")]
    Unreachable {
        /// The URL of the request.
        url: String,
        /// The failure.
        reason: String,
    },
    /// The answer is incomplete, or is longer than
    /// [`MAX_ANSWER_BYTES`](crate::aws::MAX_ANSWER_BYTES).
    #[error("the answer broke off or is too long: {0}")]
    BrokenAnswer(String),
    /// The domain's endpoint could not be looked up.
    #[error("the endpoint of the domain {domain} could not be looked up: {reason}")]
    Domain {
        /// `OPENSEARCH_DOMAIN`
        domain: String,
        /// The failure.
        reason: String,
    },
    /// User and password could not be read from the secret.
    #[error("the secret {} could not be used: {reason}", secrets::shown(.arn))]
    Secret {
        /// `OPENSEARCH_SECRET_ARN`
        arn: String,
        /// The failure.
        reason: String,
    },
    /// The request could not be signed.
    #[error("the request could not be signed: {0}")]
    Signing(String),
    /// The path is not valid in a URL.
    #[error("the request has no path that a URL can have")]
    Path,
}

impl Client {
    /// Creates a client with these settings. It connects for the first request.
    #[must_use]
    pub fn new(settings: Settings, aws: Aws) -> Self {
        Self { settings, aws, connections: Connections::default(), found: Mutex::new(None) }
    }

    /// Sends a request, whose URI is a path, and reads the complete answer.
    ///
    /// # Errors
    /// If no complete answer arrives within `limit`, which includes looking up the endpoint and the
    /// password the first time.
    pub async fn send(&self, request: Request<Bytes>, limit: Duration) -> Result<Answer, Error> {
        let until = Instant::now() + limit;
        let found = self.find(until).await?;
        let exchange = self.exchange(&found, request);
        timeout_at(until, exchange).await.unwrap_or(Err(Error::Timeout(limit)))
    }

    async fn exchange(&self, found: &Found, mut request: Request<Bytes>) -> Result<Answer, Error> {
        let path = request.uri().path_and_query().ok_or(Error::Path)?;
        *request.uri_mut() = found.url.join(path).ok_or(Error::Path)?;
        match &found.sign_in {
            SignIn::Signature(signer) => {
                let failed = |error: SigningError| Error::Signing(error.to_string());
                signer.sign(&mut request, SystemTime::now()).map_err(failed)?;
            }
            SignIn::Header(header) => {
                request.headers_mut().insert(AUTHORIZATION, header.clone());
            }
            SignIn::None => {}
        }
        let answer = self.connections.exchange(request).await;
        let answer = answer.map_err(|error| match error {
            ExchangeError::Unreachable(reason) => {
                Error::Unreachable { url: found.url.as_str().to_owned(), reason }
            }
            ExchangeError::BrokenAnswer(reason) => Error::BrokenAnswer(reason),
            ExchangeError::Request => Error::Path,
        })?;
        if answer.status == 401 && matches!(self.settings.auth, Auth::Secret(_)) {
            // The password may have changed: the next request reads the secret again.
            *self.lock_found() = None;
        }
        Ok(answer)
    }

    async fn find(&self, until: Instant) -> Result<Arc<Found>, Error> {
        if let Some(found) = self.lock_found().clone() {
            return Ok(found);
        }
        // Boxed: it runs once per process, and the SDK's state is large.
        let found = Arc::new(Box::pin(self.look_up(until)).await?);
        *self.lock_found() = Some(Arc::clone(&found));
        Ok(found)
    }

    async fn look_up(&self, until: Instant) -> Result<Found, Error> {
        // A separate limit, so that the error names the look-up that hangs; otherwise, the caller
        // would report that OpenSearch does not answer.
        let until = until.min(Instant::now() + LOOK_UP_TIME);
        let url = match &self.settings.place {
            Place::Endpoint(url) => url.clone(),
            Place::Domain(domain) => lookup::endpoint(&self.aws, domain, until).await?,
        };
        let sign_in = match &self.settings.auth {
            Auth::None => SignIn::None,
            Auth::Basic(header) => SignIn::Header(header.clone()),
            Auth::Secret(arn) => SignIn::Header(lookup::password(&self.aws, arn, until).await?),
            Auth::SigV4(service) => {
                let missing = |what: &str| Error::Signing(format!("{what} is not set"));
                let region = url.region().or(self.aws.region.as_deref());
                SignIn::Signature(Signer {
                    service: service.name(),
                    region: region.ok_or_else(|| missing("AWS_REGION"))?.to_owned(),
                    credentials: self
                        .aws
                        .credentials
                        .clone()
                        .ok_or_else(|| missing("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY"))?,
                })
            }
        };
        Ok(Found { url, sign_in })
    }

    fn lock_found(&self) -> MutexGuard<'_, Option<Arc<Found>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
