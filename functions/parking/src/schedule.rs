//! Schedules: windows of local time in which machines are on.

mod parse;
#[cfg(test)]
mod tests;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::holidays::Holidays;

pub(crate) use parse::parse_zone;

/// How far back windows are searched for, first for the schedule of a usual week. A longer window, or a
/// longer time without one, has no beginning.
const LOOK_BACK: [SignedDuration; 2] =
    [SignedDuration::from_hours(9 * 24), SignedDuration::from_hours(400 * 24)];

/// A schedule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    /// The text as written.
    pub(crate) text: String,
    pub(crate) zone: TimeZone,
    hours: Hours,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hours {
    Always,
    Never,
    Weekly(Vec<Window>),
}

/// A time of day, on some days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    /// The days, starting with Monday.
    days: [bool; 7],
    start: Time,
    end: Time,
    ends_next_day: bool,
}

/// A period in which machines are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Timestamp,
    /// Exclusive.
    pub(crate) end: Timestamp,
}

/// Whether machines are on, and since when; `None`: always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    On { since: Option<Timestamp> },
    Off { since: Option<Timestamp> },
}

impl Schedule {
    pub(crate) fn always(zone: TimeZone) -> Self {
        Self { text: "always".to_owned(), zone, hours: Hours::Always }
    }

    pub(crate) fn never(zone: TimeZone) -> Self {
        Self { text: "never".to_owned(), zone, hours: Hours::Never }
    }

    /// The name of its time zone.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The periods from `from` to `to` in which machines are on, in order. Periods that touch or
    /// overlap are merged.
    fn spans(&self, holidays: &Holidays, from: Timestamp, to: Timestamp) -> Vec<Span> {
        let Hours::Weekly(windows) = &self.hours else { return Vec::new() };
        let date = |time: Timestamp| time.to_zoned(self.zone.clone()).date();
        // A window ends at most a day after the day on which it starts, or two days if a clock is
        // moved by a day.
        let first = date(from).saturating_sub(2.days());
        let last = date(to);
        let days = first.series(1.day()).take_while(|day| *day <= last);
        let mut spans: Vec<_> = days
            .filter(|day| !holidays.has(*day))
            .flat_map(|day| windows.iter().filter_map(move |window| window.on(day, &self.zone)))
            .collect();
        spans.sort_unstable_by_key(|span| span.start);
        let mut merged: Vec<Span> = Vec::new();
        for span in spans {
            match merged.last_mut() {
                Some(before) if span.start <= before.end => before.end = before.end.max(span.end),
                _ => merged.push(span),
            }
        }
        merged.retain(|span| from < span.end && span.start <= to);
        merged
    }

    /// Whether machines are on at `now`.
    pub(crate) fn phase(&self, holidays: &Holidays, now: Timestamp) -> Phase {
        match self.hours {
            Hours::Always => return Phase::On { since: None },
            Hours::Never => return Phase::Off { since: None },
            Hours::Weekly(_) => {}
        }
        let mut phase = Phase::Off { since: None };
        for look_back in LOOK_BACK {
            let horizon = now.checked_sub(look_back).unwrap_or(Timestamp::MIN);
            phase = match self.spans(holidays, horizon, now).last() {
                Some(span) if now < span.end => {
                    Phase::On { since: Some(span.start).filter(|start| *start > horizon) }
                }
                Some(span) => Phase::Off { since: Some(span.end) },
                None => Phase::Off { since: None },
            };
            if let Phase::On { since: Some(_) } | Phase::Off { since: Some(_) } = phase {
                break;
            }
        }
        phase
    }

    /// The changes after `from` and before `to`, each with whether machines are on afterwards.
    pub(crate) fn transitions(
        &self,
        holidays: &Holidays,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(Timestamp, bool)> {
        let spans = self.spans(holidays, from, to).into_iter();
        let changes = spans.flat_map(|span| [(span.start, true), (span.end, false)]);
        changes.filter(|(at, _)| from < *at && *at < to).collect()
    }
}

impl Window {
    /// The window that starts on `day`. `None` on other days of the week, and if moving the clock
    /// forward leaves nothing of it.
    fn on(&self, day: Date, zone: &TimeZone) -> Option<Span> {
        if !self.days[day_number(day.weekday())] {
            return None;
        }
        // A time that does not exist is moved forward by the gap, and the first one is used if a
        // time occurs twice: jiff's "compatible".
        let at =
            |day: Date, time: Time| Some(zone.to_zoned(day.to_datetime(time)).ok()?.timestamp());
        let last = if self.ends_next_day { day.tomorrow().ok()? } else { day };
        let span = Span { start: at(day, self.start)?, end: at(last, self.end)? };
        (span.start < span.end).then_some(span)
    }
}

/// From Monday, 0.
fn day_number(day: Weekday) -> usize {
    usize::try_from(day.to_monday_zero_offset()).unwrap_or_default()
}
