//! Logs: one JSON object per line on standard error, from which Lambda collects them.
//!
//! Only sluice's own code logs at the configured level. Libraries log only warnings and errors: at
//! finer levels, some of them log what they send and receive.

mod lines;

use std::panic;

use tracing::Level;

use self::lines::Lines;

use crate::config::{ConfigError, Environment};

/// The variables that every function reads for its logs and metrics.
pub const VARIABLES: &[&str] = &["LOG_LEVEL", "METRICS_NAMESPACE"];

/// `LOG_LEVEL`; if it is not set, the level of Lambda's advanced logging controls
/// (`AWS_LAMBDA_LOG_LEVEL`), else `info`.
///
/// # Errors
/// [`ConfigError`] if it is not a level.
pub fn log_level(environment: &Environment) -> Result<Level, ConfigError> {
    let parse = |text: &str| match text {
        "error" => Some(Level::ERROR),
        "warn" => Some(Level::WARN),
        "info" => Some(Level::INFO),
        "debug" => Some(Level::DEBUG),
        "trace" => Some(Level::TRACE),
        _ => None,
    };
    let allowed = "error, warn, info, debug or trace";
    let level = environment.parse_with("LOG_LEVEL", allowed, parse)?;
    Ok(level.or_else(|| lambdas_log_level(environment)).unwrap_or(Level::INFO))
}

/// Source: "Configuring advanced logging controls", AWS Lambda Developer Guide.
fn lambdas_log_level(environment: &Environment) -> Option<Level> {
    match environment.get("AWS_LAMBDA_LOG_LEVEL")? {
        "FATAL" => Some(Level::ERROR),
        level => level.parse().ok(),
    }
}

/// `METRICS_NAMESPACE`, default `Sluice`.
///
/// # Errors
/// [`ConfigError`] if CloudWatch would not accept it as a namespace (source: CloudWatch API
/// reference, `PutMetricData`).
pub fn metrics_namespace(environment: &Environment) -> Result<String, ConfigError> {
    let parse = |text: &str| {
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/#: ".contains(&byte);
        let well_formed = (1..=255).contains(&text.len())
            && text.bytes().all(taken)
            && !text.starts_with(':')
            && text.trim() == text;
        well_formed.then(|| text.to_owned())
    };
    let allowed = "1 to 255 letters, digits and .-_/#: and spaces";
    let namespace = environment.parse_with("METRICS_NAMESPACE", allowed, parse)?;
    Ok(namespace.unwrap_or_else(|| "Sluice".to_owned()))
}

/// Starts logging for the crate named `function`. Panics are logged with their location but without
/// their message, which may quote a payload. Does nothing if logging has started before.
pub fn start(function: &'static str, level: Level) {
    let lines = Lines { function, level };
    let started = tracing::subscriber::set_global_default(lines);
    if started.is_ok() {
        panic::set_hook(Box::new(|info| {
            let location = info.location().map(ToString::to_string);
            tracing::error!(location, "panicked");
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_own_log_level_counts_where_log_level_is_not_set() {
        let level = |variables: &[(&str, &str)]| {
            log_level(&variables.iter().copied().collect()).map_err(|error| error.variable)
        };
        assert_eq!(level(&[]), Ok(Level::INFO));
        assert_eq!(level(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]), Ok(Level::DEBUG));
        assert_eq!(level(&[("AWS_LAMBDA_LOG_LEVEL", "FATAL")]), Ok(Level::ERROR));
        assert_eq!(level(&[("AWS_LAMBDA_LOG_LEVEL", "LOUD")]), Ok(Level::INFO));
        let both = [("AWS_LAMBDA_LOG_LEVEL", "DEBUG"), ("LOG_LEVEL", "warn")];
        assert_eq!(level(&both), Ok(Level::WARN));
        assert_eq!(level(&[("LOG_LEVEL", "LOUD")]), Err("LOG_LEVEL".to_owned()));
    }
}
