//! The outcome of an invocation, and its metrics.

use std::io::{self, Write};

use shared::metrics::{Metrics, Unit, with_values};

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Published,
    Duplicate,
    Ignored,
    Forbidden,
    MethodNotAllowed,
}

impl Outcome {
    /// The HTTP status and the name in the answer.
    const fn answer(self) -> (u16, &'static str) {
        match self {
            Self::Published => (200, "published"),
            Self::Duplicate => (200, "duplicate"),
            Self::Ignored => (200, "ignored"),
            Self::Forbidden => (403, "forbidden"),
            Self::MethodNotAllowed => (405, "method_not_allowed"),
        }
    }

    /// The answer in the form of both payload formats.
    pub(crate) fn json(self) -> String {
        let (status, name) = self.answer();
        format!(
            r#"{{"statusCode":{status},"headers":{{"content-type":"application/json"}},"body":"{{\"outcome\":\"{name}\"}}"}}"#
        )
    }
}

/// The numbers of one invocation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// `None` if the invocation fails before the event is known to be a call.
    pub(crate) outcome: Option<Outcome>,
    /// Whether a notice could not be published.
    pub(crate) is_unpublished: bool,
    /// Whether a request to Prefect's API failed.
    pub(crate) has_prefect_error: bool,
}

impl Tally {
    pub(crate) fn emit(
        self,
        namespace: &str,
        function_name: &str,
        timestamp_ms: u64,
        out: impl Write,
    ) -> io::Result<()> {
        let is = |outcomes: &[Outcome]| {
            u64::from(self.outcome.is_some_and(|outcome| outcomes.contains(&outcome)))
        };
        let failed = u64::from(self.is_unpublished);
        let metrics = with_values(
            [
                ("CallsIn", Unit::Count),
                ("NoticesPublished", Unit::Count),
                ("NoticesFailed", Unit::Count),
                ("CallsIgnored", Unit::Count),
                ("CallsDuplicate", Unit::Count),
                ("CallsRejected", Unit::Count),
                ("PrefectErrors", Unit::Count),
            ],
            [
                u64::from(self.outcome.is_some()) + failed,
                is(&[Outcome::Published]),
                failed,
                is(&[Outcome::Ignored]),
                is(&[Outcome::Duplicate]),
                is(&[Outcome::Forbidden, Outcome::MethodNotAllowed]),
                u64::from(self.has_prefect_error),
            ],
        );
        let dimensions = &[("FunctionName", function_name)];
        Metrics { namespace, dimensions, timestamp_ms, metrics: &metrics }.write(out)
    }
}
