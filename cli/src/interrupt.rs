//! Ctrl-C and SIGTERM.

use std::future::pending;

use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::CliError;

/// Runs `work` until it is done or the command is interrupted. Interrupted work is dropped, with
/// everything that it owns.
///
/// # Errors
/// Those of the work, or [`CliError::Interrupted`].
pub(crate) async fn or_interrupted<T>(
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    tokio::select! {
        biased;
        () = interrupted() => {
            Err(CliError::Interrupted("all processes of this command are stopped".to_owned()))
        }
        result = work => result,
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            // Without a handler the signal ends the process.
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
