//! The functions' binaries: found beside the running program, or built.

use std::path::PathBuf;

/// Why a binary is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The running program's own path is unknown or not in a Cargo target folder.
    #[error("the target folder of the running program is unknown: {message}")]
    TargetFolder {
        /// What is known.
        message: String,
    },
    /// No workspace with these functions was found.
    #[error("the workspace of sluice was not found: neither at {} nor above the current folder", built_at.display())]
    NoWorkspace {
        /// Where the workspace was when this program was built.
        built_at: PathBuf,
    },
    /// Cargo could not be run.
    #[error("{cargo} cannot be run: {source}")]
    NoCargo {
        /// The program tried.
        cargo: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Cargo failed.
    #[error("`{command}` failed ({status}):\n{output}")]
    Build {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// The end of what it said.
        output: String,
    },
    /// Cargo built no such binary.
    #[error("`{command}` built no binary {name}")]
    NoBinary {
        /// The command.
        command: String,
        /// The binary's name.
        name: String,
    },
}

/// The binary of the function `name` for a test: the one beside the running test executable. If
/// it is missing, or older than its sources, it is built in the same profile and target folder.
///
/// # Errors
/// When it cannot be built.
pub fn function(name: &str) -> Result<PathBuf, Error> {
    unimplemented!("{name}")
}

/// Builds the binaries of these functions with Cargo, in the profile and target folder of the
/// running program if that is in one, and gives their paths in the same order. `on_line` gets
/// Cargo's progress, line by line.
///
/// # Errors
/// When Cargo cannot be run, fails, or the workspace is not there.
pub async fn build(
    names: &[&str],
    on_line: impl FnMut(&str) + Send,
) -> Result<Vec<PathBuf>, Error> {
    let mut on_line = on_line;
    on_line("");
    unimplemented!("{names:?}")
}
