//! Explains when a schedule is on, without calling any service.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Rules;
use crate::error::HandlerError;
use crate::schedule::Phase;

/// The schedule, the start, and the number of days.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    explain: String,
    from: Option<String>,
    days: Option<i64>,
}

/// The answer to a request to explain; `None` if the event is not one.
///
/// # Errors
/// [`HandlerError::InvalidRequest`]
pub(crate) fn answer(
    event: &[u8],
    rules: &Rules,
    now: Timestamp,
) -> Option<Result<Value, HandlerError>> {
    let event: Value = serde_json::from_slice(event).ok()?;
    event.get("explain")?;
    Some(explained(event, rules, now).map_err(HandlerError::InvalidRequest))
}

fn explained(event: Value, rules: &Rules, now: Timestamp) -> Result<Value, String> {
    let request = Request::deserialize(event).map_err(|error| error.to_string())?;
    let schedule = rules.schedules.find(&request.explain)?;
    let days = request.days.unwrap_or(7);
    if !(1..=60).contains(&days) {
        return Err(format!("`days` is {days}, but must be a whole number from 1 to 60"));
    }
    let from = match request.from {
        Some(text) => text.parse().map_err(|_| {
            format!("`from` is {text:?}, but must be a time such as 2026-03-06T00:00:00Z")
        })?,
        None => now,
    };
    let to = from.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
    let name = |is_on| if is_on { "on" } else { "off" };
    let transition = |(at, is_on): (Timestamp, bool)| {
        let local = at.to_zoned(schedule.zone.clone());
        let local = local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        json!({"at": at.to_string(), "local": local, "state": name(is_on)})
    };
    let transitions = schedule.transitions(&rules.holidays, from, to).into_iter();
    Ok(json!({
        "expression": schedule.text,
        "zone": schedule.zone_name(),
        "state": name(matches!(schedule.phase(&rules.holidays, from), Phase::On { .. })),
        "transitions": transitions.map(transition).collect::<Vec<_>>(),
    }))
}
