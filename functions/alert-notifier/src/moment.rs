//! Times and durations as text.

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) use shared::time::duration;

/// Parses a time with any offset, `+0000` as in alarms included, and returns milliseconds since 1970.
pub(crate) fn parse_ms(text: &str) -> Option<u64> {
    u64::try_from(text.trim().parse::<Timestamp>().ok()?.as_millisecond()).ok()
}

/// Returns a time in UTC and in `zone`: `2019-10-02 17:04:40 UTC (2019-10-03 02:04:40 KST)`. Empty
/// if it is out of the range of the calendar.
pub(crate) fn shown(at_ms: u64, zone: &TimeZone) -> String {
    let Some(moment) = timestamp(at_ms) else { return String::new() };
    let utc = moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    if *zone == TimeZone::UTC {
        return utc;
    }
    let local = moment.to_zoned(zone.clone());
    format!("{utc} ({})", local.strftime("%Y-%m-%d %H:%M:%S %Z"))
}

/// Returns the time of day in `zone`: `02:04:40`.
pub(crate) fn time_of_day(at_ms: u64, zone: &TimeZone) -> String {
    let local = timestamp(at_ms).map(|moment| moment.to_zoned(zone.clone()));
    local.map_or_else(String::new, |local| local.strftime("%H:%M:%S").to_string())
}

fn timestamp(at_ms: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_utc_and_the_zone() {
        // 2019-10-02T17:04:40.989Z
        let at_ms = 1_570_035_880_989;
        for (zone, expected) in [
            ("UTC", "2019-10-02 17:04:40 UTC"),
            ("Asia/Seoul", "2019-10-02 17:04:40 UTC (2019-10-03 02:04:40 KST)"),
            ("Europe/Berlin", "2019-10-02 17:04:40 UTC (2019-10-02 19:04:40 CEST)"),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(shown(at_ms, &zone), expected);
            assert_eq!(shown(u64::MAX, &zone), "");
        }
        // Winter time.
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(time_of_day(1_577_836_800_000, &berlin), "01:00:00");
    }
}
