//! Why a server cannot be had on this machine, and what to do about it.

use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Why a real server cannot be had on this machine. The texts are parts of a sentence, to follow
/// "because".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// There is no Java.
    #[error("there is no Java (neither JAVA_HOME nor java on the path)")]
    NoJava,
    /// There is Java, but not one that runs the server.
    #[error("Java {found} does not run {server}, which needs {}", versions(.needed))]
    WrongJava {
        /// The feature version of the Java that is there.
        found: u32,
        /// The server.
        server: &'static str,
        /// The feature versions that run it.
        needed: RangeInclusive<u32>,
    },
    /// There is Java, but no Maven to fetch the server with.
    #[error("there is no Maven (mvn) to fetch {server} with")]
    NoMaven {
        /// The server.
        server: &'static str,
    },
    /// It could not be fetched.
    #[error("it could not be fetched: {0}")]
    Fetch(String),
    /// What was fetched is not what this version of sluice was tested with.
    #[error("the downloaded {file} has the SHA-256 {found}, not {expected}")]
    Checksum {
        /// The file's name.
        file: String,
        /// The digest of what came.
        found: String,
        /// The digest that is known.
        expected: &'static str,
    },
    /// A file or a process could not be had.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The archive cannot be unpacked.
    #[error("the downloaded distribution cannot be unpacked: {0}")]
    Unpack(String),
    /// The server was started, but does not answer.
    #[error("it {how}; the last lines of its log:\n{log}\n")]
    DidNotStart {
        /// Ended, or did not answer in time.
        how: String,
        /// The last lines of its log.
        log: String,
    },
}

impl MachineError {
    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::NoJava => "install Java and Maven (mvn)".to_owned(),
            Self::WrongJava { needed, .. } => {
                format!("install Java ({}) and Maven (mvn)", versions(needed))
            }
            Self::NoMaven { .. } => "install Maven (mvn)".to_owned(),
            Self::Fetch(_) => {
                "check that it can be fetched from its registry with the machine's own settings"
                    .to_owned()
            }
            Self::Checksum { .. } => {
                "remove the artifact from the local Maven repository, so that it is fetched anew"
                    .to_owned()
            }
            Self::Io { .. } | Self::Unpack(_) => {
                "check the disk's space and the file's permissions".to_owned()
            }
            Self::DidNotStart { .. } => "check the machine's free memory".to_owned(),
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

fn versions(range: &RangeInclusive<u32>) -> String {
    match *range.end() {
        u32::MAX => format!("{} or later", range.start()),
        end => format!("{} to {end}", range.start()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_java_is_needed() {
        let wrong = |needed| MachineError::WrongJava { found: 8, server: "ElasticMQ", needed };
        let error = wrong(11..=u32::MAX);
        assert_eq!(error.to_string(), "Java 8 does not run ElasticMQ, which needs 11 or later");
        assert_eq!(error.remedy(), "install Java (11 or later) and Maven (mvn)");
        assert_eq!(wrong(17..=23).remedy(), "install Java (17 to 23) and Maven (mvn)");
    }
}
