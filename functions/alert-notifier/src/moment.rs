//! When something was, and for how long, as a person reads it.

use jiff::tz::TimeZone;

/// A time zone by its IANA name, such as `Asia/Seoul`.
#[must_use]
pub fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok()
}

/// A moment in UTC and in `zone`, where that is another: `2019-10-02 17:04:40 UTC (2019-10-03
/// 02:04:40 KST)`. Empty where no calendar has it.
#[must_use]
pub fn shown(at_ms: u64, zone: &TimeZone) -> String {
    let Some(moment) = timestamp(at_ms) else { return String::new() };
    let utc = moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    if *zone == TimeZone::UTC {
        return utc;
    }
    let local = moment.to_zoned(zone.clone());
    format!("{utc} ({})", local.strftime("%Y-%m-%d %H:%M:%S %Z"))
}

/// The time of day in `zone`: `02:04:40`.
#[must_use]
pub fn time_of_day(at_ms: u64, zone: &TimeZone) -> String {
    let local = timestamp(at_ms).map(|moment| moment.to_zoned(zone.clone()));
    local.map_or_else(String::new, |local| local.strftime("%H:%M:%S").to_string())
}

fn timestamp(at_ms: u64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()
}

/// The two largest units of a duration: `2 h 5 min`.
#[must_use]
pub fn duration(seconds: u64) -> String {
    let units = [("d", 86_400, u64::MAX), ("h", 3_600, 24), ("min", 60, 60), ("s", 1, 60)];
    let parts: Vec<(u64, &str)> =
        units.iter().map(|(unit, length, wrap)| (seconds / length % wrap, *unit)).collect();
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(parts.len() - 1);
    let shown = parts[first..].iter().take(2).enumerate();
    let shown = shown.filter(|(at, (count, _))| *at == 0 || *count > 0);
    shown.map(|(_, (count, unit))| format!("{count} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_in_utc_and_in_the_teams_zone() {
        // 2019-10-02T17:04:40.989Z
        let at_ms = 1_570_035_880_989;
        assert_eq!(shown(at_ms, &TimeZone::UTC), "2019-10-02 17:04:40 UTC");
        assert_eq!(shown(at_ms, &time_zone("UTC").unwrap()), "2019-10-02 17:04:40 UTC");
        let seoul = time_zone("Asia/Seoul").unwrap();
        assert_eq!(shown(at_ms, &seoul), "2019-10-02 17:04:40 UTC (2019-10-03 02:04:40 KST)");
        // In summer, and in winter.
        let berlin = time_zone("Europe/Berlin").unwrap();
        assert_eq!(shown(at_ms, &berlin), "2019-10-02 17:04:40 UTC (2019-10-02 19:04:40 CEST)");
        assert_eq!(time_of_day(1_577_836_800_000, &berlin), "01:00:00");
        assert_eq!(time_zone("Asia/Soul"), None);
        assert_eq!(time_zone(""), None);
        assert_eq!(shown(u64::MAX, &berlin), "");
    }

    #[test]
    fn a_duration_has_its_two_largest_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (125, "2 min 5 s"),
            (3_605, "1 h"),
            (7_500, "2 h 5 min"),
            (90_000, "1 d 1 h"),
            (40 * 86_400, "40 d"),
        ] {
            assert_eq!(duration(seconds), expected);
        }
    }
}
