use jiff::civil::{date, datetime};

use super::parse::parse_zone;
use super::*;

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text, &TimeZone::UTC).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The changes of a schedule, as local times with the state.
fn changes(text: &str, holidays: &str, from: &str, days: i64) -> Vec<String> {
    let (schedule, holidays) = (schedule(text), Holidays::parse(holidays).unwrap());
    let from = from.parse::<Timestamp>().unwrap();
    let to = from + SignedDuration::from_hours(24 * days);
    let local = |(at, is_on): (Timestamp, bool)| {
        let local = at.to_zoned(schedule.zone.clone()).strftime("%a %d %H:%M%:z").to_string();
        format!("{local} {}", if is_on { "on" } else { "off" })
    };
    schedule.transitions(&holidays, from, to).into_iter().map(local).collect()
}

#[test]
fn windows_are_of_the_day_on_which_they_start() {
    for (text, holidays, from, days, expected) in [
        (
            "Mon-Fri 09:00-19:00 Asia/Seoul",
            "",
            "2026-03-06T00:00:00Z",
            4,
            &["Fri 06 19:00+09:00 off", "Mon 09 09:00+09:00 on", "Mon 09 19:00+09:00 off"][..],
        ),
        // Over midnight and the weekend, in any letter case, with another default zone.
        (
            "fri-mon 22:00-02:00",
            "",
            "2026-03-05T12:00:00Z",
            3,
            &[
                "Fri 06 22:00+00:00 on",
                "Sat 07 02:00+00:00 off",
                "Sat 07 22:00+00:00 on",
                "Sun 08 02:00+00:00 off",
            ],
        ),
        // A holiday has no window; that of the day before continues.
        (
            "Mon-Sun 22:00-02:00",
            "2026-03-07",
            "2026-03-06T12:00:00Z",
            3,
            &[
                "Fri 06 22:00+00:00 on",
                "Sat 07 02:00+00:00 off",
                "Sun 08 22:00+00:00 on",
                "Mon 09 02:00+00:00 off",
            ],
        ),
        // Windows that touch or overlap are merged.
        (
            "Mon 09:00-12:00 + Mon 12:00-13:00 + Mon 12:30-24:00 + Tue 00:00-01:00 UTC",
            "",
            "2026-03-08T00:00:00Z",
            4,
            &["Mon 09 09:00+00:00 on", "Tue 10 01:00+00:00 off"],
        ),
        (
            "Mon/Wed 09:00-10:00",
            "03-09",
            "2026-03-08T00:00:00Z",
            4,
            &["Wed 11 09:00+00:00 on", "Wed 11 10:00+00:00 off"],
        ),
        ("Mon-Sun 00:00-24:00", "", "2026-03-08T00:00:00Z", 60, &[]),
    ] {
        assert_eq!(changes(text, holidays, from, days), expected, "{text}");
    }
}

#[test]
fn clocks_that_are_moved() {
    for (text, from, expected) in [
        // 02:30 does not exist and becomes 03:30.
        (
            "Sun 02:30-05:00 Europe/Berlin",
            "2026-03-28T12:00:00Z",
            &["Sun 29 03:30+02:00 on", "Sun 29 05:00+02:00 off"][..],
        ),
        // Nothing is left of it.
        ("Sun 02:00-03:00 Europe/Berlin", "2026-03-28T12:00:00Z", &[]),
        // 02:30 occurs twice; the first one is used.
        (
            "Sun 02:30-02:45 Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["Sun 25 02:30+02:00 on", "Sun 25 02:45+02:00 off"],
        ),
        (
            "Sun 01:00-02:30 Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["Sun 25 01:00+02:00 on", "Sun 25 02:30+02:00 off"],
        ),
        // Midnight does not exist: an end at 24:00 is also at 01:00.
        (
            "Thu 20:00-24:00 + Fri 00:00-08:00 Africa/Cairo",
            "2026-04-23T12:00:00Z",
            &["Thu 23 20:00+02:00 on", "Fri 24 08:00+03:00 off"],
        ),
        // By half an hour.
        (
            "Sun 02:15-03:00 Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            &["Sun 04 02:45+11:00 on", "Sun 04 03:00+11:00 off"],
        ),
    ] {
        assert_eq!(changes(text, "", from, 1), expected, "{text}");
    }
    // A whole day that did not exist.
    let schedule = schedule("Fri 09:00-17:00 Pacific/Apia");
    let spans = schedule.spans(
        &Holidays::default(),
        at("2011-12-29T00:00:00Z"),
        at("2012-01-02T00:00:00Z"),
    );
    let zone = parse_zone("Pacific/Apia").unwrap();
    let local =
        |hour| datetime(2011, 12, 31, hour, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
    assert_eq!(spans, [Span { start: local(9), end: local(17) }]);
}

#[test]
fn a_phase_has_a_beginning() {
    let holidays = Holidays::default();
    let phase = |text: &str, now: &str| schedule(text).phase(&holidays, at(now));
    let office = "Mon-Fri 09:00-19:00";
    let on = |since: &str| Phase::On { since: Some(at(since)) };
    let off = |since: &str| Phase::Off { since: Some(at(since)) };
    assert_eq!(phase(office, "2026-03-06T09:00:00Z"), on("2026-03-06T09:00:00Z"));
    assert_eq!(phase(office, "2026-03-06T18:59:59Z"), on("2026-03-06T09:00:00Z"));
    assert_eq!(phase(office, "2026-03-06T19:00:00Z"), off("2026-03-06T19:00:00Z"));
    assert_eq!(phase(office, "2026-03-09T08:59:59Z"), off("2026-03-06T19:00:00Z"));
    assert_eq!(phase("Mon-Sun 00:00-24:00", "2026-03-06T19:00:00Z"), Phase::On { since: None });
    let closed = Holidays::parse("2026-03-02").unwrap();
    let all_week = schedule("Mon-Sun 00:00-24:00").phase(&closed, at("2026-03-06T19:00:00Z"));
    assert_eq!(all_week, on("2026-03-03T00:00:00Z"));
    let now = at("2026-03-06T19:00:00Z");
    assert_eq!(Schedule::always(TimeZone::UTC).phase(&holidays, now), Phase::On { since: None });
    assert_eq!(Schedule::never(TimeZone::UTC).phase(&holidays, now), Phase::Off { since: None });
    // At the ends of time.
    for now in [Timestamp::MIN, Timestamp::MAX] {
        assert!(matches!(schedule(office).phase(&holidays, now), Phase::Off { .. }));
    }
}

#[test]
fn what_is_wrong_with_an_expression_is_named() {
    let hours = |hours: &str| format!("`{hours}` are not hours such as 09:00-19:00");
    let form = "it has not the form `Mon-Fri 09:00-19:00 Asia/Seoul`";
    for (text, problem) in [
        ("", form.to_owned()),
        ("Mon-Fri", form.to_owned()),
        ("Mon-Fri 09:00-19:00 + ", form.to_owned()),
        ("Mon-Fri 09:00 - 19:00", form.to_owned()),
        ("Mon 09:00-19:00+Tue 09:00-19:00", hours("09:00-19:00+Tue")),
        ("Mon-Fri 9:00-19:00", hours("9:00-19:00")),
        ("Mon-Fri 24:00-19:00", hours("24:00-19:00")),
        ("Mon-Fri 09:00-24:01", hours("09:00-24:01")),
        ("Mon-Fri 09:60-19:00", hours("09:60-19:00")),
        ("Mon-Fri +9:00-19:00", hours("+9:00-19:00")),
        ("Mon-Fri 09:00", hours("09:00")),
        ("Mon-Fri 09:00-09:00", "`09:00-09:00` start and end at the same time".to_owned()),
        ("Mon-Fri 00:00-00:00", "`00:00-00:00` start and end at the same time".to_owned()),
        ("Mo-Fr 09:00-19:00", "`Mo-Fr` are not days such as Mon-Fri".to_owned()),
        ("Mon,Fri 09:00-19:00", "`Mon,Fri` are not days such as Mon-Fri".to_owned()),
        ("Mon- 09:00-19:00", "`Mon-` are not days such as Mon-Fri".to_owned()),
        ("Mon 09:00-19:00 Asia/Soul", "`Asia/Soul` is not a time zone".to_owned()),
        ("Mon 09:00-19:00 UTC + Tue 09:00-19:00 Asia/Seoul", "it has two time zones".to_owned()),
    ] {
        assert_eq!(Schedule::parse(text, &TimeZone::UTC), Err(problem), "{text}");
    }
}

const SEED: u64 = 20_240_301;
const CASES: usize = 20;

/// Minutes since 1970.
fn minute(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

/// The minutes of two years in a zone, and of a week around them.
struct Clock {
    zone: TimeZone,
    /// The first minute in UTC, from which minutes are counted.
    first: i64,
    /// The local time of each minute, as if it were UTC.
    local: Vec<i64>,
    /// The first minute with each local time, starting with the local time of the first minute.
    by_local: Vec<Option<i64>>,
}

impl Clock {
    fn new(name: &str, year: i16) -> Self {
        let zone = parse_zone(name).unwrap();
        let utc = |date: Date| minute(date.to_zoned(TimeZone::UTC).unwrap().timestamp());
        let first = utc(date(year, 1, 1)) - 7 * 1_440;
        let minutes = utc(date(year + 2, 1, 1)) + 7 * 1_440 - first;
        let offset = |minute: i64| {
            let time = Timestamp::from_second(minute * 60).unwrap();
            i64::from(zone.to_offset(time).seconds()).div_euclid(60)
        };
        // Clocks are only moved at full quarters of an hour.
        let quarters = (0..minutes).step_by(15);
        let local: Vec<_> = quarters
            .flat_map(|quarter| {
                let moved = first + quarter + offset(first + quarter);
                moved..moved + 15
            })
            .collect();
        let mut by_local = vec![None; local.len() + 3_000];
        for (number, time) in (0..).zip(&local) {
            let place = usize::try_from(time - local[0]).unwrap();
            by_local[place].get_or_insert(number);
        }
        Self { zone, first, local, by_local }
    }

    /// The minute of a local time: the first one that has it, or, in a gap, as long after the last
    /// minute before the gap as the clocks say.
    fn when(&self, local: i64) -> Option<i64> {
        let place = usize::try_from(local - self.local[0]).ok()?;
        let (before, minute) =
            (0..=place).rev().find_map(|place| Some((place, (*self.by_local.get(place)?)?)))?;
        Some(minute + i64::try_from(place - before).unwrap())
    }

    /// Whether each minute is in a window, which is looked up day by day and marked minute by minute.
    fn marked(&self, windows: &[([bool; 7], i64, i64)], holidays: &Holidays) -> Vec<bool> {
        let mut is_on = vec![false; self.local.len()];
        let mut day =
            Timestamp::from_second(self.local[0] * 60).unwrap().to_zoned(TimeZone::UTC).date();
        while let Some(midnight) = Some(minute(day.to_zoned(TimeZone::UTC).unwrap().timestamp()))
            .filter(|midnight| midnight - self.local[0] < i64::try_from(self.local.len()).unwrap())
        {
            let weekday = day_number(day.weekday());
            for (days, start, end) in windows {
                let (Some(start), Some(end)) =
                    (self.when(midnight + start), self.when(midnight + end))
                else {
                    continue;
                };
                if days[weekday] && !holidays.has(day) {
                    let range =
                        usize::try_from(start).unwrap()..usize::try_from(end.max(start)).unwrap();
                    for minute in range {
                        if let Some(minute) = is_on.get_mut(minute) {
                            *minute = true;
                        }
                    }
                }
            }
            day = day.tomorrow().unwrap();
        }
        is_on
    }
}

/// A random window as text, and as days, start and end in minutes of the day.
fn random_window(random: &mut fastrand::Rng) -> (String, ([bool; 7], i64, i64)) {
    const NAMES: [&str; 7] = ["Mon", "tue", "WED", "Thu", "Fri", "sat", "Sun"];
    let mut days = [false; 7];
    let parts: Vec<_> = (0..random.usize(1..=3))
        .map(|_| {
            let (first, length) = (random.usize(0..7), random.usize(0..7));
            (first..=first + length).for_each(|day| days[day % 7] = true);
            match length {
                0 => NAMES[first].to_owned(),
                length => format!("{}-{}", NAMES[first], NAMES[(first + length) % 7]),
            }
        })
        .collect();
    // More often around midnight and the hours at which clocks are moved than elsewhere.
    let mut time = || match random.u8(0..4) {
        0 => random.i64(0..1_440),
        1 => random.i64(0..14) * 15,
        2 => 0,
        _ => random.i64(0..24) * 60,
    };
    let (start, mut end) = (time(), time());
    let shown = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
    let mut text = shown(end);
    if end == 0 {
        (text, end) = ("24:00".to_owned(), 1_440);
    } else if end == start {
        end = (start + 1) % 1_440;
        text = shown(end);
    }
    if end <= start && end != 1_440 {
        end += 1_440;
    }
    if text == "00:00" {
        // 23:59 and a minute later.
        text = "24:00".to_owned();
    }
    (format!("{} {}-{text}", parts.join("/"), shown(start)), (days, start, end))
}

/// The ranges of minutes that are on, in a range.
fn ranges(is_on: &[bool], within: std::ops::Range<usize>) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for minute in within.filter(|minute| is_on[*minute]) {
        match ranges.last_mut() {
            Some((_, end)) if *end == minute => *end += 1,
            _ => ranges.push((minute, minute + 1)),
        }
    }
    ranges
}

#[test]
fn a_schedule_equals_a_look_at_every_minute_of_two_years() {
    println!("seed {SEED}");
    let mut random = fastrand::Rng::with_seed(SEED);
    let clocks: Vec<_> = [
        ("Europe/Berlin", 2026),
        ("America/New_York", 2026),
        // By half an hour.
        ("Australia/Lord_Howe", 2026),
        // Offsets of half an hour and three quarters.
        ("Asia/Kolkata", 2026),
        ("Pacific/Chatham", 2026),
        // Changes at midnight.
        ("Africa/Cairo", 2026),
        ("America/Santiago", 2026),
        ("Asia/Beirut", 2026),
        ("America/Havana", 2026),
        // Four changes a year.
        ("Africa/Casablanca", 2026),
        // A day that does not exist.
        ("Pacific/Apia", 2011),
        ("UTC", 2026),
    ]
    .into_iter()
    .map(|(name, year)| Clock::new(name, year))
    .collect();
    for case in 0..CASES {
        let clock = &clocks[case % clocks.len()];
        let windows: Vec<_> =
            (0..random.usize(1..=3)).map(|_| random_window(&mut random)).collect();
        let text: Vec<_> = windows.iter().map(|(text, _)| text.clone()).collect();
        let text = format!("{} {}", text.join(" + "), clock.zone.iana_name().unwrap());
        let holidays = Holidays::parse(["", "12-25,03-29", "2026-07-06,01-01"][case % 3]).unwrap();
        let windows: Vec<_> = windows.into_iter().map(|(_, window)| window).collect();
        let is_on = clock.marked(&windows, &holidays);

        let schedule = schedule(&text);
        let time = |number: usize| {
            let minute = clock.first + i64::try_from(number).unwrap();
            Timestamp::from_second(minute * 60).unwrap()
        };
        // Without the week around.
        let (from, to) = (7 * 1_440, is_on.len() - 7 * 1_440);
        let number = |at: Timestamp| usize::try_from(minute(at) - clock.first).unwrap();
        let spans = schedule.spans(&holidays, time(from), time(to - 1));
        let found: Vec<_> = spans
            .iter()
            .map(|span| (number(span.start).max(from), number(span.end).min(to)))
            .collect();
        assert_eq!(found, ranges(&is_on, from..to), "{text}");
        for _ in 0..20 {
            let now = random.usize(from + 400 * 1_440..to);
            let before =
                (from..now).rev().take_while(|minute| is_on[*minute] == is_on[now]).count();
            let since = Some(time(now - before)).filter(|_| before < 399 * 1_440);
            let expected = if is_on[now] { Phase::On { since } } else { Phase::Off { since } };
            assert_eq!(schedule.phase(&holidays, time(now)), expected, "{text} at {}", time(now));
        }
    }
}
