//! The metrics that are read.
//!
//! Source: AWS Lambda Developer Guide, "Types of metrics for Lambda functions".

/// Maximum number of queries in one call (source: Amazon CloudWatch API reference,
/// `GetMetricData`).
pub const MAX_QUERIES: usize = 500;

/// A metric of `AWS/Lambda`, with its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of Lambda")]
pub enum Measure {
    Invocations,
    Throttles,
    Errors,
    /// In milliseconds.
    Duration,
    ConcurrentExecutions,
    AsyncEventsDropped,
    DeadLetterErrors,
    /// In milliseconds.
    IteratorAge,
    /// From 0 to 1.
    ProvisionedConcurrencyUtilization,
    ProvisionedConcurrencySpilloverInvocations,
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
        Self::ProvisionedConcurrencySpilloverInvocations,
    ];

    /// The metrics that show whether a function was called: read for every function in every run.
    pub const TRAFFIC: &[Self] = Self::ALL.split_at(2).0;

    /// The other metrics of every function.
    pub const OTHERS: &[Self] = Self::ALL.split_at(2).1.split_at(6).0;

    /// The metrics of aliases and versions with provisioned concurrency.
    pub const PROVISIONED: &[Self] = Self::ALL.split_at(8).1;

    /// Combines the values of two aliases of a function.
    #[must_use]
    pub fn combined(self, one: f64, other: f64) -> f64 {
        if self.statistic() == "Sum" { one + other } else { one.max(other) }
    }

    /// Whether a period without a value counts as zero.
    #[must_use]
    pub const fn counts_from_zero(self) -> bool {
        matches!(self, Self::Invocations | Self::Errors | Self::Throttles)
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

impl std::fmt::Display for Measure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{self:?}")
    }
}

/// One metric to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query<'a> {
    /// A metric of a function.
    Function {
        /// The function.
        name: &'a str,
        /// An alias or version of it, such as `plays:live`; `None` is the whole function.
        resource: Option<&'a str>,
        /// Its metric.
        measure: Measure,
    },
    /// `ClaimedAccountConcurrency`: the used or reserved concurrency of the account.
    AccountConcurrency,
}

impl<'a> Query<'a> {
    /// Some metrics of a function, or of an alias or version of it.
    pub fn of(
        name: &'a str,
        resource: Option<&'a str>,
        measures: &[Measure],
    ) -> impl Iterator<Item = Self> {
        measures.iter().map(move |&measure| Self::Function { name, resource, measure })
    }

    /// `MetricName`
    #[must_use]
    pub fn metric(&self) -> String {
        match self {
            Self::Function { measure, .. } => measure.to_string(),
            Self::AccountConcurrency => "ClaimedAccountConcurrency".to_owned(),
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

    /// The function, and its alias or version.
    #[must_use]
    pub const fn subject(&self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Function { name, resource, .. } => (Some(*name), *resource),
            Self::AccountConcurrency => (None, None),
        }
    }

    /// The id of the query at this index of a call.
    #[must_use]
    pub fn id(index: usize) -> String {
        format!("m{index}")
    }

    /// The index of the query with this id.
    #[must_use]
    pub fn index(id: &str) -> Option<usize> {
        let index = id.strip_prefix('m')?.parse().ok()?;
        (Self::id(index) == id).then_some(index)
    }
}

/// The name in the log.
impl std::fmt::Display for Query<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (function, resource) = self.subject();
        match resource.or(function) {
            Some(name) => write!(out, "{} of {name}", self.metric()),
            None => out.write_str(&self.metric()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_read_with_its_statistic() {
        let queries = Query::of("plays", None, &Measure::ALL).chain([Query::AccountConcurrency]);
        let read: Vec<_> = queries.map(|query| format!("{} {query}", query.statistic())).collect();
        let expected = [
            "Sum Invocations of plays",
            "Sum Throttles of plays",
            "Sum Errors of plays",
            "Maximum Duration of plays",
            "Maximum ConcurrentExecutions of plays",
            "Sum AsyncEventsDropped of plays",
            "Sum DeadLetterErrors of plays",
            "Maximum IteratorAge of plays",
            "Maximum ProvisionedConcurrencyUtilization of plays",
            "Sum ProvisionedConcurrencySpilloverInvocations of plays",
            "Maximum ClaimedAccountConcurrency",
        ];
        assert_eq!(read, expected);
        let live = Query::of("plays", Some("plays:live"), Measure::PROVISIONED).next().unwrap();
        assert_eq!(live.to_string(), "ProvisionedConcurrencyUtilization of plays:live");
    }

    #[test]
    fn ids_are_indexes() {
        for index in [0, 7, 499] {
            assert_eq!(Query::index(&Query::id(index)), Some(index));
        }
        for id in ["", "m", "7", "m-1", "m+1", "m07", "e7", "m99999999999999999999"] {
            assert_eq!(Query::index(id), None, "{id}");
        }
    }
}
