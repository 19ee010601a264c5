//! Parses an expression such as `Mon-Fri 09:00-19:00 Asia/Seoul`.

use jiff::civil::{Time, Weekday, time};
use jiff::tz::TimeZone;

use super::{Hours, Schedule, Window, day_number};

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

impl Schedule {
    /// Parses windows, separated by ` + `. The zone applies to all windows and may follow any of
    /// them; without one, it is `default_zone`.
    ///
    /// # Errors
    /// Why it is invalid.
    pub(crate) fn parse(text: &str, default_zone: &TimeZone) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut windows = Vec::new();
        let mut named: Option<TimeZone> = None;
        for part in words.split(|word| *word == "+") {
            let (days, hours, zone) = match *part {
                [days, hours] => (days, hours, None),
                [days, hours, zone] => (days, hours, Some(zone)),
                _ => return Err("it has not the form `Mon-Fri 09:00-19:00 Asia/Seoul`".to_owned()),
            };
            windows.push(window(days, hours)?);
            if let Some(name) = zone {
                let zone =
                    parse_zone(name).ok_or_else(|| format!("`{name}` is not a time zone"))?;
                if named.as_ref().is_some_and(|other| *other != zone) {
                    return Err("it has two time zones".to_owned());
                }
                named = Some(zone);
            }
        }
        let zone = named.unwrap_or_else(|| default_zone.clone());
        Ok(Self { text: words.join(" "), zone, hours: Hours::Weekly(windows) })
    }
}

/// A zone of the tz database, in any case.
pub(crate) fn parse_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some() && !zone.is_unknown())
}

fn window(days: &str, hours: &str) -> Result<Window, String> {
    let wrong_hours = || format!("`{hours}` are not hours such as 09:00-19:00");
    let (start, end) = hours.split_once('-').ok_or_else(wrong_hours)?;
    let midnight = time(0, 0, 0, 0);
    let start = parse_time(start).ok_or_else(wrong_hours)?;
    // A window of 24 hours is `00:00-24:00`.
    let (end, ends_at_midnight) = match end {
        "24:00" => (midnight, true),
        end => (parse_time(end).ok_or_else(wrong_hours)?, false),
    };
    if start == end && !ends_at_midnight {
        return Err(format!("`{hours}` start and end at the same time"));
    }
    let days = parse_days(days).ok_or_else(|| format!("`{days}` are not days such as Mon-Fri"))?;
    Ok(Window { days, start, end, ends_next_day: ends_at_midnight || end < start })
}

/// Two digits, a colon and two digits.
fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_number)
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).ok()
}

/// Days and ranges of days, separated by slashes: `Mon/Wed-Fri`.
fn parse_days(text: &str) -> Option<[bool; 7]> {
    let day = |name: &str| {
        let known = DAYS.iter().find(|(day, _)| day.eq_ignore_ascii_case(name));
        known.map(|(_, day)| day_number(*day))
    };
    let mut days = [false; 7];
    for part in text.split('/') {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(part)?, day(part)?),
        };
        // Fri-Mon continues after Sunday.
        let length = (last + 7 - first) % 7;
        for number in first..=first + length {
            days[number % 7] = true;
        }
    }
    Some(days)
}
