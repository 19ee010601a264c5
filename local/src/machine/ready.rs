//! Waiting until a server that was started answers.

use super::{MachineError, Supervised};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a server may take to come up: 6 seconds are usual.
const LIMIT: Duration = Duration::from_mins(2);

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// Waits until `probe`, which gets the server's folder, finds that it answers. A server that does
/// not come up is ended.
pub(crate) async fn ready<T, F>(
    server: Supervised,
    probe: impl Fn(PathBuf) -> F,
) -> Result<(Supervised, T), MachineError>
where
    F: Future<Output = Option<T>>,
{
    let since = Instant::now();
    let how = loop {
        if let Some(found) = probe(server.folder().to_owned()).await {
            return Ok((server, found));
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
    Err(MachineError::DidNotStart { how, log })
}
