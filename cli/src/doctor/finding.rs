//! Problems and their remedies.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// Messages are lost or not consumed.
    Error,
    /// Messages can be lost, or operation is harder than necessary.
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// The check, such as `visibility_timeout`.
    pub(super) check: &'static str,
    /// The function, queue or OpenSearch.
    pub(super) subject: String,
    pub(super) problem: String,
    pub(super) remedy: String,
}

/// Collects findings.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(
        &mut self,
        check: &'static str,
        subject: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Error, check, subject, problem.into(), remedy.into());
    }

    pub(super) fn warning(
        &mut self,
        check: &'static str,
        subject: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.add(Severity::Warning, check, subject, problem.into(), remedy.into());
    }

    fn add(
        &mut self,
        severity: Severity,
        check: &'static str,
        subject: &str,
        problem: String,
        remedy: String,
    ) {
        self.0.push(Finding { severity, check, subject: subject.to_owned(), problem, remedy });
    }

    /// Returns the findings, errors first.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.severity);
        self.0
    }
}
