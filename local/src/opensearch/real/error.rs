//! Why there is no real server, and what to do about it.

use crate::machine::MachineError;

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
    /// This machine does not run it.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl RealError {
    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Neither { java, .. } => java.remedy(),
            Self::NoDocker(_)
            | Self::Machine(MachineError::NoJava | MachineError::WrongJava { .. }) => {
                "start Docker, or install Java (17 to 23) and Maven (mvn)".to_owned()
            }
            Self::Machine(MachineError::NoMaven { .. }) => {
                "install Maven (mvn), or start Docker".to_owned()
            }
            Self::Machine(MachineError::DidNotStart { .. }) => {
                "it takes about 1 GB of free memory; start Docker instead".to_owned()
            }
            Self::Machine(error) => error.remedy(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong_with_both_and_what_to_do() {
        let docker = Box::new(RealError::NoDocker("no docker on the path".to_owned()));
        let no_maven = MachineError::NoMaven { server: "OpenSearch" };
        let error = RealError::Neither { docker, java: Box::new(no_maven.into()) };
        assert_eq!(
            error.to_string(),
            "Docker does not run here (no docker on the path), and there is no Maven (mvn) to \
             fetch OpenSearch with"
        );
        assert_eq!(error.remedy(), "install Maven (mvn), or start Docker");
        let no_java = RealError::from(MachineError::NoJava);
        assert_eq!(no_java.remedy(), "start Docker, or install Java (17 to 23) and Maven (mvn)");
    }
}
