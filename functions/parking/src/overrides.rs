//! An exception from the schedule, in a separate tag: `running until 2026-11-28T22:00+09:00`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The state that overrides the schedule, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    pub(crate) word: Word,
    /// Exclusive.
    pub(crate) until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Running,
    Stopped,
    Ignore,
}

impl Override {
    /// Parses the value of a tag. A time without `Z` or an offset is in `zone`.
    ///
    /// # Errors
    /// Why it is invalid.
    pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let parsed = || {
            let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
            let [word, until, time] = &words[..] else { return None };
            let word = match &**word {
                "running" => Word::Running,
                "stopped" => Word::Stopped,
                "ignore" => Word::Ignore,
                _ => return None,
            };
            Some(Self { word, until: parse_time(time, zone).filter(|_| until == "until")? })
        };
        parsed().ok_or_else(|| {
            let shown: String = text.chars().take(100).collect();
            format!(
                "the override `{shown}` has not the form `running until 2026-11-28T22:00+09:00` \
                 (or `stopped`, `ignore`)"
            )
        })
    }
}

/// A date with a time, in lower case.
fn parse_time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let is_allowed = |byte: u8| byte.is_ascii_digit() || b"tz:+-.".contains(&byte);
    let (_, time) = text.split_once('t')?;
    if !text.bytes().all(is_allowed) || !time.contains(':') {
        return None;
    }
    if time.contains(['z', '+', '-']) {
        return text.parse().ok();
    }
    Some(zone.to_zoned(text.parse::<DateTime>().ok()?).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Override, String> {
        Override::parse(text, &TimeZone::get("Asia/Seoul").unwrap())
    }

    #[test]
    fn a_time_has_a_zone_or_that_of_the_schedule() {
        let until = "2026-11-28T13:00:00Z".parse().unwrap();
        for (text, word) in [
            ("running until 2026-11-28T22:00+09:00", Word::Running),
            ("stopped until 2026-11-28T13:00Z", Word::Stopped),
            ("ignore until 2026-11-28T22:00", Word::Ignore),
            (" Running  UNTIL 2026-11-28t22:00:00 ", Word::Running),
            ("running until 2026-11-28T13:00:00.000z", Word::Running),
            ("running until 2026-11-28T08:00-05:00", Word::Running),
        ] {
            assert_eq!(parse(text), Ok(Override { word, until }), "{text}");
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in [
            "",
            "running",
            "running until",
            "running until tomorrow",
            "running until 2026-11-28",
            "running until 2026-11-28 22:00",
            "running until 2026-11-28T22",
            "running until 2026-11-31T22:00",
            "running until 22:00",
            "running until 2026-11-28T22:00+09:00[Asia/Seoul]",
            "on until 2026-11-28T22:00Z",
            "running till 2026-11-28T22:00Z",
            "running until 2026-11-28T22:00Z please",
        ] {
            let problem = parse(text).unwrap_err();
            assert!(problem.starts_with(&format!("the override `{text}` has not the form")));
        }
    }
}
