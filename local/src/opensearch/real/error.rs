//! Why there is no real server, and what to do about it.

use std::path::PathBuf;

/// Why there is no real server. The texts are parts of a sentence, to follow "because".
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// Neither Docker nor Java runs it.
    #[error("{docker}, and {java}")]
    Neither {
        /// What is wrong with Docker.
        docker: Box<RealError>,
        /// What is wrong with Java.
        java: Box<RealError>,
    },
    /// There is no working Docker.
    #[error("Docker does not run here ({0})")]
    NoDocker(String),
    /// There is no Java.
    #[error("there is no Java (neither JAVA_HOME nor java on the path)")]
    NoJava,
    /// There is Java, but not one that runs this version.
    #[error("Java {0} does not run OpenSearch 2.19, which needs 17 to 23")]
    WrongJava(u32),
    /// There is Java, but no Maven to fetch the distribution with.
    #[error("there is no Maven (mvn) to fetch OpenSearch with")]
    NoMaven,
    /// Maven or Docker could not fetch it.
    #[error("it could not be fetched: {0}")]
    Fetch(String),
    /// What was fetched is not what this version of sluice was tested with.
    #[error("the downloaded distribution has the SHA-256 {found}, not {expected}")]
    Checksum {
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

impl RealError {
    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Neither { java, .. } => java.remedy(),
            Self::NoDocker(_) | Self::NoJava | Self::WrongJava(_) => {
                "start Docker, or install Java (17 to 23) and Maven (mvn)"
            }
            Self::NoMaven => "install Maven (mvn), or start Docker",
            Self::Fetch(_) => {
                "check that Maven or Docker reaches its registry, with its own settings"
            }
            Self::Checksum { .. } => {
                "remove the artifact from the local Maven repository, so that it is fetched anew"
            }
            Self::Io { .. } | Self::Unpack(_) => {
                "check the disk's space and the file's permissions"
            }
            Self::DidNotStart { .. } => "it takes about 1 GB of free memory; start Docker instead",
        }
    }

    pub(super) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_both_and_what_to_do() {
        let docker = Box::new(RealError::NoDocker("no docker on the path".to_owned()));
        let java = Box::new(RealError::NoMaven);
        let error = RealError::Neither { docker, java };
        assert_eq!(
            error.to_string(),
            "Docker does not run here (no docker on the path), and there is no Maven (mvn) to \
             fetch OpenSearch with"
        );
        assert_eq!(error.remedy(), "install Maven (mvn), or start Docker");
        assert_eq!(
            RealError::WrongJava(24).to_string(),
            "Java 24 does not run OpenSearch 2.19, which needs 17 to 23"
        );
    }
}
