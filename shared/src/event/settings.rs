//! The model's settings, from the environment.

use super::{DocumentForm, Mapping, MappingError, Model, Plausible, Timestamp};
use crate::config::{self, ConfigError, Environment};

/// The variables that [`model`] reads.
pub const VARIABLES: &[&str] = &[
    "MAPPING",
    "TIMESTAMP_FIELDS",
    "TIMESTAMP_MIN",
    "TIMESTAMP_MAX_AHEAD_SECONDS",
    "EXTRA_MAX_BYTES",
    "DOCUMENT",
];

/// The variables that [`model_of_times`] reads.
pub const TIMESTAMP_VARIABLES: &[&str] =
    &["TIMESTAMP_FIELDS", "TIMESTAMP_MIN", "TIMESTAMP_MAX_AHEAD_SECONDS"];

const TIMESTAMP_FIELDS: &str =
    "@timestamp,timestamp,event_time,eventTime,occurred_at,time,ts,created_at";

/// Reads the model from the environment: `MAPPING`, `TIMESTAMP_FIELDS`, `TIMESTAMP_MIN`,
/// `TIMESTAMP_MAX_AHEAD_SECONDS`, `EXTRA_MAX_BYTES`, `DOCUMENT`.
///
/// # Errors
/// [`ConfigError`] for an invalid value; for a mapping, it names the entry.
pub fn model(environment: &Environment) -> Result<Model, ConfigError> {
    // The timestamps are checked separately first, so that an error names the right variable.
    let of_times = model_of_times(environment)?;
    let paths = || timestamp_paths(environment);
    let mut mapping = Mapping::music(paths()).map_err(|error| wrong_times(environment, &error))?;
    if let Some(value) = environment.get("MAPPING") {
        let error = |reason: String| {
            let allowed = "a mapping in JSON, {\"artist.id\":[\"artist.id\",\"artist_id\"],…}, or @ \
                 and the path of a file that holds one";
            ConfigError::new("MAPPING", value, format!("{allowed} ({reason})"))
        };
        let json = config::text_or_file(value).map_err(&error)?;
        mapping =
            Mapping::from_json(&json, paths()).map_err(|problem| error(problem.to_string()))?;
    }
    Ok(Model {
        mapping,
        extra_max_bytes: environment.number("EXTRA_MAX_BYTES", 16_384, 0, 32_000)?,
        form: environment
            .parse_with("DOCUMENT", DocumentForm::ALLOWED, DocumentForm::parse)?
            .unwrap_or_default(),
        ..of_times
    })
}

/// A model without document fields, for functions that read values of events
/// ([`Model::input_path`]): `TIMESTAMP_FIELDS`, `TIMESTAMP_MIN`, `TIMESTAMP_MAX_AHEAD_SECONDS`.
///
/// # Errors
/// [`ConfigError`] for an invalid value.
pub fn model_of_times(environment: &Environment) -> Result<Model, ConfigError> {
    let mapping = Mapping::of_times(timestamp_paths(environment))
        .map_err(|error| wrong_times(environment, &error))?;
    let min = environment.parse_with(
        "TIMESTAMP_MIN",
        "an RFC 3339 time, not before 1970 and not after 2262",
        |text| Timestamp::from_rfc3339(text.as_bytes()),
    )?;
    Ok(Model {
        mapping,
        plausible: Plausible {
            min: min.unwrap_or(Timestamp::YEAR_2000),
            max_ahead_seconds: environment.number(
                "TIMESTAMP_MAX_AHEAD_SECONDS",
                86_400,
                0,
                u64::MAX,
            )?,
        },
        extra_max_bytes: 0,
        form: DocumentForm::Mapped,
    })
}

fn timestamps(environment: &Environment) -> &str {
    environment.get("TIMESTAMP_FIELDS").unwrap_or(TIMESTAMP_FIELDS)
}

fn timestamp_paths(environment: &Environment) -> impl Iterator<Item = &str> {
    timestamps(environment).split(',').map(str::trim)
}

fn wrong_times(environment: &Environment, error: &MappingError) -> ConfigError {
    let allowed = format!("names or two-segment paths, separated by commas ({error})");
    ConfigError::new("TIMESTAMP_FIELDS", timestamps(environment), allowed)
}

/// `DROP_ACTIONS`: the actions of events that are dropped, separated by commas.
#[must_use]
pub fn drop_actions(environment: &Environment) -> Vec<String> {
    let actions = environment.get("DROP_ACTIONS").unwrap_or_default().split(',').map(str::trim);
    actions.filter(|action| !action.is_empty()).map(str::to_owned).collect()
}
