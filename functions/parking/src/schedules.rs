//! The meaning of a tag's value.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::schedule::Schedule;

/// The named schedules, and the default zone.
#[derive(Clone, Debug)]
pub(crate) struct Schedules {
    /// By name, in lower case.
    named: BTreeMap<String, Schedule>,
    zone: TimeZone,
}

/// An invalid schedule in `SCHEDULES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrongSchedule {
    /// The value, or the whole text if it is not a JSON object.
    pub(crate) value: String,
    pub(crate) problem: String,
}

impl Schedules {
    /// Parses a JSON object of names and expressions.
    pub(crate) fn parse(text: &str, zone: TimeZone) -> Result<Self, WrongSchedule> {
        let wrong =
            |value: &str, problem: String| WrongSchedule { value: value.to_owned(), problem };
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_| wrong(text, "it is not a JSON object".to_owned()))?;
        let mut schedules = Self { named: BTreeMap::new(), zone };
        for (name, value) in object {
            let key = name.trim().to_lowercase();
            let expression = value.as_str().ok_or_else(|| {
                wrong(&value.to_string(), format!("the value of {name:?} is not a text"))
            })?;
            if ["", "always", "never"].contains(&&*key) {
                return Err(wrong(&name, "a schedule cannot have this name".to_owned()));
            }
            let schedule = Schedule::parse(expression, &schedules.zone)
                .map_err(|problem| wrong(expression, format!("in {name:?}, {problem}")))?;
            if schedules.named.insert(key, schedule).is_some() {
                return Err(wrong(&name, "two schedules have this name".to_owned()));
            }
        }
        Ok(schedules)
    }

    /// The schedule in a tag's value, by name or as an expression.
    ///
    /// # Errors
    /// Why it is invalid.
    pub(crate) fn find(&self, value: &str) -> Result<Schedule, String> {
        let key = value.trim().to_lowercase();
        match &*key {
            "always" => return Ok(Schedule::always(self.zone.clone())),
            "never" => return Ok(Schedule::never(self.zone.clone())),
            _ => {}
        }
        if let Some(schedule) = self.named.get(&key) {
            return Ok(schedule.clone());
        }
        Schedule::parse(value, &self.zone).map_err(|problem| {
            let shown: String = value.chars().take(100).collect();
            // One word is a name.
            match key.split_whitespace().count() {
                0 | 1 => format!("the schedule `{shown}` is unknown"),
                _ => format!("the schedule `{shown}` is wrong: {problem}"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Schedules, WrongSchedule> {
        Schedules::parse(text, TimeZone::UTC)
    }

    #[test]
    fn a_value_is_a_name_an_expression_always_or_never() {
        let schedules = parse(r#"{"Office": " Mon-Fri  09:00-19:00 asia/seoul "}"#).unwrap();
        for (value, text, zone) in [
            ("office", "Mon-Fri 09:00-19:00 asia/seoul", "Asia/Seoul"),
            (" OFFICE ", "Mon-Fri 09:00-19:00 asia/seoul", "Asia/Seoul"),
            ("sat 10:00-12:00", "sat 10:00-12:00", "UTC"),
            ("Always", "always", "UTC"),
            ("NEVER", "never", "UTC"),
        ] {
            let schedule = schedules.find(value).unwrap();
            assert_eq!((&*schedule.text, schedule.zone_name()), (text, zone), "{value}");
        }
        for (value, problem) in [
            ("", "the schedule `` is unknown"),
            ("ofice", "the schedule `ofice` is unknown"),
            (
                "Mon-Fri 9-17",
                "the schedule `Mon-Fri 9-17` is wrong: `9-17` are not hours such as 09:00-19:00",
            ),
        ] {
            assert_eq!(schedules.find(value).unwrap_err(), problem);
        }
    }

    #[test]
    fn wrong_schedules_are_named() {
        for (text, value, problem) in [
            ("office", "office", "it is not a JSON object"),
            ("[]", "[]", "it is not a JSON object"),
            (r#"{"a": 7}"#, "7", "the value of \"a\" is not a text"),
            (r#"{"Never": "Mon 09:00-19:00"}"#, "Never", "a schedule cannot have this name"),
            (r#"{" ": "Mon 09:00-19:00"}"#, " ", "a schedule cannot have this name"),
            (
                r#"{"a": "Mon 09:00-19:00", "A": "Mon 09:00-19:00"}"#,
                "a",
                "two schedules have this name",
            ),
            (
                r#"{"a": "Mon 19:00-19:00"}"#,
                "Mon 19:00-19:00",
                "in \"a\", `19:00-19:00` start and end at the same time",
            ),
        ] {
            let expected = WrongSchedule { value: value.to_owned(), problem: problem.to_owned() };
            assert_eq!(parse(text).unwrap_err(), expected);
        }
    }
}
