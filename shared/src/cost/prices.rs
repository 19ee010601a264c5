//! List prices, in USD.
//!
//! Source: the AWS Price List of August 2026, according to karpenter-provider-aws and public
//! tables; per month and GiB unless the name says otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::config::{ConfigError, Environment};

/// The hours of a month.
pub const HOURS_PER_MONTH: f64 = 730.0;

/// The month of the table.
const DATE: &str = "August 2026";

/// The region whose prices apply where the table has none.
const BASE: &str = "us-east-1";

macro_rules! prices {
    ($($price:ident $name:literal $usd:literal)*) => {
        /// Something with a price. Its name is the key in `PRICES`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Price {
            $(#[doc = concat!("`", $name, "`")] $price,)*
        }

        impl Price {
            const ALL: &[Self] = &[$(Self::$price),*];

            /// The name, as in `PRICES`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$price => $name,)*
                }
            }

            /// The price in `us-east-1`.
            const fn base(self) -> f64 {
                match self {
                    $(Self::$price => $usd,)*
                }
            }
        }
    };
}

prices! {
    AddressHour "address-hour" 0.005
    Gp2 "gp2" 0.10
    Gp3 "gp3" 0.08
    Gp3Iops "gp3-iops" 0.005
    Gp3Mibps "gp3-mibps" 0.04
    Io1 "io1" 0.125
    Io1Iops "io1-iops" 0.065
    Io2 "io2" 0.125
    Io2Iops "io2-iops" 0.065
    St1 "st1" 0.045
    Sc1 "sc1" 0.015
    Standard "standard" 0.05
    Snapshot "snapshot" 0.05
    SnapshotArchive "snapshot-archive" 0.0125
    NatHour "nat-hour" 0.045
    ApplicationHour "application-hour" 0.0225
    NetworkHour "network-hour" 0.0225
    GatewayHour "gateway-hour" 0.0125
    Logs "logs" 0.03
    S3Standard "s3-standard" 0.023
    S3Ia "s3-ia" 0.0125
    S3Aia "s3-aia" 0.004
    S3Aa "s3-aa" 0.0036
    S3Daa "s3-daa" 0.00099
    // Per 1,000 objects.
    S3Monitoring "s3-monitoring" 0.0025
    RdsStorage "rds-storage" 0.115
}

/// The prices of a region that differ from those of `us-east-1`.
struct Regional {
    region: &'static str,
    gp2: f64,
    gp3: f64,
    io: f64,
    st1: f64,
    sc1: f64,
    standard: f64,
    load_balancer: f64,
    nat: f64,
    snapshot: f64,
}

#[rustfmt::skip]
const REGIONS: [Regional; 5] = [
    Regional { region: "us-west-1", gp2: 0.12, gp3: 0.096, io: 0.138, st1: 0.054, sc1: 0.018, standard: 0.08, load_balancer: 0.0252, nat: 0.048, snapshot: 0.055 },
    Regional { region: "eu-west-1", gp2: 0.11, gp3: 0.088, io: 0.138, st1: 0.05, sc1: 0.0168, standard: 0.055, load_balancer: 0.0252, nat: 0.048, snapshot: 0.05 },
    Regional { region: "ap-northeast-1", gp2: 0.12, gp3: 0.096, io: 0.142, st1: 0.054, sc1: 0.018, standard: 0.08, load_balancer: 0.0243, nat: 0.062, snapshot: 0.05 },
    Regional { region: "ap-northeast-2", gp2: 0.114, gp3: 0.0912, io: 0.1278, st1: 0.051, sc1: 0.0174, standard: 0.08, load_balancer: 0.0225, nat: 0.059, snapshot: 0.05 },
    Regional { region: "ap-southeast-1", gp2: 0.12, gp3: 0.096, io: 0.138, st1: 0.054, sc1: 0.018, standard: 0.08, load_balancer: 0.0252, nat: 0.059, snapshot: 0.05 },
];

/// Regions that have the prices of `us-east-1`.
const AS_BASE: [&str; 2] = [BASE, "us-west-2"];

impl Regional {
    const fn price(&self, price: Price) -> f64 {
        match price {
            Price::Gp2 => self.gp2,
            Price::Gp3 => self.gp3,
            Price::Io1 | Price::Io2 => self.io,
            Price::St1 => self.st1,
            Price::Sc1 => self.sc1,
            Price::Standard => self.standard,
            Price::ApplicationHour | Price::NetworkHour => self.load_balancer,
            Price::NatHour => self.nat,
            Price::Snapshot => self.snapshot,
            price => price.base(),
        }
    }
}

impl Price {
    /// The price with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|price| price.name() == name)
    }
}

/// The table, and the prices that override it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    own: BTreeMap<Price, f64>,
}

impl Prices {
    /// Reads `PRICES`, default none: a JSON object of prices that override the table.
    ///
    /// # Errors
    /// [`ConfigError`] if it is not a JSON object, a key is unknown, or a price is negative or not
    /// a number.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        const NAME: &str = "PRICES";
        let Some(text) = environment.get(NAME) else { return Ok(Self::default()) };
        let allowed = "a JSON object of prices in USD, such as {\"gp3\":0.08}";
        let map: Map<String, Value> =
            serde_json::from_str(text).map_err(|_| ConfigError::new(NAME, text, allowed))?;
        let price = |(key, value): (&String, &Value)| {
            let price = Price::parse(key).ok_or_else(|| {
                let names: Vec<_> = Price::ALL.iter().map(|price| price.name()).collect();
                format!("{allowed}: {key:?} is not one of {}", names.join(", "))
            })?;
            let usd = value.as_f64().filter(|usd| *usd >= 0.0);
            let usd = usd.ok_or_else(|| format!("{allowed}: {key} is not a number from 0"))?;
            Ok((price, usd))
        };
        let own = map.iter().map(price).collect::<Result<_, String>>();
        Ok(Self { own: own.map_err(|allowed| ConfigError::new(NAME, text, allowed))? })
    }

    /// A price in a region.
    #[must_use]
    pub fn of(&self, region: &str, price: Price) -> f64 {
        let listed = || {
            let row = REGIONS.iter().find(|row| row.region == region);
            row.map_or_else(|| price.base(), |row| row.price(price))
        };
        self.own.get(&price).copied().unwrap_or_else(listed)
    }

    /// An hourly price in a region, for a month.
    #[must_use]
    pub fn hourly(&self, region: &str, price: Price) -> f64 {
        self.of(region, price) * HOURS_PER_MONTH
    }

    /// The value of the fact `Prices`: `prices of us-east-1, August 2026`.
    #[must_use]
    pub fn described<'a>(&self, regions: impl IntoIterator<Item = &'a str>) -> String {
        let is_known = |region: &&str| {
            AS_BASE.contains(region) || REGIONS.iter().any(|row| row.region == *region)
        };
        let (mut known, unknown): (BTreeSet<_>, BTreeSet<_>) =
            regions.into_iter().partition(is_known);
        if !unknown.is_empty() || known.is_empty() {
            known.insert(BASE);
        }
        let list = |regions: BTreeSet<&str>| regions.into_iter().collect::<Vec<_>>().join(", ");
        let mut parts = vec![format!("prices of {}, {DATE}", list(known))];
        if !unknown.is_empty() {
            parts.push(format!("{} at the prices of {BASE}", list(unknown)));
        }
        if !self.own.is_empty() {
            let names: Vec<_> = self.own.keys().map(|price| price.name()).collect();
            parts.push(format!("{} from PRICES", names.join(", ")));
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Result<Prices, ConfigError> {
        Prices::from_environment(&[("PRICES", text)].into_iter().collect())
    }

    #[test]
    fn a_region_has_its_own_prices_or_those_of_us_east_1() {
        let prices = Prices::default();
        for (region, price, expected) in [
            ("us-east-1", Price::Gp3, 0.08),
            ("us-west-2", Price::NatHour, 0.045),
            ("eu-central-1", Price::Gp2, 0.10),
            ("eu-west-1", Price::Gp2, 0.11),
            ("us-west-1", Price::Snapshot, 0.055),
            ("ap-northeast-1", Price::Io1, 0.142),
            ("ap-northeast-1", Price::Io2, 0.142),
            ("ap-northeast-1", Price::Io2Iops, 0.065),
            ("ap-northeast-2", Price::Sc1, 0.0174),
            ("ap-northeast-2", Price::NatHour, 0.059),
            ("ap-southeast-1", Price::ApplicationHour, 0.0252),
            ("ap-southeast-1", Price::NetworkHour, 0.0252),
            ("ap-southeast-1", Price::GatewayHour, 0.0125),
            ("ap-southeast-1", Price::AddressHour, 0.005),
        ] {
            assert_eq!(Some(prices.of(region, price)), Some(expected), "{region} {}", price.name());
        }
        assert_eq!(Some(prices.hourly("us-east-1", Price::NatHour)), Some(0.045 * 730.0));
    }

    #[test]
    fn own_prices_come_before_the_table() {
        let prices = prices(r#"{"gp3": 0.05, "nat-hour": 0}"#).unwrap();
        assert_eq!(Some(prices.of("eu-west-1", Price::Gp3)), Some(0.05));
        assert_eq!(Some(prices.of("eu-west-1", Price::NatHour)), Some(0.0));
        assert_eq!(Some(prices.of("eu-west-1", Price::Gp2)), Some(0.11));
        let expected = "prices of eu-west-1, August 2026; gp3, nat-hour from PRICES";
        assert_eq!(prices.described(["eu-west-1"]), expected);
    }

    #[test]
    fn the_fact_names_the_regions_of_the_prices() {
        let prices = Prices::default();
        for (regions, expected) in [
            (&["us-east-1"][..], "prices of us-east-1, August 2026"),
            (&["us-west-2", "eu-west-1"], "prices of eu-west-1, us-west-2, August 2026"),
            (
                &["eu-central-1"],
                "prices of us-east-1, August 2026; eu-central-1 at the prices of us-east-1",
            ),
        ] {
            assert_eq!(prices.described(regions.iter().copied()), expected);
        }
    }

    #[test]
    fn errors_name_the_key() {
        let allowed = "a JSON object of prices in USD, such as {\"gp3\":0.08}";
        for (text, expected) in [
            ("[]", ""),
            ("gp3=1", ""),
            (r#"{"gp4":1}"#, ": \"gp4\" is not one of address-hour, gp2, gp3, "),
            (r#"{"gp3":-0.1}"#, ": gp3 is not a number from 0"),
            (r#"{"gp3":"0.1"}"#, ": gp3 is not a number from 0"),
        ] {
            let error = prices(text).unwrap_err().to_string();
            let start = format!("PRICES is {text:?}, but must be {allowed}{expected}");
            assert!(error.starts_with(&start), "{error}");
        }
        for price in Price::ALL {
            assert_eq!(Price::parse(price.name()), Some(*price));
        }
    }
}
