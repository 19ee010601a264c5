//! Public IPv4 addresses: an Elastic IP address costs the same whether something uses it or not.

use shared::aws::query::Element;
use shared::cost::Price;

use super::{Bound, Idle, Scope, Tags, marked};

/// An Elastic IP address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Address {
    /// The allocation id.
    pub(crate) id: String,
    pub(crate) tags: Tags,
    /// Whether something uses it.
    pub(crate) is_associated: bool,
    /// Whether a service allocated it for itself.
    is_service_managed: bool,
    /// Its pool, if not Amazon's.
    own_pool: Option<String>,
    /// The instance that it belongs to.
    pub(crate) instance: Option<String>,
}

impl Address {
    /// Reads an item of `DescribeAddresses`.
    pub(crate) fn read(element: &Element) -> Option<Self> {
        let pool = element.text("publicIpv4Pool").filter(|pool| *pool != "amazon");
        Some(Self {
            id: element.text("allocationId")?.to_owned(),
            tags: element.tags("tagSet"),
            is_associated: element.text("associationId").is_some(),
            is_service_managed: element.text("serviceManaged").is_some(),
            own_pool: pool.map(str::to_owned),
            instance: element.text("instanceId").map(str::to_owned),
        })
    }

    /// USD a month. Addresses from the owner's own pool cost nothing.
    pub(crate) fn usd(&self, scope: &Scope<'_>) -> f64 {
        if self.own_pool.is_some() { 0.0 } else { scope.hourly(Price::AddressHour) }
    }

    pub(crate) fn idle(&self, scope: &Scope<'_>) -> Option<Idle> {
        let is_used = self.is_associated || self.is_service_managed || self.own_pool.is_some();
        (!is_used).then(|| Idle {
            usd: self.usd(scope),
            bound: Bound::Exactly,
            why: "not associated with anything".to_owned(),
            since: marked(&self.tags).map(|day| day.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{cost, rules, scope};
    use super::*;

    #[test]
    fn is_idle_where_nothing_uses_it_and_amazon_charges_for_it() {
        let rules = rules();
        let idle = |address: Address| cost(address.idle(&scope(&rules)));
        assert_eq!(idle(Address::default()), Some(("3.6500".to_owned(), Bound::Exactly)));
        let own_pool = Some("ipv4pool-ec2-1".to_owned());
        for used in [
            Address { is_associated: true, ..Address::default() },
            Address { is_service_managed: true, ..Address::default() },
            Address { own_pool: own_pool.clone(), ..Address::default() },
        ] {
            assert_eq!(idle(used), None);
        }
        let own = Address { own_pool, ..Address::default() };
        assert_eq!(Some(own.usd(&scope(&rules))), Some(0.0));
    }
}
