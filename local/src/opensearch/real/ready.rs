//! Waiting until a server that was started answers.

use super::RealError;
use super::supervisor::Supervised;
use crate::opensearch::Client;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a server may take to come up: 6 seconds are usual.
const LIMIT: Duration = Duration::from_mins(2);

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// Waits until the server has an `address` (`host:port`) and its health there is yellow or green;
/// returns its URL too. A server that does not come up is ended.
pub(super) async fn wait<F>(
    server: Supervised,
    address: impl Fn(PathBuf) -> F,
) -> Result<(Supervised, String), RealError>
where
    F: Future<Output = Option<String>>,
{
    let since = Instant::now();
    let how = loop {
        if let Some(address) = address(server.folder().to_owned()).await {
            let url = format!("http://{address}");
            let client = Client::new(&url).ok();
            if let Some(client) = client
                && client.health(1).await.is_ok_and(|health| health != "red")
            {
                return Ok((server, url));
            }
        }
        if server.has_ended() {
            break "ended instead of coming up".to_owned();
        }
        if since.elapsed() > LIMIT {
            break format!("did not answer within {} s", LIMIT.as_secs());
        }
        tokio::time::sleep(INTERVAL).await;
    };
    let log = server.last_lines();
    server.stop().await;
    Err(RealError::DidNotStart { how, log })
}
