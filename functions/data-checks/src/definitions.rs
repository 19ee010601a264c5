//! Reads the definitions of checks from Systems Manager.
//!
//! Source: AWS Systems Manager API reference, `GetParametersByPath`.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::Builder;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::config::timeout::TimeoutConfig;
use aws_sdk_ssm::types::Parameter;
use shared::aws::{Aws, CallFailure, Service};
use tokio::time::{Instant, timeout_at};

use crate::definition::{Check, Invalid};

/// Systems Manager, in `AWS_ENDPOINT_URL_SSM`.
pub(crate) const SSM: Service = "SSM";

/// Maximum time that one request waits for its answer.
const MAX_ATTEMPT: Duration = Duration::from_secs(5);

/// Maximum number of pages, of ten parameters each.
const MAX_PAGES: usize = 100;

/// The checks that were read, or why each cannot be run, by name.
pub(crate) type Definitions = BTreeMap<String, Result<Check, Invalid>>;

/// A path of parameters.
#[derive(Debug)]
pub(crate) struct Parameters {
    path: String,
    aws: Aws,
    client: OnceLock<Client>,
}

impl Parameters {
    pub(crate) const fn new(path: String, aws: Aws) -> Self {
        Self { path, aws, client: OnceLock::new() }
    }

    /// Returns the checks under the path and, if a later page fails, that failure.
    pub(crate) async fn read(&self, until: Instant) -> (Definitions, Option<CallFailure>) {
        let (mut definitions, mut token) = (Definitions::new(), None);
        for _ in 0..MAX_PAGES {
            // Boxed: the SDK's state is large.
            let page = timeout_at(until, Box::pin(self.page(token.take()))).await;
            match page.unwrap_or_else(|_| Err(CallFailure::late())) {
                Ok((parameters, next)) => {
                    for parameter in parameters {
                        add(&mut definitions, parameter);
                    }
                    token = next;
                }
                Err(failure) => return (definitions, Some(failure)),
            }
            if token.is_none() {
                return (definitions, None);
            }
        }
        let message = format!("there are more than {MAX_PAGES} pages");
        (definitions, Some(CallFailure { code: None, message }))
    }

    async fn page(
        &self,
        token: Option<String>,
    ) -> Result<(Vec<Parameter>, Option<String>), CallFailure> {
        let call = self
            .client()
            .get_parameters_by_path()
            .path(&self.path)
            .recursive(true)
            .with_decryption(true)
            .set_next_token(token);
        let answer = call.send().await.map_err(|error| CallFailure::from(&error))?;
        // An empty token also ends a list.
        let next = answer.next_token.filter(|token| !token.is_empty());
        Ok((answer.parameters.unwrap_or_default(), next))
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let config = self.aws.sdk_config(SSM, RetryConfig::standard());
            let timeouts = TimeoutConfig::builder().operation_attempt_timeout(MAX_ATTEMPT).build();
            Client::from_conf(Builder::from(&config).timeout_config(timeouts).build())
        })
    }
}

/// Adds the check of a parameter, whose name is the last part of the parameter's.
fn add(definitions: &mut Definitions, parameter: Parameter) {
    let (path, text) = (parameter.name.unwrap_or_default(), parameter.value.unwrap_or_default());
    let name = path.rsplit('/').next().unwrap_or_default();
    let check = if definitions.contains_key(name) {
        Err(Invalid::duplicate())
    } else {
        Check::parse(name, &text)
    };
    definitions.insert(name.to_owned(), check);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_parameters_name_is_the_checks() {
        let mut definitions = Definitions::new();
        let end = r#"{"kind":"opensearch","endpoint":"https://a.test","index":"a"}"#;
        let check = format!("{{\"target\":{end}}}");
        for (name, value) in
            [("/a/plays", &*check), ("/a/b/skips", "{}"), ("/a/x", &check), ("/a/b/x", &check)]
        {
            let parameter = Parameter::builder().name(name).value(value).build();
            add(&mut definitions, parameter);
        }
        let read: Vec<_> = definitions
            .iter()
            .map(|(name, check)| (&**name, check.as_ref().err().map(ToString::to_string)))
            .collect();
        let missing = Some("`target` is missing".to_owned());
        let twice = Some("another check has this name".to_owned());
        assert_eq!(read, [("plays", None), ("skips", missing), ("x", twice)]);
    }
}
