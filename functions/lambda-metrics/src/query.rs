//! What CloudWatch is asked: which metrics of which functions.
//!
//! Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions".

/// The most queries of one call (source: Amazon CloudWatch API reference, `GetMetricData`).
pub const MAX_QUERIES: usize = 500;

/// A metric of `AWS/Lambda`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Calls that ran, whether they failed or not.
    Invocations,
    /// Calls that did not run.
    Throttles,
    /// Calls that failed.
    Errors,
    /// The longest, in milliseconds.
    Duration,
    /// The most that ran at the same time.
    ConcurrentExecutions,
    /// Events that Lambda gave up.
    AsyncEventsDropped,
    /// Events that Lambda gave up and could not put into the dead-letter queue.
    DeadLetterErrors,
    /// How long the last record of a batch had waited in its stream, in milliseconds.
    IteratorAge,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Invocations,
        Self::Throttles,
        Self::Errors,
        Self::Duration,
        Self::ConcurrentExecutions,
        Self::AsyncEventsDropped,
        Self::DeadLetterErrors,
        Self::IteratorAge,
    ];

    /// Those that tell whether a function was called: asked of every function in every run.
    pub const TRAFFIC: [Self; 2] = [Self::Invocations, Self::Throttles];

    /// Whether a period without a value had none, rather than nothing to tell.
    #[must_use]
    pub const fn counts_from_zero(self) -> bool {
        matches!(self, Self::Invocations | Self::Errors | Self::Throttles)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Invocations => "Invocations",
            Self::Errors => "Errors",
            Self::Throttles => "Throttles",
            Self::Duration => "Duration",
            Self::ConcurrentExecutions => "ConcurrentExecutions",
            Self::AsyncEventsDropped => "AsyncEventsDropped",
            Self::DeadLetterErrors => "DeadLetterErrors",
            Self::IteratorAge => "IteratorAge",
        }
    }

    const fn statistic(self) -> &'static str {
        match self {
            Self::Duration | Self::ConcurrentExecutions | Self::IteratorAge => "Maximum",
            _ => "Sum",
        }
    }
}

/// One metric to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query<'a> {
    /// A function's.
    Function {
        /// The function.
        name: &'a str,
        /// Its metric.
        measure: Measure,
    },
    /// `ClaimedAccountConcurrency`: what of the account's concurrency is used or kept.
    AccountConcurrency,
}

impl<'a> Query<'a> {
    /// Some metrics of a function.
    pub fn of(name: &'a str, measures: &[Measure]) -> impl Iterator<Item = Self> {
        measures.iter().map(move |&measure| Self::Function { name, measure })
    }

    /// `MetricName`
    #[must_use]
    pub const fn metric(&self) -> &'static str {
        match self {
            Self::Function { measure, .. } => measure.name(),
            Self::AccountConcurrency => "ClaimedAccountConcurrency",
        }
    }

    /// `Stat`
    #[must_use]
    pub const fn statistic(&self) -> &'static str {
        match self {
            Self::Function { measure, .. } => measure.statistic(),
            Self::AccountConcurrency => "Maximum",
        }
    }

    /// The function whose metric it is.
    #[must_use]
    pub const fn function(&self) -> Option<&'a str> {
        match self {
            Self::Function { name, .. } => Some(name),
            Self::AccountConcurrency => None,
        }
    }

    /// The id of the query at this place of a call.
    #[must_use]
    pub fn id(place: usize) -> String {
        format!("m{place}")
    }

    /// The place of the query with this id.
    #[must_use]
    pub fn place(id: &str) -> Option<usize> {
        let place = id.strip_prefix('m')?.parse().ok()?;
        (Self::id(place) == id).then_some(place)
    }
}

/// As a log calls it.
impl std::fmt::Display for Query<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.function() {
            Some(name) => write!(out, "{} of {name}", self.metric()),
            None => out.write_str(self.metric()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_asked_with_its_statistic() {
        let asked: Vec<_> = Query::of("plays", &Measure::ALL)
            .chain([Query::AccountConcurrency])
            .map(|query| (query.metric(), query.statistic(), query.function()))
            .collect();
        let function = Some("plays");
        assert_eq!(
            asked,
            [
                ("Invocations", "Sum", function),
                ("Throttles", "Sum", function),
                ("Errors", "Sum", function),
                ("Duration", "Maximum", function),
                ("ConcurrentExecutions", "Maximum", function),
                ("AsyncEventsDropped", "Sum", function),
                ("DeadLetterErrors", "Sum", function),
                ("IteratorAge", "Maximum", function),
                ("ClaimedAccountConcurrency", "Maximum", None),
            ]
        );
        assert_eq!(Measure::ALL[..2], Measure::TRAFFIC);
    }

    #[test]
    fn ids_are_places() {
        for place in [0, 7, 499] {
            assert_eq!(Query::place(&Query::id(place)), Some(place));
        }
        for id in ["", "m", "7", "m-1", "m+1", "m07", "e7", "m99999999999999999999"] {
            assert_eq!(Query::place(id), None, "{id}");
        }
    }
}
