//! NAT gateways without traffic.

use jiff::Timestamp;
use shared::aws::query::Element;
use shared::cost::Price;

use super::{Bound, Idle, Scope, Tags, time};

/// A NAT gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct NatGateway {
    pub(crate) id: String,
    pub(crate) tags: Tags,
    state: String,
    created: Option<Timestamp>,
}

impl NatGateway {
    /// Reads an item of `DescribeNatGateways`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        Some(Self {
            id: element.text("natGatewayId")?.to_owned(),
            tags: element.tags("tagSet"),
            state: element.text("state").unwrap_or_default().to_owned(),
            created: time(element.text("createTime")),
        })
    }

    /// Whether it is idle if it had no traffic.
    pub(crate) fn is_candidate(&self, scope: &Scope<'_>) -> bool {
        self.state == "available" && scope.is_older(self.created, scope.rules.idle_days)
    }

    /// `bytes`: the sums of the bytes in both directions. A gateway without traffic has none.
    pub(crate) fn idle(&self, scope: &Scope<'_>, bytes: &[f64]) -> Option<Idle> {
        let is_idle = self.is_candidate(scope) && bytes.iter().all(|sum| *sum <= 0.0);
        is_idle.then(|| Idle {
            usd: scope.hourly(Price::NatHour),
            bound: Bound::Exactly,
            why: no_traffic(scope),
            since: None,
        })
    }
}

/// Why something without traffic is idle.
pub(super) fn no_traffic(scope: &Scope<'_>) -> String {
    format!("no traffic in {} days", scope.rules.idle_days)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope};
    use super::*;

    #[test]
    fn is_idle_without_a_byte() {
        let rules = rules();
        let idle = |state: &str, created: &str, bytes: &[f64]| {
            let (state, created) = (state.to_owned(), time(Some(created)));
            let nat = NatGateway { state, created, ..NatGateway::default() };
            cost(nat.idle(&scope(&rules), bytes))
        };
        let found = Some(("32.8500".to_owned(), Bound::Exactly));
        let old = "2026-11-14T00:00:00Z";
        assert_eq!(idle("available", old, &[0.0, 0.0]), found);
        assert_eq!(idle("available", old, &[]), found);
        assert_eq!(idle("available", old, &[0.0, 1.0]), None);
        assert_eq!(idle("available", "2026-11-14T00:00:01Z", &[]), None);
        assert_eq!(idle("deleted", old, &[]), None);
    }
}
