//! Rules for idle resources and their costs: pure functions on the answers of the services, with a
//! module for each kind or for related kinds.

pub(crate) mod address;
pub(crate) mod bucket;
pub(crate) mod database;
pub(crate) mod instance;
pub(crate) mod load_balancer;
pub(crate) mod log_group;
pub(crate) mod nat_gateway;
pub(crate) mod snapshot;
pub(crate) mod volume;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil::Date};
use shared::aws::query::Element;
use shared::cost::{Keep, Price, Prices};

/// Bytes of a GiB.
const GIB: f64 = 1_073_741_824.0;

/// The tag with the day on which a resource was found idle.
pub(crate) const IDLE_SINCE: &str = "sluice:idle-since";

/// Maximum size or rate of a resource.
const MAX_AMOUNT: f64 = 1e9;

/// The tags of a resource.
pub(crate) type Tags = BTreeMap<String, String>;

/// The settings of the rules.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// `MIN_AGE_DAYS`, default 7: younger volumes and load balancers are not idle.
    pub(crate) min_age_days: i64,
    /// `IDLE_DAYS`, default 14: days without traffic or connections.
    pub(crate) idle_days: i64,
    /// `STOPPED_DAYS`, default 30: days since an instance was stopped.
    pub(crate) stopped_days: i64,
    /// `SNAPSHOT_DAYS`, default 180: age of snapshots and images.
    pub(crate) snapshot_days: i64,
    /// `OBJECT_DAYS`, default 180: age of objects.
    pub(crate) object_days: i64,
    /// `MIN_USD`, default 0.10: resources that cost less are left out.
    pub(crate) min_usd: f64,
    /// The table of prices, overridden by `PRICES`.
    pub(crate) prices: Prices,
    /// `KEEP_TAG`, default `sluice:keep`.
    pub(crate) keep: Keep,
    /// `SCHEDULE_TAG`, default `sluice:office-hours`: tag of resources that the function parking
    /// stops and starts.
    pub(crate) schedule_tag: String,
}

/// Where and when the rules apply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) region: &'a str,
    pub(crate) now: Timestamp,
}

/// An idle resource's cost and reason.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Idle {
    /// USD a month; NaN if it is not known.
    pub(crate) usd: f64,
    pub(crate) bound: Bound,
    pub(crate) why: String,
    /// Since when, if known: an RFC 3339 time or a day.
    pub(crate) since: Option<String>,
}

/// The precision of the cost of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Exactly,
    AtMost,
    AtLeast,
}

impl Scope<'_> {
    /// Whether a time is this number of days ago; an unknown time is not.
    pub(crate) fn is_older(&self, time: Option<Timestamp>, days: i64) -> bool {
        let age = SignedDuration::from_hours(24 * days);
        time.is_some_and(|time| self.now.duration_since(time) >= age)
    }

    pub(crate) fn price(&self, price: Price) -> f64 {
        self.rules.prices.of(self.region, price)
    }

    /// The price of an hour for a month.
    pub(crate) fn hourly(&self, price: Price) -> f64 {
        self.rules.prices.hourly(self.region, price)
    }

    /// The day in UTC.
    pub(crate) fn today(&self) -> Date {
        self.now.to_zoned(TimeZone::UTC).date()
    }

    pub(crate) fn is_kept(&self, tags: &Tags) -> bool {
        let tags = tags.iter().map(|(key, value)| (&**key, &**value));
        self.rules.keep.protects(tags, self.today())
    }

    /// Whether parking stops and starts a resource.
    fn is_parked(&self, tags: &Tags) -> bool {
        tags.contains_key(&self.rules.schedule_tag)
    }
}

/// A size or a rate of a resource. NaN if it is missing or implausible: a cost that depends on it
/// is then also NaN, and is reported as not read.
fn amount(element: &Element, path: &str) -> f64 {
    let amount = element.number(path).filter(|amount| (0.0..=MAX_AMOUNT).contains(amount));
    amount.unwrap_or(f64::NAN)
}

/// A time as AWS writes it.
pub(crate) fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// The day in the mark of a resource, if it is one.
pub(crate) fn marked(tags: &Tags) -> Option<Date> {
    let text = tags.get(IDLE_SINCE)?;
    text.parse().ok().filter(|day: &Date| day.to_string() == *text)
}

/// The day of a time, for people.
fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// A count of bytes in GiB.
#[expect(clippy::cast_precision_loss, reason = "an amount of money has no 53 bits")]
pub(crate) fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}

/// `1 object`, `2 objects`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn rules() -> Rules {
        Rules {
            min_age_days: 7,
            idle_days: 14,
            stopped_days: 30,
            snapshot_days: 180,
            object_days: 180,
            min_usd: 0.10,
            prices: Prices::default(),
            keep: Keep::from_environment(&shared::config::Environment::default()).unwrap(),
            schedule_tag: "sluice:office-hours".to_owned(),
        }
    }

    /// 2026-11-28T00:00:00Z in us-east-1.
    pub(crate) fn scope(rules: &Rules) -> Scope<'_> {
        Scope { rules, region: "us-east-1", now: "2026-11-28T00:00:00Z".parse().unwrap() }
    }

    pub(crate) fn tags(tags: &[(&str, &str)]) -> Tags {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// The amount and the bound, to the cent.
    pub(crate) fn cost(idle: Option<Idle>) -> Option<(String, Bound)> {
        idle.map(|idle| (format!("{:.4}", idle.usd), idle.bound))
    }

    #[test]
    fn a_mark_is_a_day() {
        for (value, expected) in [
            ("2026-11-01", Some("2026-11-01")),
            ("2026-11-31", None),
            ("20261101", None),
            ("", None),
        ] {
            let day = marked(&tags(&[(IDLE_SINCE, value)])).map(|day| day.to_string());
            assert_eq!(day.as_deref(), expected, "{value}");
        }
        assert_eq!(marked(&Tags::new()), None);
    }

    #[test]
    fn a_time_is_old_after_whole_days() {
        let rules = rules();
        let scope = scope(&rules);
        assert!(scope.is_older(time(Some("2026-11-21T00:00:00Z")), 7));
        assert!(!scope.is_older(time(Some("2026-11-21T00:00:01.000Z")), 7));
        assert!(!scope.is_older(time(Some("soon")), 0));
        assert!(!scope.is_older(None, 0));
        assert!(scope.is_parked(&tags(&[("sluice:office-hours", "never")])));
    }
}
