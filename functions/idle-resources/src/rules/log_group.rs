//! Log groups that keep everything forever.

use shared::cost::Price;

use super::{Bound, Idle, Scope, gib};

/// A log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogGroup {
    pub(crate) name: String,
    /// Without the suffix `:*` for its streams.
    pub(crate) arn: String,
    pub(crate) has_retention: bool,
    pub(crate) stored_bytes: Option<u64>,
}

impl LogGroup {
    pub(crate) fn idle(&self, scope: &Scope<'_>) -> Option<Idle> {
        let size = self.stored_bytes.map_or(f64::NAN, gib);
        (!self.has_retention).then(|| Idle {
            usd: size * scope.price(Price::Logs),
            bound: Bound::AtMost,
            why: format!("{size:.1} GiB are kept for ever: no retention"),
            since: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope};
    use super::*;

    #[test]
    fn is_reported_without_retention() {
        let rules = rules();
        let idle = |has_retention| {
            let (name, arn) = ("/aws/lambda/plays".to_owned(), String::new());
            let group = LogGroup { name, arn, has_retention, stored_bytes: Some(10 << 30) };
            cost(group.idle(&scope(&rules)))
        };
        assert_eq!(idle(false), Some(("0.3000".to_owned(), Bound::AtMost)));
        assert_eq!(idle(true), None);
    }
}
