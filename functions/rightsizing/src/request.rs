//! The request of an invocation.

use std::fmt::Display;

use jiff::Timestamp;
use serde_json::{Map, Value};

use shared::mask::mask;
use shared::text::beginning;

use crate::error::HandlerError;

/// Maximum length of a key or value in an error, in characters.
const MAX_QUOTED: usize = 200;

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// An object without `action`.
    Report {
        /// When the schedule fired: a retry has the same time.
        time: Option<Timestamp>,
    },
    Change {
        action: Action,
        /// Whether nothing is changed, and the answer contains what would be done.
        is_dry_run: bool,
    },
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Gp3 { volume: String },
    Tiering { bucket: String, prefix: Option<String> },
    Archive { bucket: String, archive_days: Option<i32>, deep_archive_days: Option<i32> },
    Shrink { volume: String, size_gib: u64 },
}

impl Request {
    /// # Errors
    /// `InvalidRequest`, which names the field.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, HandlerError> {
        let event: Map<String, Value> =
            serde_json::from_slice(body).map_err(|_| invalid("it is not a JSON object"))?;
        let fields = Fields(&event);
        let Some(action) = event.get("action") else {
            let time = event.get("time").and_then(Value::as_str);
            return Ok(Self::Report { time: time.and_then(|time| time.parse().ok()) });
        };
        let action = match action.as_str() {
            Some("gp3") => {
                fields.only(&["volumeId"])?;
                Action::Gp3 { volume: fields.volume()? }
            }
            Some("tiering") => {
                fields.only(&["bucket", "prefix"])?;
                Action::Tiering { bucket: fields.bucket()?, prefix: fields.prefix()? }
            }
            Some("archive") => {
                fields.only(&["bucket", "archiveDays", "deepArchiveDays"])?;
                let archive_days = fields.number("archiveDays", 90, 730)?;
                let deep_archive_days = fields.number("deepArchiveDays", 180, 730)?;
                if archive_days.is_none() && deep_archive_days.is_none() {
                    return Err(invalid(
                        "archiveDays and deepArchiveDays are missing: give one at least",
                    ));
                }
                Action::Archive { bucket: fields.bucket()?, archive_days, deep_archive_days }
            }
            Some("shrink") => {
                fields.only(&["volumeId", "sizeGib"])?;
                let size_gib = fields.number("sizeGib", 1, 65_536)?;
                let size_gib = size_gib.ok_or_else(|| invalid("sizeGib is missing"))?;
                Action::Shrink { volume: fields.volume()?, size_gib }
            }
            _ => {
                let action = quoted(&action.to_string());
                return Err(invalid(format!(
                    "action is {action}, but must be gp3, tiering, archive or shrink"
                )));
            }
        };
        Ok(Self::Change { action, is_dry_run: fields.is_dry_run()? })
    }
}

/// The part of an event that an error quotes.
fn quoted(text: &str) -> String {
    beginning(&mask(text, &[]), MAX_QUOTED).to_owned()
}

fn invalid(why: impl Display) -> HandlerError {
    HandlerError::InvalidRequest(why.to_string())
}

/// The members of a request.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    /// Checks that there are only these members.
    fn only(&self, known: &[&str]) -> Result<(), HandlerError> {
        let is_known =
            |name: &&String| ["action", "dryRun"].contains(&&***name) || known.contains(&&***name);
        match self.0.keys().find(|name| !is_known(name)) {
            Some(unknown) => Err(invalid(format!(
                "{} is not known: this action has {} and dryRun",
                quoted(unknown),
                known.join(", ")
            ))),
            None => Ok(()),
        }
    }

    /// The member with this name, if it is present and `read` accepts it.
    fn read<T>(
        &self,
        name: &str,
        allowed: impl Display,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, HandlerError> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let wrong = || {
            let value = quoted(&value.to_string());
            invalid(format!("{name} is {value}, but must be {allowed}"))
        };
        read(value).map(Some).ok_or_else(wrong)
    }

    fn is_dry_run(&self) -> Result<bool, HandlerError> {
        Ok(self.read("dryRun", "true or false", Value::as_bool)?.unwrap_or(true))
    }

    fn number<T: TryFrom<u64>>(
        &self,
        name: &str,
        min: u64,
        max: u64,
    ) -> Result<Option<T>, HandlerError> {
        let allowed = format!("a whole number from {min} to {max}");
        self.read(name, allowed, |value| {
            let number = value.as_u64().filter(|number| (min..=max).contains(number))?;
            T::try_from(number).ok()
        })
    }

    fn text(
        &self,
        name: &str,
        allowed: &str,
        is_allowed: fn(&str) -> bool,
    ) -> Result<Option<String>, HandlerError> {
        self.read(name, allowed, |value| {
            value.as_str().filter(|text| is_allowed(text)).map(str::to_owned)
        })
    }

    fn volume(&self) -> Result<String, HandlerError> {
        let is_id = |text: &str| {
            text.strip_prefix("vol-").is_some_and(|digits| {
                (1..=32).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
            })
        };
        let volume = self.text("volumeId", "the id of a volume", is_id)?;
        volume.ok_or_else(|| invalid("volumeId is missing"))
    }

    fn bucket(&self) -> Result<String, HandlerError> {
        let is_name = |text: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            (3..=63).contains(&text.len()) && text.bytes().all(is_allowed)
        };
        let bucket = self.text("bucket", "the name of a bucket", is_name)?;
        bucket.ok_or_else(|| invalid("bucket is missing"))
    }

    fn prefix(&self) -> Result<Option<String>, HandlerError> {
        let allowed = "a prefix of keys, of at most 1,024 bytes";
        let prefix = self.text("prefix", allowed, |text| text.len() <= 1_024)?;
        Ok(prefix.filter(|prefix| !prefix.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(event: &str) -> Result<Request, String> {
        Request::parse(event.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_without_an_action_reports() {
        let time = "2026-11-30T00:00:00Z".parse().ok();
        for (event, time) in [
            ("{}", None),
            (r#"{"dryRun":false,"other":[1]}"#, None),
            (r#"{"source":"aws.events","time":"2026-11-30T00:00:00Z"}"#, time),
            (r#"{"time":"soon"}"#, None),
        ] {
            assert_eq!(parse(event), Ok(Request::Report { time }), "{event}");
        }
    }

    #[test]
    fn a_request_is_a_dry_run_unless_it_says_otherwise() {
        let volume = || "vol-0a1".to_owned();
        let bucket = || "lake".to_owned();
        for (event, action, is_dry_run) in [
            (r#"{"action":"gp3","volumeId":"vol-0a1"}"#, Action::Gp3 { volume: volume() }, true),
            (
                r#"{"action":"gp3","volumeId":"vol-0a1","dryRun":false}"#,
                Action::Gp3 { volume: volume() },
                false,
            ),
            (
                r#"{"action":"tiering","bucket":"lake","prefix":"raw/"}"#,
                Action::Tiering { bucket: bucket(), prefix: Some("raw/".to_owned()) },
                true,
            ),
            (
                r#"{"action":"tiering","bucket":"lake","prefix":""}"#,
                Action::Tiering { bucket: bucket(), prefix: None },
                true,
            ),
            (
                r#"{"action":"archive","bucket":"lake","archiveDays":90}"#,
                Action::Archive {
                    bucket: bucket(),
                    archive_days: Some(90),
                    deep_archive_days: None,
                },
                true,
            ),
            (
                r#"{"action":"archive","bucket":"lake","deepArchiveDays":730,"dryRun":true}"#,
                Action::Archive {
                    bucket: bucket(),
                    archive_days: None,
                    deep_archive_days: Some(730),
                },
                true,
            ),
            (
                r#"{"action":"shrink","volumeId":"vol-0a1","sizeGib":15}"#,
                Action::Shrink { volume: volume(), size_gib: 15 },
                true,
            ),
        ] {
            assert_eq!(parse(event), Ok(Request::Change { action, is_dry_run }), "{event}");
        }
    }

    #[test]
    fn errors_quote_the_beginning_without_secrets() {
        let long = "ä".repeat(1_000);
        for (event, expected) in [
            (
                format!(r#"{{"action":"{long}"}}"#),
                format!("action is \"{}, but must be gp3", "ä".repeat(199)),
            ),
            (
                format!(r#"{{"action":"gp3","{long}":7}}"#),
                format!("{} is not known", "ä".repeat(200)),
            ),
            (
                r#"{"action":"gp3","volumeId":"token=abc"}"#.to_owned(),
                "volumeId is \"token=***\", but must be".to_owned(),
            ),
        ] {
            let error = parse(&event).unwrap_err();
            assert!(error.starts_with(&format!("the event is invalid: {expected}")), "{error}");
        }
    }

    #[test]
    fn errors_name_the_field() {
        for (event, expected) in [
            ("[]", "it is not a JSON object"),
            (
                r#"{"action":"gp4"}"#,
                "action is \"gp4\", but must be gp3, tiering, archive or shrink",
            ),
            (r#"{"action":7}"#, "action is 7, but must be"),
            (r#"{"action":"gp3"}"#, "volumeId is missing"),
            (
                r#"{"action":"gp3","volumeId":"vol-0a1","size":7}"#,
                "size is not known: this action has volumeId and dryRun",
            ),
            (
                r#"{"action":"gp3","volumeId":"i-0a1"}"#,
                "volumeId is \"i-0a1\", but must be the id of a volume",
            ),
            (
                r#"{"action":"gp3","volumeId":"vol-0/1"}"#,
                "volumeId is \"vol-0/1\", but must be the id of a volume",
            ),
            (
                r#"{"action":"gp3","volumeId":"vol-0a1","dryRun":"no"}"#,
                "dryRun is \"no\", but must be true or false",
            ),
            (r#"{"action":"tiering"}"#, "bucket is missing"),
            (
                r#"{"action":"tiering","bucket":"a/b"}"#,
                "bucket is \"a/b\", but must be the name of a bucket",
            ),
            (
                r#"{"action":"tiering","bucket":"lake","prefix":7}"#,
                "prefix is 7, but must be a prefix of keys",
            ),
            (
                r#"{"action":"archive","bucket":"lake"}"#,
                "archiveDays and deepArchiveDays are missing",
            ),
            (
                r#"{"action":"archive","bucket":"lake","archiveDays":89}"#,
                "archiveDays is 89, but must be a whole number from 90 to 730",
            ),
            (
                r#"{"action":"archive","bucket":"lake","deepArchiveDays":179}"#,
                "deepArchiveDays is 179, but must be a whole number from 180 to 730",
            ),
            (r#"{"action":"shrink","volumeId":"vol-0a1"}"#, "sizeGib is missing"),
            (
                r#"{"action":"shrink","volumeId":"vol-0a1","sizeGib":1.5}"#,
                "sizeGib is 1.5, but must be a whole number from 1 to 65536",
            ),
        ] {
            let error = parse(event).unwrap_err();
            assert!(error.starts_with(&format!("the event is invalid: {expected}")), "{error}");
        }
    }
}
