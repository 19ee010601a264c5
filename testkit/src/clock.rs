//! Times in fixtures, which are relative to the time of the schedule.

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::now_ms;

const SIX_HOURS: i64 = 6 * 3_600;

/// The last 06:00 or 18:00 UTC: recent enough to be accepted, and not just after midnight, when
/// alarms are repeated.
#[must_use]
pub fn schedule() -> Timestamp {
    let now = i64::try_from(now_ms() / 1_000).unwrap();
    Timestamp::from_second((now - SIX_HOURS).div_euclid(12 * 3_600) * 12 * 3_600 + SIX_HOURS)
        .unwrap()
}

/// The event of the schedule at this time.
#[must_use]
pub fn scheduled(event: &[u8], now: Timestamp) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(event).unwrap();
    if event["time"].is_string() {
        event["time"] = now.to_string().into();
    }
    event.to_string().into_bytes()
}

/// Replaces times in a text: `<-90>` is 90 minutes before now in RFC 3339, `<sql -90>` the same as
/// a statement writes it, `<epoch -90>` as BigQuery writes it in results, and `<ms -90>` in
/// milliseconds since 1970.
#[must_use]
pub fn with_times(text: &str, now: Timestamp) -> String {
    let mut parts = text.split('<');
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let (token, rest) = part.split_once('>').unwrap_or(("", part));
        let (form, minutes) = token.split_once(' ').unwrap_or(("", token));
        let Ok(minutes) = minutes.parse::<i64>() else {
            out.push('<');
            out.push_str(part);
            continue;
        };
        let time = now + minutes.minutes();
        let shown = match form {
            "sql" => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "ms" => time.as_millisecond().to_string(),
            "epoch" => format!("{:E}", time.as_duration().as_secs_f64()),
            _ => time.to_string(),
        };
        out.push_str(&shown);
        out.push_str(rest);
    }
    out
}
