//! What is wrong, and what to do.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Messages are lost, or not consumed.
    Error,
    /// They may be, or things are harder than they need be.
    Warning,
}

impl Severity {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What was checked, such as `visibility_timeout`.
    pub(super) check: &'static str,
    /// The function, queue or OpenSearch.
    pub(super) subject: String,
    pub(super) problem: String,
    /// What to change.
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn error(
        check: &'static str,
        subject: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, check, subject, problem.into(), remedy.into())
    }

    pub(super) fn warning(
        check: &'static str,
        subject: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, check, subject, problem.into(), remedy.into())
    }

    fn new(
        severity: Severity,
        check: &'static str,
        subject: &str,
        problem: String,
        remedy: String,
    ) -> Self {
        Self { severity, check, subject: subject.to_owned(), problem, remedy }
    }
}
