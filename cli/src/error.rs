//! Errors of the commands.

use std::fmt::Display;
use std::process::ExitCode;

/// Why a command stops: what failed, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Wrong usage: exit code 2.
    #[error("error: {0}")]
    Usage(String),
    /// The command failed: exit code 1.
    #[error("error: {0}")]
    Failed(String),
    /// Ctrl-C or SIGTERM, and the state of the work: exit code 130.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// The reader of standard output closed it (`| head`): exit code 1 without a message.
    #[error("standard output is closed")]
    OutputClosed,
}

impl CliError {
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    pub(crate) fn failed(message: impl Display) -> Self {
        Self::Failed(message.to_string())
    }

    /// The message without its kind.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Usage(message) | Self::Failed(message) | Self::Interrupted(message) => message,
            Self::OutputClosed => "",
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::OutputClosed => 1,
            Self::Interrupted(_) => 130,
        })
    }
}
