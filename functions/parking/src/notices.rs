//! The notice about a run.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared::cost::{NotRead, shortened};
use shared::notice::{Fact, Notice, State};
use shared::text::shown;

use crate::config::Rules;
use crate::outcome::{Entry, Outcome};
use crate::reported::Reported;

/// Duration of the override that the notice suggests.
const SUGGESTED: SignedDuration = SignedDuration::from_hours(4);

/// Maximum age of an event whose time is used.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Builds the notices of a process.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    failed: Reported,
    problems: Reported,
    event: OfEvent,
}

/// The first notice of each state about one event.
#[derive(Debug, Default)]
struct OfEvent {
    at: Timestamp,
    first: Vec<(State, Vec<Fact>)>,
}

impl OfEvent {
    /// The time of a notice. A retry that does the rest has the time of its event too, but it is not the same
    /// notice.
    fn time(&mut self, state: State, facts: &[Fact], place: Place<'_>) -> Timestamp {
        if self.at != place.at {
            *self = Self { at: place.at, first: Vec::new() };
        }
        let Some((_, first)) = self.first.iter().find(|(other, _)| *other == state) else {
            self.first.push((state, facts.to_vec()));
            return place.at;
        };
        if first == facts { place.at } else { place.now }
    }
}

/// The account, region and time of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// When the schedule fired.
    pub(crate) at: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) now_ms: u64,
}

/// When the schedule fired, according to the event: a retry has the same time. `None` if that is
/// not a time of the last day.
pub(crate) fn fired(event: &[u8], now: Timestamp) -> Option<Timestamp> {
    let event: Value = serde_json::from_slice(event).ok()?;
    let at: Timestamp = event.get("time")?.as_str()?.parse().ok()?;
    let age = now.duration_since(at);
    (!age.is_negative() && age <= MAX_AGE).then_some(at)
}

impl Notices {
    /// Forgets what a run reported whose notice was never published.
    pub(crate) fn forget(&mut self, at_ms: u64) {
        self.failed.forget(at_ms);
        self.problems.forget(at_ms);
    }

    /// The notice about a run; `None` if nothing was done and there are no new failures or
    /// problems. `notifies_changes` is `false` if only failures and problems are reported.
    pub(crate) fn of(
        &mut self,
        outcome: &Outcome,
        rules: &Rules,
        notifies_changes: bool,
        place: Place<'_>,
    ) -> Option<Notice> {
        // A list that could not be read is a failure.
        let list = |unread: &NotRead| format!("the list of {} in {}", unread.kind, unread.region);
        let lists = outcome.unread.entries();
        let unread = lists.iter().map(|unread| Entry {
            id: list(unread),
            label: list(unread),
            schedule: String::new(),
            note: unread.error.clone(),
            message: String::new(),
        });
        let failed: Vec<_> = outcome.failed.iter().cloned().chain(unread).collect();
        let all_read = lists.is_empty();
        let failed = self.failed.take_new(&failed, all_read, place.now_ms);
        let problems = self.problems.take_new(&outcome.problems, all_read, place.now_ms);
        let is_new = |unread: &&NotRead| failed.iter().any(|entry| entry.id == list(unread));
        let unread = lists.iter().filter(is_new);
        let unread: Vec<_> = unread
            .map(|NotRead { kind, region, error }| format!("{kind} in {region}: {error}"))
            .collect();
        let is_wrong = !failed.is_empty() || !problems.is_empty();
        let has_changed = !outcome.started.is_empty() || !outcome.stopped.is_empty();
        if !(is_wrong || has_changed && notifies_changes) {
            return None;
        }
        let (started, stopped) = (outcome.started.iter(), outcome.stopped.iter());
        let mut lines: Vec<_> = failed.iter().map(|entry| wrong("failed", entry)).collect();
        lines.extend(problems.iter().map(|entry| wrong("left alone", entry)));
        lines.extend(stopped.map(|entry| stopped_line(entry, rules, place.now)));
        lines.extend(started.map(|entry| format!("started {}", described(entry))));
        let labels = |entries: &mut dyn Iterator<Item = &Entry>| {
            entries.map(|entry| shown(&entry.label)).collect::<Vec<_>>().join(", ")
        };
        let facts = [
            ("Started", labels(&mut outcome.started.iter())),
            ("Stopped", labels(&mut outcome.stopped.iter())),
            ("Failed", labels(&mut failed.iter().copied())),
            ("Problems", labels(&mut problems.iter().copied())),
            ("Not read", unread.join("; ")),
        ];
        let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
        let facts: Vec<_> = facts.map(|(label, value)| Fact::new(label, value)).collect();
        let state = if is_wrong { State::Alarm } else { State::Info };
        let notice = Notice {
            source: "parking".to_owned(),
            kind: "parking".to_owned(),
            state,
            title: title(outcome, failed.len(), problems.len()),
            thread: format!("parking/{}/{}", place.account, place.region),
            at: self.event.time(state, &facts, place).to_string(),
            since: None,
            text: None,
            facts,
            lines,
            links: Vec::new(),
        };
        Some(shortened(notice, 0))
    }
}

/// `Started 2, stopped 3, failed 1, 2 problems`
fn title(outcome: &Outcome, failed: usize, problems: usize) -> String {
    let (started, stopped) = (outcome.started.len(), outcome.stopped.len());
    let mut title = format!("Started {started}, stopped {stopped}");
    if failed > 0 {
        title = format!("{title}, failed {failed}");
    }
    match problems {
        0 => title,
        1 => format!("{title}, 1 problem"),
        more => format!("{title}, {more} problems"),
    }
}

/// `i-1 (build), office`
fn described(entry: &Entry) -> String {
    let has_name = entry.label != entry.id;
    let name = if has_name { format!(" ({})", shown(&entry.label)) } else { String::new() };
    match &*entry.schedule {
        "" => format!("{}{name}", shown(&entry.id)),
        schedule => format!("{}{name}, {}", shown(&entry.id), shown(schedule)),
    }
}

fn wrong(what: &str, entry: &Entry) -> String {
    format!("{what} {}: {}", described(entry), shown(&entry.note))
}

fn stopped_line(entry: &Entry, rules: &Rules, now: Timestamp) -> String {
    let zone = rules.schedules.find(&entry.schedule).map(|schedule| schedule.zone);
    let until = now.checked_add(SUGGESTED).unwrap_or(now);
    let until = until.to_zoned(zone.unwrap_or(jiff::tz::TimeZone::UTC));
    let until = until.strftime("%Y-%m-%dT%H:%M%:z");
    let tag = &rules.override_tag;
    let start = match rules.keep.as_hours() {
        0 => String::new(),
        hours => format!("start it, which lasts {hours} h, or "),
    };
    format!("stopped {}; to keep it, {start}tag it {tag} = running until {until}", described(entry))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use shared::aws::CallFailure;

    use super::*;
    use crate::holidays::Holidays;
    use crate::schedules::Schedules;

    fn rules(keep: i64) -> Rules {
        let schedules = r#"{"office": "Mon-Fri 09:00-19:00 Asia/Seoul"}"#;
        Rules {
            schedule_tag: "hours".to_owned(),
            override_tag: "override".to_owned(),
            schedules: Schedules::parse(schedules, TimeZone::UTC).unwrap(),
            holidays: Holidays::default(),
            keep: SignedDuration::from_hours(keep),
        }
    }

    fn entry(id: &str, name: Option<&str>, note: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            label: name.unwrap_or(id).to_owned(),
            schedule: "office".to_owned(),
            note: note.to_owned(),
            message: String::new(),
        }
    }

    fn place(now_ms: u64) -> Place<'static> {
        let now = "2026-11-27T10:00:00Z".parse().unwrap();
        Place { account: "123456789012", region: "eu-west-1", at: now, now, now_ms }
    }

    fn of(notices: &mut Notices, outcome: &Outcome, now_ms: u64) -> Option<Notice> {
        notices.of(outcome, &rules(4), true, place(now_ms))
    }

    #[test]
    fn says_what_was_done_and_how_to_keep_what_was_stopped() {
        let mut outcome = Outcome {
            started: vec![entry("db", None, "")],
            stopped: vec![entry("i-1", Some("build\nbox"), ""), entry("i-2", None, "")],
            ..Outcome::default()
        };
        let notice = of(&mut Notices::default(), &outcome, 0).unwrap();
        assert_eq!(notice.title, "Started 1, stopped 2");
        assert_eq!(
            (notice.state, &*notice.thread),
            (State::Info, "parking/123456789012/eu-west-1")
        );
        assert_eq!((&*notice.source, &*notice.kind), ("parking", "parking"));
        assert_eq!(notice.at, "2026-11-27T10:00:00Z");
        let facts = [Fact::new("Started", "db"), Fact::new("Stopped", "build box, i-2")];
        assert_eq!(notice.facts, facts);
        let keep = "start it, which lasts 4 h, or tag it override = running until \
                    2026-11-27T23:00+09:00";
        assert_eq!(
            notice.lines,
            [
                format!("stopped i-1 (build box), office; to keep it, {keep}"),
                format!("stopped i-2, office; to keep it, {keep}"),
                "started db, office".to_owned(),
            ]
        );
        outcome.started.clear();
        let notice = Notices::default().of(&outcome, &rules(0), true, place(0)).unwrap();
        assert_eq!(notice.title, "Started 0, stopped 2");
        let line = "stopped i-2, office; to keep it, tag it override = running until \
                    2026-11-27T23:00+09:00";
        assert_eq!(notice.lines[1], line);
        assert_eq!(Notices::default().of(&outcome, &rules(4), false, place(0)), None);
    }

    #[test]
    fn a_retry_that_does_the_rest_is_another_notice() {
        let mut notices = Notices::default();
        let mut at = |stopped: &[&str], failed: &[&str], minutes: i64| {
            let entries = |ids: &[&str]| ids.iter().map(|id| entry(id, None, "no")).collect();
            let outcome = Outcome {
                stopped: entries(stopped),
                failed: entries(failed),
                ..Outcome::default()
            };
            let mut place = place(0);
            place.now = place.at + SignedDuration::from_mins(minutes);
            notices.of(&outcome, &rules(4), true, place).unwrap().at
        };
        assert_eq!(at(&["i-1"], &[], 0), "2026-11-27T10:00:00Z");
        assert_eq!(at(&["i-2"], &[], 1), "2026-11-27T10:01:00Z");
        assert_eq!(at(&["i-3"], &["i-4"], 2), "2026-11-27T10:00:00Z");
        assert_eq!(at(&["i-3"], &[], 3), "2026-11-27T10:03:00Z");
        // A second delivery that does the same is the same notice, although its lines name a later time.
        assert_eq!(at(&["i-1"], &[], 4), "2026-11-27T10:00:00Z");
    }

    #[test]
    fn a_machine_without_a_schedule_has_its_name_too() {
        let problem = Entry { schedule: String::new(), ..entry("i-1", Some("build"), "unknown") };
        let outcome = Outcome { problems: vec![problem], ..Outcome::default() };
        let notice = of(&mut Notices::default(), &outcome, 0).unwrap();
        assert_eq!(notice.lines, ["left alone i-1 (build): unknown"]);
    }

    #[test]
    fn the_time_of_the_event_counts_for_a_day() {
        let now = "2026-11-28T09:00:00Z".parse().unwrap();
        for (event, is_fired) in [
            (r#"{"time":"2026-11-27T09:00:00Z"}"#, true),
            (r#"{"time":"2026-11-28T09:00:00Z"}"#, true),
            (r#"{"time":"2026-11-27T08:59:59Z"}"#, false),
            (r#"{"time":"2026-11-28T09:00:01Z"}"#, false),
            (r#"{"time":"soon"}"#, false),
            ("{}", false),
            ("no JSON", false),
        ] {
            assert_eq!(fired(event.as_bytes(), now).is_some(), is_fired, "{event}");
        }
    }

    #[test]
    fn a_list_that_is_not_read_once_makes_no_problem_new() {
        let machine = Outcome { problems: vec![entry("i-1", None, "spot")], ..Outcome::default() };
        let denied = CallFailure { code: Some("Timeout".to_owned()), message: String::new() };
        let mut unread = Outcome::default();
        unread.unread.add("ec2", "eu-west-1", &denied);
        let mut notices = Notices::default();
        let title = |notice: Option<Notice>| notice.map(|notice| notice.title);
        for (outcome, expected) in [
            (&machine, Some("Started 0, stopped 0, 1 problem")),
            (&unread, Some("Started 0, stopped 0, failed 1")),
            (&machine, None),
            (&Outcome::default(), None),
            (&machine, Some("Started 0, stopped 0, 1 problem")),
        ] {
            assert_eq!(title(of(&mut notices, outcome, 0)).as_deref(), expected);
        }
    }

    #[test]
    fn failures_and_problems_are_reported_once_a_day() {
        let mut outcome = Outcome {
            failed: vec![entry("i-1", Some("build"), "IncorrectState")],
            problems: vec![entry("i-2", None, "spot"), entry("i-3", None, "spot")],
            ..Outcome::default()
        };
        let denied = CallFailure { code: Some("AccessDenied".to_owned()), message: String::new() };
        outcome.unread.add("rds", "eu-west-1", &denied);
        let mut notices = Notices::default();
        let notice = of(&mut notices, &outcome, 0).unwrap();
        assert_eq!(notice.title, "Started 0, stopped 0, failed 2, 2 problems");
        assert_eq!(notice.state, State::Alarm);
        let failed = Fact::new("Failed", "build, the list of rds in eu-west-1");
        let unread = Fact::new("Not read", "rds in eu-west-1: AccessDenied");
        assert_eq!(notice.facts, [failed, Fact::new("Problems", "i-2, i-3"), unread]);
        assert_eq!(
            notice.lines,
            [
                "failed i-1 (build), office: IncorrectState",
                "failed the list of rds in eu-west-1: AccessDenied",
                "left alone i-2, office: spot",
                "left alone i-3, office: spot",
            ]
        );
        assert_eq!(of(&mut notices, &outcome, 1_000), None);
        // Later changes are reported without the failures that are already known.
        outcome.stopped.push(entry("i-4", None, ""));
        let notice = of(&mut notices, &outcome, 2_000).unwrap();
        assert_eq!((&*notice.title, notice.state), ("Started 0, stopped 1", State::Info));
        outcome.problems[0].note = "store".to_owned();
        let notice = notices.of(&outcome, &rules(4), false, place(3_000)).unwrap();
        assert_eq!(notice.title, "Started 0, stopped 1, 1 problem");
    }
}
