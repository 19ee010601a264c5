//! Ctrl-C: the work stops, what it started is cleaned up, and the command says so.

use std::future::pending;

use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Does `work` until it is done or the command is interrupted; then the work is dropped where it
/// stands, and with it what it owns.
///
/// # Errors
/// Those of the work, or [`Failure::Interrupted`].
pub(crate) async fn or_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = interrupted() => Err(Failure::Interrupted),
        result = work => result,
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            // Without a handler the signal ends the process by itself.
            Err(_) => pending().await,
        }
    };
    let interrupted = async {
        if ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupted => {}
        _ = terminated => {}
    }
}
