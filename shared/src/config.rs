//! Reads a function's settings from its environment, with errors that say what to change.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

use crate::mask::without_user_information;

/// The environment variables of a process, read once.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

/// A variable with an invalid value: its name, the value and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}, but must be {allowed}")]
pub struct ConfigError {
    /// The variable's name.
    pub variable: String,
    /// The value, cut to its first characters if it is long.
    pub value: String,
    /// The allowed values.
    pub allowed: String,
}

/// Maximum size of a file with a setting: a larger one is a mistake.
const MAX_FILE_BYTES: u64 = 1_048_576;

/// Maximum length of a value in messages, in characters.
const SHOWN_CHARACTERS: usize = 200;

impl ConfigError {
    /// Creates an error for `variable`; a long `value` is cut, and user and password in a URL are
    /// masked.
    #[must_use]
    pub fn new(variable: &str, value: &str, allowed: impl Display) -> Self {
        let value = &*without_user_information(value);
        let value = match value.char_indices().nth(SHOWN_CHARACTERS) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value.to_owned(),
        };
        Self { variable: variable.to_owned(), value, allowed: allowed.to_string() }
    }
}

/// The value of a setting: `text` itself, or after `@` the text of the file at that path.
///
/// # Errors
/// The path, and why the file cannot be read.
pub fn text_or_file(text: &str) -> Result<Cow<'_, str>, String> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut content = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by take")]
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_string(&mut content))
        .map_err(|problem| format!("{path}: {problem}"))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{path}: the file is larger than {MAX_FILE_BYTES} bytes"));
    }
    Ok(Cow::Owned(content))
}

impl Environment {
    /// The environment of this process. Parts of a value that are not Unicode are replaced with
    /// U+FFFD, so that the value is only rejected if the variable is used.
    #[must_use]
    pub fn of_this_process() -> Self {
        let text =
            |os: OsString| os.into_string().unwrap_or_else(|os| os.to_string_lossy().into_owned());
        Self(env::vars_os().map(|(name, value)| (text(name), text(value))).collect())
    }

    /// Sets a variable to `value`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Removes empty and blank variables, which then count as not set.
    #[must_use]
    pub fn without_blanks(mut self) -> Self {
        self.0.retain(|_, value| !value.trim().is_empty());
        self
    }

    /// The value of `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether the environment has a valid address of Lambda's Runtime API.
    pub(crate) fn has_runtime_api(&self) -> bool {
        let address = self.get("AWS_LAMBDA_RUNTIME_API").unwrap_or_default();
        address.parse::<Uri>().is_ok_and(|uri| uri.authority().is_some())
    }

    /// The function's name, which Lambda sets together with its Runtime API; `binary` is its name
    /// outside of Lambda.
    ///
    /// # Errors
    /// [`ConfigError`] if one of those variables is missing.
    pub fn function_name(&self, binary: &str) -> Result<String, ConfigError> {
        let name = self.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        let missing = match name {
            _ if !self.has_runtime_api() => "AWS_LAMBDA_RUNTIME_API",
            "" => "AWS_LAMBDA_FUNCTION_NAME",
            name => return Ok(name.to_owned()),
        };
        let allowed = format!(
            "set by AWS Lambda: on one machine, run the function with \
             `cargo sluice invoke {binary} EVENT.json` or `cargo lambda watch`"
        );
        Err(ConfigError::new(missing, self.get(missing).unwrap_or_default(), allowed))
    }

    /// The value of `name` as read by `parse`, or `None` if it is not set.
    ///
    /// # Errors
    /// [`ConfigError`] with `allowed` if `parse` returns nothing.
    pub fn parse_with<T>(
        &self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        parse(value).map(Some).ok_or_else(|| ConfigError::new(name, value, allowed))
    }

    /// The value of `name` as read by `parse`.
    ///
    /// # Errors
    /// [`ConfigError`] with `allowed` if it is not set, or `parse` returns nothing.
    pub fn required<T>(
        &self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let missing = || ConfigError::new(name, "", allowed);
        self.parse_with(name, allowed, parse)?.ok_or_else(missing)
    }

    /// A whole number between `min` and `max`, or `default` if it is not set.
    ///
    /// # Errors
    /// [`ConfigError`] if it is anything else.
    pub fn number<T>(&self, name: &str, default: T, min: T, max: T) -> Result<T, ConfigError>
    where
        T: Copy + Display + FromStr + PartialOrd,
    {
        let allowed = format!("a whole number from {min} to {max}");
        let parse = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.then(|| text.parse().ok()).flatten()?;
            (min <= number && number <= max).then_some(number)
        };
        Ok(self.parse_with(name, &allowed, parse)?.unwrap_or(default))
    }

    /// `DEADLINE_MARGIN_MS`, 0 to 900,000 (Lambda's longest timeout), or `default_ms` if it is not
    /// set: the time before an invocation's deadline that is reserved.
    ///
    /// # Errors
    /// [`ConfigError`] if it is anything else.
    pub fn deadline_margin(&self, default_ms: u64) -> Result<Duration, ConfigError> {
        self.number("DEADLINE_MARGIN_MS", default_ms, 0, 900_000).map(Duration::from_millis)
    }

    /// `on` or `off`, or `default` if it is not set.
    ///
    /// # Errors
    /// [`ConfigError`] if it is anything else.
    pub fn switch(&self, name: &str, default: bool) -> Result<bool, ConfigError> {
        let parse = |text: &str| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        Ok(self.parse_with(name, "on or off", parse)?.unwrap_or(default))
    }
}

/// An environment of just these variables, for tests.
impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(value: &str) -> Environment {
        [("NAME", value)].into_iter().collect()
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(Environment::default().number("NAME", 7, 1, 9), Ok(7));
        assert_eq!(environment("9").number("NAME", 7, 1, 9), Ok(9));
        for value in
            ["0", "10", "", " 5", "5 ", "+5", "-5", "5.0", "1e1", "five", "99999999999999999999"]
        {
            let error = environment(value).number("NAME", 7, 1, 9).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("NAME is {value:?}, but must be a whole number from 1 to 9")
            );
        }
    }

    #[test]
    fn switches_are_on_or_off() {
        assert_eq!(Environment::default().switch("NAME", true), Ok(true));
        assert_eq!(environment("on").switch("NAME", false), Ok(true));
        assert_eq!(environment("off").switch("NAME", true), Ok(false));
        let error = environment("ON").switch("NAME", true).unwrap_err();
        assert_eq!(error.to_string(), "NAME is \"ON\", but must be on or off");
    }

    #[test]
    fn a_file_of_more_than_1_mib_is_no_setting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mapping.json").display().to_string();
        let mut content = "é".repeat(524_288);
        std::fs::write(&path, &content).unwrap();
        assert_eq!(text_or_file(&format!("@{path}")).unwrap(), content);
        content.push(' ');
        std::fs::write(&path, content).unwrap();
        let error = text_or_file(&format!("@{path}")).unwrap_err();
        assert_eq!(error, format!("{path}: the file is larger than 1048576 bytes"));
        assert_eq!(text_or_file("[]").unwrap(), "[]");
    }

    #[test]
    fn long_values_are_cut_in_messages() {
        let error = ConfigError::new("NAME", &"é".repeat(1_000), "short");
        assert_eq!(error.value, format!("{}…", "é".repeat(200)));
        let error = ConfigError::new("NAME", "http://ada:hush@host/queue", "short");
        assert_eq!(error.value, "http://***@host/queue");
    }
}
