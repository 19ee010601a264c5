//! Why there is no real server, and what to do about it.

/// Why there is no real server.
#[derive(Debug, thiserror::Error)]
pub enum RealError {
    /// Neither Docker nor Java can run it here.
    #[error("{docker}, and {java}")]
    NotRunnable {
        /// What is wrong with Docker.
        docker: String,
        /// What is wrong with Java.
        java: String,
    },
}

impl RealError {
    /// What the user can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotRunnable { .. } => "start Docker, or install Java (17 to 23) and Maven (mvn)",
        }
    }
}
