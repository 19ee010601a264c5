//! The texts of notices.

use jiff::{SignedDuration, Timestamp};
use shared::notice::{Fact, Notice, State};
use shared::time::duration;

use crate::definition::{Check, Limits};
use crate::rules::{Broken, Comparison};
use crate::window::Window;

/// The name of this function in its notices.
const SOURCE: &str = "data-checks";

/// The notice of a check that fails.
pub(crate) fn alarm(check: &Check, compared: &Comparison, broken: &[Broken]) -> Notice {
    let mut short: Vec<_> = broken.iter().map(|rule| difference(*rule, compared)).collect();
    // An empty target breaks two rules.
    short.dedup();
    let reasons: Vec<_> =
        broken.iter().map(|rule| reason(*rule, compared, &check.limits)).collect();
    Notice {
        // Not a colon: after a name such as `tokens` and a colon, the text would be masked as a
        // secret.
        title: format!("Data check {} - {}", check.name, short.join(", ")),
        text: Some(reasons.join("\n")),
        ..notice(check, compared, State::Alarm)
    }
}

/// The notice of a check that passes after failures since `since`.
pub(crate) fn ok(check: &Check, compared: &Comparison, since: Timestamp) -> Notice {
    let failed = shown(compared.now.duration_since(since));
    Notice {
        title: format!("Data check {} passes again", check.name),
        since: Some(since.to_string()),
        text: Some(format!("It had failed for {failed}.")),
        ..notice(check, compared, State::Ok)
    }
}

fn notice(check: &Check, compared: &Comparison, state: State) -> Notice {
    Notice {
        source: SOURCE.to_owned(),
        kind: "data-check".to_owned(),
        state,
        title: String::new(),
        thread: format!("data-check/{}", check.name),
        at: compared.now.to_string(),
        since: None,
        text: None,
        facts: facts(check, compared),
        lines: Vec::new(),
        links: Vec::new(),
    }
}

fn facts(check: &Check, compared: &Comparison) -> Vec<Fact> {
    let Comparison { source, target, now } = compared;
    let limits = &check.limits;
    let needs_times = limits.age_minutes.is_some() || limits.lag_minutes.is_some();
    let newest = |newest: Option<Timestamp>| match newest {
        Some(time) => Some(time.to_string()),
        None => needs_times.then(|| "none".to_owned()),
    };
    let rows_differ = compared.difference().zip(compared.difference_percent());
    let window = check.window_hours.map(|hours| Window::new(*now, hours, check.delay_minutes));
    let facts = [
        ("Source rows", source.map(|source| source.rows.to_string())),
        ("Target rows", Some(target.rows.to_string())),
        ("Difference", rows_differ.map(|(rows, by)| format!("{rows} ({})", percent(by)))),
        ("Allowed", source.map(|_| compared.allowed(limits).floor().to_string())),
        ("Newest in source", source.and_then(|source| newest(source.newest))),
        ("Newest in target", newest(target.newest)),
        ("Window", window.map(|window| window.to_string())),
    ];
    facts.into_iter().filter_map(|(label, value)| Some(Fact::new(label, value?))).collect()
}

/// The difference, for a title.
fn difference(rule: Broken, compared: &Comparison) -> String {
    match rule {
        Broken::Rows => {
            let rows = compared.difference().unwrap_or_default();
            let by = percent(compared.difference_percent().unwrap_or_default().abs());
            let word = if rows < 0.0 { "fewer" } else { "more" };
            format!("{} {word} in the target ({by})", counted(rows.abs()))
        }
        Broken::Age => match compared.age() {
            Some(age) if compared.source.is_some() || compared.target.rows > 0.0 => {
                format!("the newest update is {} old", shown(age))
            }
            _ => "no rows in the target".to_owned(),
        },
        Broken::Lag => match compared.lag() {
            Some(lag) => format!("the target is {} behind the source", shown(lag)),
            None => "no rows in the target".to_owned(),
        },
        Broken::NoTime => "the newest update is unknown".to_owned(),
    }
}

/// Why a check fails, in a sentence.
fn reason(rule: Broken, compared: &Comparison, limits: &Limits) -> String {
    let limit = |minutes: Option<u64>| duration(minutes.unwrap_or_default() * 60);
    let short = difference(rule, compared);
    match rule {
        Broken::Rows => {
            format!("rows: {short}, {} allowed.", compared.allowed(limits).floor())
        }
        Broken::Age => format!("age: {short}, {} allowed.", limit(limits.age_minutes)),
        Broken::Lag => format!("lag: {short}, {} allowed.", limit(limits.lag_minutes)),
        Broken::NoTime => "no_time: there are rows, but their newest update is unknown.".to_owned(),
    }
}

fn counted(rows: f64) -> String {
    // Integers.
    let word = if rows > 0.5 && rows < 1.5 { "row" } else { "rows" };
    format!("{rows} {word}")
}

/// At most two decimals; never 0 unless the value is 0.
fn percent(value: f64) -> String {
    let text = format!("{value:.2}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "0" | "-0" if value != 0.0 => "less than 0.01 %".to_owned(),
        text => format!("{text} %"),
    }
}

fn shown(time: SignedDuration) -> String {
    duration(u64::try_from(time.as_secs()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::measured::Measured;

    const NOW: &str = "2026-11-28T07:00:00Z";

    fn check(members: &serde_json::Value) -> Check {
        let end = json!({
            "kind": "bigquery", "project": "music", "sql": "SELECT 1",
        });
        let mut definition = json!({"target": end, "source": end});
        for (name, member) in members.as_object().unwrap() {
            definition[name] = member.clone();
        }
        Check::parse("plays", &definition.to_string()).unwrap()
    }

    fn compared(source: Option<(f64, &str)>, target: (f64, &str)) -> Comparison {
        let measured = |(rows, newest): (f64, &str)| Measured { rows, newest: newest.parse().ok() };
        let now = NOW.parse().unwrap();
        Comparison { source: source.map(measured), target: measured(target), now }
    }

    fn facts_of(notice: &Notice) -> Vec<(&str, &str)> {
        notice.facts.iter().map(|fact| (&*fact.label, &*fact.value)).collect()
    }

    #[test]
    fn an_alarm_says_what_differs_and_by_how_much() {
        let check = check(&json!({
            "max_difference": 5, "max_age_minutes": 60, "max_lag_minutes": 30, "window_hours": 24,
            "delay_minutes": 15,
        }));
        let source = Some((1_000.0, "2026-11-28T06:30:00Z"));
        let compared = compared(source, (990.0, "2026-11-28T03:55:00Z"));
        let broken = compared.broken(&check.limits);
        let notice = alarm(&check, &compared, &broken);
        assert_eq!(
            notice.title,
            "Data check plays - 10 rows fewer in the target (1 %), the newest update is 3 h 5 min \
             old, the target is 2 h 35 min behind the source"
        );
        assert_eq!(
            notice.text.as_deref(),
            Some(
                "rows: 10 rows fewer in the target (1 %), 5 allowed.\n\
                 age: the newest update is 3 h 5 min old, 1 h allowed.\n\
                 lag: the target is 2 h 35 min behind the source, 30 min allowed."
            )
        );
        assert_eq!((&*notice.source, &*notice.kind), ("data-checks", "data-check"));
        assert_eq!((&*notice.thread, &*notice.at), ("data-check/plays", NOW));
        assert_eq!((notice.state, &notice.since), (State::Alarm, &None));
        assert_eq!(
            facts_of(&notice),
            [
                ("Source rows", "1000"),
                ("Target rows", "990"),
                ("Difference", "-10 (-1 %)"),
                ("Allowed", "5"),
                ("Newest in source", "2026-11-28T06:30:00Z"),
                ("Newest in target", "2026-11-28T03:55:00Z"),
                ("Window", "2026-11-27 06:45:00 to 2026-11-28 06:45:00 UTC"),
            ]
        );
    }

    #[test]
    fn a_name_that_sounds_like_a_secret_hides_nothing() {
        for name in ["tokens", "api_key", "passwords-1", "authorizations"] {
            let check = Check { name: name.to_owned(), ..check(&json!({})) };
            let compared = compared(Some((1_000.0, "")), (1.0, ""));
            let notice = alarm(&check, &compared, &[Broken::Rows]).masked(&[]);
            let title = format!("Data check {name} - 999 rows fewer in the target (99.9 %)");
            assert_eq!(notice.title, title);
            let notice = ok(&check, &compared, compared.now).masked(&[]);
            assert_eq!(notice.title, format!("Data check {name} passes again"));
        }
    }

    #[test]
    fn an_empty_target_is_named_once() {
        let check = check(&json!({"max_age_minutes": 60, "max_lag_minutes": 30}));
        let compared = compared(Some((1.0, "2026-11-28T06:30:00Z")), (0.0, ""));
        let notice = alarm(&check, &compared, &compared.broken(&check.limits));
        let title = "Data check plays - 1 row fewer in the target (100 %), no rows in the target";
        assert_eq!(notice.title, title);
        let newest = ("Newest in target", "none");
        assert!(facts_of(&notice).contains(&newest), "{notice:?}");
        assert!(notice.text.unwrap().ends_with("lag: no rows in the target, 30 min allowed."));
    }

    #[test]
    fn a_target_without_a_source_has_no_difference() {
        let check = check(&json!({"max_age_minutes": 60}));
        let compared = compared(None, (7.0, ""));
        let notice = alarm(&check, &compared, &compared.broken(&check.limits));
        assert_eq!(notice.title, "Data check plays - the newest update is unknown");
        let reason = "no_time: there are rows, but their newest update is unknown.";
        assert_eq!(notice.text.as_deref(), Some(reason));
        assert_eq!(facts_of(&notice), [("Target rows", "7"), ("Newest in target", "none")]);
    }

    #[test]
    fn an_ok_says_since_when_the_check_had_failed() {
        let check = check(&json!({"max_difference_percent": 0.25}));
        let compared = compared(Some((1_001.0, "")), (1_002.0, ""));
        let notice = ok(&check, &compared, "2026-11-27T05:00:00Z".parse().unwrap());
        assert_eq!((&*notice.title, notice.state), ("Data check plays passes again", State::Ok));
        assert_eq!(notice.since.as_deref(), Some("2026-11-27T05:00:00Z"));
        assert_eq!(notice.text.as_deref(), Some("It had failed for 1 d 2 h."));
        let expected = [
            ("Source rows", "1001"),
            ("Target rows", "1002"),
            ("Difference", "1 (0.1 %)"),
            ("Allowed", "2"),
        ];
        assert_eq!(facts_of(&notice), expected);
    }

    #[test]
    fn a_percentage_has_two_decimals_at_most() {
        for (value, expected) in [
            (0.0, "0 %"),
            (100.0, "100 %"),
            (-1.5, "-1.5 %"),
            (33.333_3, "33.33 %"),
            (0.001, "less than 0.01 %"),
            (-0.001, "less than 0.01 %"),
        ] {
            assert_eq!(percent(value), expected);
        }
    }
}
