//! The function's settings, read from the environment once at start.

use shared::aws::Aws;
use shared::config::{ConfigError, Environment};
use shared::telemetry;
use tracing::Level;

use crate::sdk::SERVICES;
use crate::watch::{Pattern, Tag, Watch};

/// This function's own variables, in addition to [`telemetry::VARIABLES`].
pub const VARIABLES: &[&str] = &["FUNCTION_NAMES", "WATCH_TAG", "MIN_INVOCATIONS"];

/// All settings of the function.
#[derive(Clone, Debug)]
pub struct Config {
    /// Minimum level of the log.
    pub log_level: Level,
    /// CloudWatch namespace of the metrics.
    pub metrics_namespace: String,
    /// Which functions are watched.
    pub watch: Watch,
    /// `MIN_INVOCATIONS` (1): minimum number of invocations for a rate.
    pub min_invocations: u32,
    /// How to call AWS.
    pub aws: Aws,
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// [`ConfigError`] for the first variable that is invalid, or that Lambda sets and is missing,
    /// and if neither names nor a tag are set.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        environment.function_name("lambda-metrics")?;
        Ok(Self {
            log_level: telemetry::log_level(environment)?,
            metrics_namespace: telemetry::metrics_namespace(environment)?,
            watch: watch(environment)?,
            min_invocations: environment.number("MIN_INVOCATIONS", 1, 1, 1_000_000)?,
            aws: Aws::from_environment(environment, &SERVICES),
        })
    }
}

fn watch(environment: &Environment) -> Result<Watch, ConfigError> {
    let allowed = "names of functions, separated by commas, with a * only at the end of a name";
    let names = environment.parse_with("FUNCTION_NAMES", allowed, |text| {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(Pattern::parse).collect::<Option<Vec<_>>>()
    })?;
    let names = names.unwrap_or_default();
    let allowed = "key=value, a tag of functions";
    // A template sets an empty value for none.
    let tag = environment.parse_with("WATCH_TAG", allowed, |text| {
        if text.is_empty() { Some(None) } else { Tag::parse(text).map(Some) }
    })?;
    let tag = tag.flatten();
    if names.is_empty() && tag.is_none() {
        let value = environment.get("FUNCTION_NAMES").unwrap_or_default();
        let allowed = "names of functions, unless WATCH_TAG is set";
        return Err(ConfigError::new("FUNCTION_NAMES", value, allowed));
    }
    Ok(Watch { names, tag })
}

#[cfg(test)]
mod tests {
    use testkit::LAMBDA;

    use super::*;
    use crate::sdk;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_environment(&LAMBDA.iter().chain(variables).copied().collect())
    }

    #[test]
    fn has_the_documented_defaults() {
        let config = config(&[("FUNCTION_NAMES", "plays")]).unwrap();
        assert_eq!(config.log_level, Level::INFO);
        assert_eq!(config.metrics_namespace, "Sluice");
        assert_eq!(config.min_invocations, 1);
        let names = vec![Pattern::parse("plays").unwrap()];
        assert_eq!(config.watch, Watch { names, tag: None });
    }

    #[test]
    fn reads_every_variable() {
        let config = config(&[
            ("FUNCTION_NAMES", " plays, sluice-dev-*,,"),
            ("WATCH_TAG", "team=music=loud"),
            ("MIN_INVOCATIONS", "10"),
            ("LOG_LEVEL", "debug"),
            ("METRICS_NAMESPACE", "Team/Music"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH", "http://cloudwatch"),
            ("AWS_ENDPOINT_URL_LAMBDA", "http://lambda"),
            ("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", "http://tags"),
        ])
        .unwrap();
        let names = ["plays", "sluice-dev-*"].map(|name| Pattern::parse(name).unwrap()).to_vec();
        let tag = Some(Tag { key: "team".to_owned(), value: "music=loud".to_owned() });
        assert_eq!(config.watch, Watch { names, tag });
        assert_eq!(config.min_invocations, 10);
        assert_eq!(config.log_level, Level::DEBUG);
        assert_eq!(config.metrics_namespace, "Team/Music");
        assert_eq!(config.aws.endpoint(sdk::CLOUDWATCH), Some("http://cloudwatch"));
        assert_eq!(config.aws.endpoint(sdk::LAMBDA), Some("http://lambda"));
        assert_eq!(config.aws.endpoint(sdk::TAGGING), Some("http://tags"));
    }

    #[test]
    fn errors_name_variable_value_and_what_is_allowed() {
        let names = "names of functions, separated by commas, with a * only at the end of a name";
        let tag = "key=value, a tag of functions";
        let nothing = "names of functions, unless WATCH_TAG is set";
        for (variable, value, allowed) in [
            ("FUNCTION_NAMES", "plays,*-prod", names),
            ("FUNCTION_NAMES", "plays and skips", names),
            ("FUNCTION_NAMES", "", nothing),
            ("FUNCTION_NAMES", " , ", nothing),
            ("WATCH_TAG", "music", tag),
            ("WATCH_TAG", "=music", tag),
            ("MIN_INVOCATIONS", "0", "a whole number from 1 to 1000000"),
        ] {
            let names = ("FUNCTION_NAMES", "plays");
            let error = config(&[names, (variable, value)]).unwrap_err().to_string();
            assert_eq!(error, format!("{variable} is {value:?}, but must be {allowed}"));
        }
        let error = config(&[]).unwrap_err().to_string();
        assert_eq!(error, format!("FUNCTION_NAMES is \"\", but must be {nothing}"));
        // An empty tag is none.
        let config = config(&[("FUNCTION_NAMES", "plays"), ("WATCH_TAG", "")]).unwrap();
        assert_eq!(config.watch.tag, None);
    }
}
