//! The settings of a function that consumes a queue: `sqs-consumer` or `object-loader`.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::config::Environment;
use shared::event::DocumentForm;
use shared::opensearch;

/// Variables that Lambda sets and does not return.
const SET_BY_LAMBDA: [&str; 2] = ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"];

/// Variables that may name a file of the function's package.
const FILES: [&str; 2] = ["MAPPING", "METRIC_RULES"];

/// The variable that only `object-loader` has, and requires.
const OF_OBJECT_LOADER: &str = "CONTINUE_QUEUE_URL";

/// The settings that are checked.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) deadline_margin: Duration,
    pub(super) opensearch: opensearch::Settings,
    pub(super) form: DocumentForm,
    /// Whether a queue for events that can never become documents is missing.
    pub(super) lacks_quarantine: bool,
}

impl Settings {
    /// Parses the variables as the function does.
    ///
    /// # Errors
    /// The error of the function.
    pub(super) fn parse(variables: &BTreeMap<String, String>) -> Result<Self, String> {
        let lambda = SET_BY_LAMBDA.map(|name| (name, "set"));
        let own = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // Files of the function's package are not on this machine.
        let is_file = |name, value: &str| FILES.contains(&name) && value.starts_with('@');
        let own = own.filter(|&(name, value)| !is_file(name, value));
        let environment: Environment = lambda.into_iter().chain(own).collect();
        let settings = if variables.contains_key(OF_OBJECT_LOADER) {
            object_loader::Config::from_environment(&environment).map(Self::from)
        } else {
            sqs_consumer::Config::from_environment(&environment).map(Self::from)
        };
        settings.map_err(|error| error.to_string())
    }
}

impl From<sqs_consumer::Config> for Settings {
    fn from(config: sqs_consumer::Config) -> Self {
        Self {
            deadline_margin: config.deadline_margin,
            opensearch: config.opensearch,
            form: config.model.form,
            lacks_quarantine: config.quarantine_url.is_none(),
        }
    }
}

impl From<object_loader::Config> for Settings {
    fn from(config: object_loader::Config) -> Self {
        Self {
            deadline_margin: config.deadline_margin,
            opensearch: config.opensearch,
            form: config.reading.model.form,
            // Its refused records are in `FAILURES_BUCKET`, which is required.
            lacks_quarantine: false,
        }
    }
}

/// The name of the function that has these variables.
pub(super) fn function(variables: &BTreeMap<String, String>) -> &'static str {
    if variables.contains_key(OF_OBJECT_LOADER) { "object-loader" } else { "sqs-consumer" }
}
