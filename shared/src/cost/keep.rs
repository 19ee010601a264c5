//! Resources that a tag protects.

use jiff::civil::Date;

use crate::config::{ConfigError, Environment};

/// The tag of protected resources, which are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    key: String,
}

impl Keep {
    /// Reads `KEEP_TAG`, default `sluice:keep`.
    ///
    /// # Errors
    /// [`ConfigError`] if it is too long for the key of a tag.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        Ok(Self { key: tag_key(environment, "KEEP_TAG", "sluice:keep")? })
    }

    /// Whether a resource with these tags is protected on a day: a date protects until its end, any
    /// other value forever.
    pub fn protects<'a>(
        &self,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
        today: Date,
    ) -> bool {
        let mut tags = tags.into_iter().filter(|(key, _)| *key == self.key);
        tags.any(|(_, value)| date(value).is_none_or(|until| today <= until))
    }
}

/// The key of a tag: at most 128 characters (source: Amazon EC2 User Guide, "Tag restrictions").
///
/// # Errors
/// [`ConfigError`] where it is longer, blank, or has a control character.
pub fn tag_key(
    environment: &Environment,
    name: &str,
    default: &str,
) -> Result<String, ConfigError> {
    let allowed = "the key of a tag, at most 128 characters";
    let key = environment.parse_with(name, allowed, |key| {
        let key = key.trim();
        let is_key = (1..=128).contains(&key.chars().count()) && !key.contains(char::is_control);
        is_key.then(|| key.to_owned())
    })?;
    Ok(key.unwrap_or_else(|| default.to_owned()))
}

/// Parses a day, only in the form `2026-12-31`.
fn date(text: &str) -> Option<Date> {
    let date = text.trim().parse::<Date>().ok()?;
    (date.to_string() == text.trim()).then_some(date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn keep(variables: &[(&str, &str)]) -> Result<Keep, ConfigError> {
        Keep::from_environment(&variables.iter().copied().collect())
    }

    #[test]
    fn protects_until_the_end_of_a_day_or_for_ever() {
        let keep = keep(&[]).unwrap();
        for (key, value, expected) in [
            ("sluice:keep", "2026-11-28", true),
            ("sluice:keep", "2026-11-27", false),
            ("sluice:keep", " 2026-11-27 ", false),
            ("sluice:keep", "2026-12-31", true),
            ("sluice:keep", "", true),
            ("sluice:keep", "no", true),
            ("sluice:keep", "2026-13-01", true),
            ("sluice:keep", "20261127", true),
            ("sluice:keep", "2026-11-27T00:00", true),
            ("Sluice:Keep", "yes", false),
            ("Name", "sluice:keep", false),
        ] {
            let tags = [("Name", "scratch"), (key, value)];
            assert_eq!(keep.protects(tags, date(2026, 11, 28)), expected, "{key}={value}");
        }
        assert!(!keep.protects([], date(2026, 11, 28)));
    }

    #[test]
    fn the_key_is_a_setting() {
        let other = keep(&[("KEEP_TAG", "team:keep")]).unwrap();
        assert!(other.protects([("team:keep", "yes")], date(2026, 11, 28)));
        assert!(!other.protects([("sluice:keep", "yes")], date(2026, 11, 28)));
        for wrong in [&*"k".repeat(129), " ", "a\nb"] {
            let error = keep(&[("KEEP_TAG", wrong)]).unwrap_err();
            let allowed = "the key of a tag, at most 128 characters";
            assert_eq!((&*error.variable, &*error.allowed), ("KEEP_TAG", allowed));
        }
    }
}
