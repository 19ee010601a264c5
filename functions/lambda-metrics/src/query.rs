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
    /// The share of an alias's provisioned concurrency that was used, from 0 to 1.
    ProvisionedConcurrencyUtilization,
    /// Calls of an alias that ran beyond its provisioned concurrency.
    ProvisionedConcurrencySpillover,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Invocations,
        Self::Throttles,
        Self::Errors,
        Self::Duration,
        Self::ConcurrentExecutions,
        Self::AsyncEventsDropped,
        Self::DeadLetterErrors,
        Self::IteratorAge,
        Self::ProvisionedConcurrencyUtilization,
        Self::ProvisionedConcurrencySpillover,
    ];

    /// Those that say whether a function was called: read of every function in every run.
    pub const TRAFFIC: [Self; 2] = [Self::Invocations, Self::Throttles];

    /// The others that every function has.
    pub const OTHERS: [Self; 6] = [
        Self::Errors,
        Self::Duration,
        Self::ConcurrentExecutions,
        Self::AsyncEventsDropped,
        Self::DeadLetterErrors,
        Self::IteratorAge,
    ];

    /// Those of aliases and versions with provisioned concurrency.
    pub const PROVISIONED: [Self; 2] =
        [Self::ProvisionedConcurrencyUtilization, Self::ProvisionedConcurrencySpillover];

    /// The value of a function whose aliases have these.
    #[must_use]
    pub fn united(self, one: f64, other: f64) -> f64 {
        if self.statistic() == "Sum" { one + other } else { one.max(other) }
    }

    /// Whether a period without a value had none, rather than nothing to tell.
    #[must_use]
    pub const fn counts_from_zero(self) -> bool {
        matches!(self, Self::Invocations | Self::Errors | Self::Throttles)
    }

    /// `MetricName`
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invocations => "Invocations",
            Self::Errors => "Errors",
            Self::Throttles => "Throttles",
            Self::Duration => "Duration",
            Self::ConcurrentExecutions => "ConcurrentExecutions",
            Self::AsyncEventsDropped => "AsyncEventsDropped",
            Self::DeadLetterErrors => "DeadLetterErrors",
            Self::IteratorAge => "IteratorAge",
            Self::ProvisionedConcurrencyUtilization => "ProvisionedConcurrencyUtilization",
            Self::ProvisionedConcurrencySpillover => "ProvisionedConcurrencySpilloverInvocations",
        }
    }

    const fn statistic(self) -> &'static str {
        match self {
            Self::Duration
            | Self::ConcurrentExecutions
            | Self::IteratorAge
            | Self::ProvisionedConcurrencyUtilization => "Maximum",
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
        /// An alias or version of it, such as `plays:live`; all together where there is none.
        resource: Option<&'a str>,
        /// Its metric.
        measure: Measure,
    },
    /// `ClaimedAccountConcurrency`: what of the account's concurrency is used or kept.
    AccountConcurrency,
}

impl<'a> Query<'a> {
    /// Some metrics of a function.
    pub fn of(name: &'a str, measures: &[Measure]) -> impl Iterator<Item = Self> {
        Self::of_resource(name, None, measures)
    }

    /// Some metrics of an alias or version of a function.
    pub fn of_resource(
        name: &'a str,
        resource: Option<&'a str>,
        measures: &[Measure],
    ) -> impl Iterator<Item = Self> {
        measures.iter().map(move |&measure| Self::Function { name, resource, measure })
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

    /// The alias or version whose metric it is.
    #[must_use]
    pub const fn resource(&self) -> Option<&'a str> {
        match self {
            Self::Function { resource, .. } => *resource,
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
        match self.resource().or(self.function()) {
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
                ("ProvisionedConcurrencyUtilization", "Maximum", function),
                ("ProvisionedConcurrencySpilloverInvocations", "Sum", function),
                ("ClaimedAccountConcurrency", "Maximum", None),
            ]
        );
        let kinds = [&Measure::TRAFFIC[..], &Measure::OTHERS, &Measure::PROVISIONED].concat();
        assert_eq!(kinds, Measure::ALL);
        let live = Query::Function {
            name: "plays",
            resource: Some("plays:live"),
            measure: Measure::ProvisionedConcurrencyUtilization,
        };
        assert_eq!(live.to_string(), "ProvisionedConcurrencyUtilization of plays:live");
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
