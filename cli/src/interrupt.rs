//! Ctrl-C and SIGTERM.

pub(crate) use local::signal::interrupted;

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

/// Returns the result of the work, and whether it was interrupted: `stop` then requests it to end.
/// A second Ctrl-C ends it immediately.
///
/// # Errors
/// [`CliError::Interrupted`] with `at_once` after the second Ctrl-C.
pub(crate) async fn until_interrupted<T>(
    work: impl Future<Output = T>,
    stop: impl FnOnce(),
    at_once: &str,
) -> Result<(T, bool), CliError> {
    // Boxed: the SDK's state is large.
    let mut work = Box::pin(work);
    tokio::select! {
        biased;
        () = interrupted() => {}
        result = &mut work => return Ok((result, false)),
    }
    stop();
    tokio::select! {
        biased;
        () = interrupted() => Err(CliError::Interrupted(at_once.to_owned())),
        result = work => Ok((result, true)),
    }
}
