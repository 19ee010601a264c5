//! Region and credentials of the user, from the same sources as in the AWS CLI.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_credential_types::provider::error::CredentialsError;
use aws_types::region::Region;
use shared::aws::{Aws, Connections, cause};
use shared::config::Environment;
use tokio::time::timeout;

use crate::console::printable;
use crate::error::CliError;

/// Maximum time to get credentials: a `credential_process` may take a while.
const LIMIT: Duration = Duration::from_mins(1);

/// Advice for missing credentials.
const ADVICE: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of the AWS \
                      CLI with --profile NAME or AWS_PROFILE";

/// The options of every command that calls AWS.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct Account {
    /// The profile of the AWS CLI with the credentials, instead of those of the environment
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,
    /// The region, instead of `AWS_REGION` and that of the profile
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,
}

impl Account {
    /// Whether the user names the credentials, which are then used even if none are needed.
    pub(crate) const fn has_profile(&self) -> bool {
        self.profile.is_some()
    }

    /// Returns the environment with the region of `--region`.
    pub(super) fn with_region(&self, environment: &Environment) -> Environment {
        match &self.region {
            Some(region) => environment.clone().with("AWS_REGION", region),
            None => environment.clone(),
        }
    }

    /// Returns the environment with credentials and, if one is found, a region: those that it has,
    /// else those of the profile, of a web identity, of a container, or of the instance.
    ///
    /// They are read once. A command that outlasts temporary credentials fails.
    ///
    /// # Errors
    /// [`CliError::Failed`] if there are no credentials.
    pub(crate) async fn sign_in(&self, environment: &Environment) -> Result<Environment, CliError> {
        let environment = self.with_region(environment);
        let aws = Aws::from_environment(&environment, &[]);
        let config = ProviderConfig::without_region().with_http_client(Connections::for_sdk());
        let imds = imds::Client::builder().configure(&config).max_attempts(1).build();
        let found = async {
            let region = match (aws.region.clone(), aws.credentials.is_some()) {
                (Some(region), _) => Some(Region::new(region)),
                (None, has_keys) => self.find_region(&config, &imds, has_keys).await,
            };
            let config = config.clone().with_region(region.clone());
            let credentials = match (&self.profile, aws.credentials) {
                (None, Some(credentials)) => Ok(credentials),
                (Some(profile), _) => {
                    let profile = ProfileFileCredentialsProvider::builder().profile_name(profile);
                    profile.configure(&config).build().provide_credentials().await
                }
                (None, None) => {
                    let chain = DefaultCredentialsChain::builder().imds_client(imds.clone());
                    let chain = chain.configure(config).region(region.clone());
                    chain.build().await.provide_credentials().await
                }
            };
            (region, credentials)
        };
        let late = |_| CliError::failed("failed to get AWS credentials within a minute");
        let (region, credentials) = timeout(LIMIT, Box::pin(found)).await.map_err(late)?;
        let credentials = credentials.map_err(|error| self.failed(&error))?;
        let token = credentials.session_token().unwrap_or_default();
        let environment = environment
            .with("AWS_ACCESS_KEY_ID", credentials.access_key_id())
            .with("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key())
            .with("AWS_SESSION_TOKEN", token);
        Ok(match region {
            Some(region) => environment.with("AWS_REGION", region.as_ref()),
            None => environment,
        })
    }

    /// Finds the region of the profile or, without keys in the environment, of the instance.
    async fn find_region(
        &self,
        config: &ProviderConfig,
        imds: &imds::Client,
        has_keys: bool,
    ) -> Option<Region> {
        let mut profile = ProfileFileRegionProvider::builder().configure(config);
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let region = profile.build().region().await;
        if region.is_some() || has_keys || self.has_profile() {
            return region;
        }
        let instance = ImdsRegionProvider::builder().configure(config).imds_client(imds.clone());
        instance.build().region().await
    }

    fn failed(&self, error: &CredentialsError) -> CliError {
        let whose = self.profile.as_ref().map(|name| format!(" of the profile {name}"));
        let whose = whose.unwrap_or_default();
        if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
            return CliError::failed(match &self.profile {
                None => format!("found no AWS credentials: {ADVICE}"),
                Some(name) => format!(
                    "found no AWS credentials of the profile {name}: `aws configure list-profiles` \
                     lists the profiles of this machine"
                ),
            });
        }
        let reason = printable(&cause(error), 500);
        let option = self.profile.as_ref().map(|name| format!(" --profile {name}"));
        let option = option.unwrap_or_default();
        // Without a profile, the role of the instance was tried last.
        let advice = if whose.is_empty() { format!(" Or {ADVICE}.") } else { String::new() };
        CliError::failed(format_args!(
            "failed to get the AWS credentials{whose}: {reason}\nCheck them with `aws sts \
             get-caller-identity{option}`. `aws sso login{option}` renews a session of SSO.{advice}"
        ))
    }
}
