//! Shared code of the cost functions: [`Prices`], money as text, protected resources ([`Keep`]),
//! failed reads ([`NotRead`]), the time limit of calls ([`CallTime`]) and the size of a notice
//! ([`shortened`]).

mod call_time;
#[cfg(feature = "cost-explorer")]
mod explorer;
mod keep;
mod money;
mod not_read;
mod prices;
mod shortened;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

pub use call_time::CallTime;
#[cfg(feature = "cost-explorer")]
pub use explorer::{
    Amount, COST_EXPLORER, CostError, CostExplorer, CostQuery, CostRequests, Costs, amount, invalid,
};
pub use keep::{Keep, tag_key};
pub use money::{cents, exact, usd};
pub use not_read::{NotRead, Unread};
pub use prices::{HOURS_PER_MONTH, Price, Prices};
pub use shortened::shortened;

/// The variables of cost functions that have prices and protect resources.
pub const VARIABLES: &[&str] = &["PRICES", "KEEP_TAG"];

/// Returns the account in a function's ARN, `arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME`.
#[must_use]
pub fn account(function_arn: &str) -> &str {
    function_arn.split(':').nth(4).unwrap_or_default()
}

/// Whether an event asks for a dry run: its member `dryRun`, however its name is written. Nobody who writes
/// `dry_run` expects that something is changed.
///
/// # Errors
/// Where it is not `true` or `false`.
pub fn asks_dry_run(event: &Map<String, Value>) -> Result<bool, &'static str> {
    let is_name = |name: &str| name.replace(['_', '-'], "").eq_ignore_ascii_case("dryrun");
    let mut values = event.iter().filter(|(name, _)| is_name(name));
    values.try_fold(false, |is_dry_run, (_, value)| {
        let value = value.as_bool().ok_or("dryRun is not true or false")?;
        Ok(is_dry_run || value)
    })
}

/// A year: a time further away cannot be that of a run.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Returns when the schedule of a run fired, according to its event: a retry has the same time and
/// publishes the same notice. `now` for a time that cannot be that of a run, such as 1970 in the
/// sample event of Lambda's console: otherwise, different runs would publish the same notice.
#[must_use]
pub fn fired(time: Option<Timestamp>, now: Timestamp) -> Timestamp {
    time.filter(|time| now.duration_since(*time).abs() <= MAX_AGE).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_fired_at_the_time_of_its_event() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = time("2026-11-28T12:00:00Z");
        for (at, is_taken) in [
            ("2026-11-28T11:59:00Z", true),
            ("2026-11-30T00:00:00Z", true),
            ("2025-11-27T12:00:00Z", true),
            ("2025-11-27T11:59:59Z", false),
            ("1970-01-01T00:00:00Z", false),
        ] {
            let expected = if is_taken { time(at) } else { now };
            assert_eq!(fired(Some(time(at)), now), expected, "{at}");
        }
        assert_eq!(fired(None, now), now);
    }

    #[test]
    fn a_dry_run_is_asked_for_in_every_way_of_writing() {
        for (event, expected) in [
            ("{}", Ok(false)),
            (r#"{"dryRun":true}"#, Ok(true)),
            (r#"{"dryRun":false,"other":true}"#, Ok(false)),
            (r#"{"dry_run":true}"#, Ok(true)),
            (r#"{"DRY-RUN":true}"#, Ok(true)),
            (r#"{"DryRun":true,"dryRun":false}"#, Ok(true)),
            (r#"{"dryrun":"true"}"#, Err("dryRun is not true or false")),
            (r#"{"dryRun":null}"#, Err("dryRun is not true or false")),
        ] {
            let map = serde_json::from_str(event).unwrap();
            assert_eq!(asks_dry_run(&map), expected, "{event}");
        }
    }

    #[test]
    fn the_account_is_in_the_functions_arn() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:idle-resources:live";
        assert_eq!(account(arn), "123456789012");
        assert_eq!(account(""), "");
    }
}
