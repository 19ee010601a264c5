//! How a command ends when it does not end well.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a command stops, in words for the person who ran it: what happened, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Wrong use: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The work could not be done: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Ctrl-C or SIGTERM: exit code 130.
    #[error("interrupted: everything started is stopped")]
    Interrupted,
    /// The same, with what that means for the work: exit code 130.
    #[error("interrupted: {0}")]
    Stopped(String),
    /// Whoever reads standard output has gone (`| head`): nobody to tell, exit code 1.
    #[error("standard output is closed")]
    OutputClosed,
}

impl Failure {
    /// Wrong use.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    /// Work that could not be done.
    pub(crate) fn failed(message: impl Display) -> Self {
        Self::Failed(message.to_string())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::OutputClosed => 1,
            Self::Interrupted | Self::Stopped(_) => 130,
        })
    }
}
