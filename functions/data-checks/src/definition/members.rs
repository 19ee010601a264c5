//! The members of an object, each read once: a member that is not read is unknown.

use serde_json::{Map, Value};

use super::Invalid;

/// Maximum length of an unknown member's name in an error.
const SHOWN: usize = 30;

/// An object that is being read.
#[derive(Debug)]
pub(super) struct Members {
    rest: Map<String, Value>,
    /// The path of the object, such as `target.`.
    path: String,
}

impl Members {
    pub(super) fn new(value: Value, path: String) -> Result<Self, Invalid> {
        match value {
            Value::Object(rest) => Ok(Self { rest, path }),
            _ if path.is_empty() => Err(Invalid("it is not an object".to_owned())),
            _ => Err(Invalid(format!("`{}` must be an object", path.trim_end_matches('.')))),
        }
    }

    /// The error of a member that must be `allowed`.
    pub(super) fn invalid(&self, name: &str, allowed: &str) -> Invalid {
        Invalid(format!("`{}{name}` must be {allowed}", self.path))
    }

    /// The value that `read` returns, which must not be missing.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self, &str) -> Result<Option<T>, Invalid>,
    ) -> Result<T, Invalid> {
        let value = read(self, name)?;
        value.ok_or_else(|| Invalid(format!("`{}{name}` is missing", self.path)))
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Option<Self>, Invalid> {
        let path = format!("{}{name}.", self.path);
        self.rest.remove(name).map(|value| Self::new(value, path)).transpose()
    }

    /// A text that is not blank.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Invalid> {
        match self.rest.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text)),
            Some(_) => Err(self.invalid(name, "a text that is not blank")),
        }
    }

    /// The ARN of a resource of this service.
    pub(super) fn arn(&mut self, name: &str, service: &str) -> Result<Option<String>, Invalid> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let mut parts = text.split(':');
        if parts.next() == Some("arn") && parts.nth(1) == Some(service) {
            return Ok(Some(text));
        }
        Err(self.invalid(name, &format!("an ARN of {service}")))
    }

    /// A number from `min` to `max`.
    pub(super) fn number(
        &mut self,
        name: &str,
        min: f64,
        max: f64,
    ) -> Result<Option<f64>, Invalid> {
        let Some(value) = self.rest.remove(name) else { return Ok(None) };
        let number = value.as_f64().filter(|number| (min..=max).contains(number));
        let allowed = || self.invalid(name, &format!("a number from {min} to {max}"));
        number.map(Some).ok_or_else(allowed)
    }

    /// An integer from `min` to `max`.
    pub(super) fn whole(&mut self, name: &str, min: f64, max: f64) -> Result<Option<f64>, Invalid> {
        let allowed = format!("a whole number from {min} to {max}");
        match self.number(name, min, max) {
            Ok(None) => Ok(None),
            Ok(Some(number)) if number.fract() == 0.0 => Ok(Some(number)),
            _ => Err(self.invalid(name, &allowed)),
        }
    }

    /// An integer from `min` to `max`, as `u64`.
    pub(super) fn count(&mut self, name: &str, min: f64, max: f64) -> Result<Option<u64>, Invalid> {
        Ok(self.whole(name, min, max)?.map(whole_number))
    }

    /// Fails if there is a member that was not read.
    pub(super) fn finish(self) -> Result<(), Invalid> {
        let Some(name) = self.rest.keys().next() else { return Ok(()) };
        let is_shown = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        // A name that does not look like a misspelt member may be a value.
        let is_shown = (1..=SHOWN).contains(&name.len()) && name.bytes().all(is_shown);
        let name = if is_shown { name } else { "…" };
        Err(Invalid(format!("`{}{name}` is not a member that is known", self.path)))
    }
}

/// A non-negative number without its fraction.
pub(super) fn whole_number(number: f64) -> u64 {
    // Through text, because casts of floating-point numbers are not exact.
    format!("{:.0}", number.trunc()).parse().unwrap_or_default()
}
