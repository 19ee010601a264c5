//! A small AWS on this machine, to which the real template is deployed: MiniStack, with the SAM
//! command line. Both are Python programs that must be on the path.
//!
//! It runs functions without a container, from the deployed binary, whatever architecture the
//! template names.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::machine::{Supervised, Unavailable, listening, run, temporary_folder};
use crate::server;

/// The region of all resources: MiniStack's default for requests that name none.
const REGION: &str = "us-east-1";

const PROBE_LIMIT: Duration = Duration::from_mins(1);

/// Maximum duration of a deployment; 20 seconds are typical.
const DEPLOY_LIMIT: Duration = Duration::from_mins(5);

/// MiniStack ends its functions when it is asked to end, which may take ten seconds.
const END: &str = r#"
kill "$server"
tries=0
while kill -0 "$server" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$server"
"#;

/// Why the cloud, or a stack in it, is unavailable. The texts are parts of a sentence that follow
/// "because".
#[expect(missing_docs, reason = "their texts say it")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    #[error(
        "there is no {0} on the path ({1}); docs/operations.md, \"In a local cloud\", installs it"
    )]
    Missing(&'static str, std::io::Error),
    #[error("MiniStack: {0}")]
    Machine(#[from] Unavailable),
    #[error("sam deploy failed: {0}")]
    Deploy(String),
}

/// A running MiniStack. It ends, with all resources, when this value is dropped or this process is
/// killed.
#[derive(Debug)]
pub struct Cloud {
    server: Supervised,
    url: String,
}

impl Cloud {
    /// Starts it on a free port, and waits until it listens, which takes two to five seconds.
    ///
    /// # Errors
    /// [`CloudError::Missing`] or [`CloudError::Machine`].
    pub async fn start() -> Result<Self, CloudError> {
        for (program, question) in [("ministack", "--help"), ("sam", "--version")] {
            let asked = run(Path::new(program), [question], None, PROBE_LIMIT).await;
            asked.map_err(|error| CloudError::Missing(program, error))?;
        }
        let folder = temporary_folder("sluice-cloud-")?;
        let address =
            server::free_address().await.map_err(Unavailable::io("no free port for", "it"))?;
        let url = format!("http://{address}");
        let mut line = vec![OsString::from("env")];
        line.extend(settings(&url).into_iter().map(OsString::from));
        line.push(format!("BIND_HOST={}", address.ip()).into());
        line.push(format!("GATEWAY_PORT={}", address.port()).into());
        // It would listen on a fixed port.
        line.push("IOT_MTLS_ENABLED=0".into());
        let mut temporary = OsString::from("TMPDIR=");
        temporary.push(folder.path());
        line.extend([temporary, "ministack".into()]);
        let server = Supervised::start(folder, END, &line, false)?;
        let server = listening(server, address).await?;
        Ok(Self { server, url })
    }

    /// The URL of all services, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The variables with which the AWS CLI and SDKs call it, and their values.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 5] {
        variables(&self.url)
    }

    /// Deploys the `template.yaml` of a folder as a stack of this name. Each function's `CodeUri`
    /// is a folder beside it that contains the file `bootstrap`.
    ///
    /// # Errors
    /// [`CloudError::Missing`], or [`CloudError::Deploy`] with the last lines of the command's
    /// output.
    pub async fn deploy(
        &self,
        folder: &Path,
        stack: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), CloudError> {
        let mut arguments = settings(&self.url);
        arguments.push("sam".to_owned());
        let options = "deploy --template-file template.yaml --resolve-s3 --no-confirm-changeset \
                       --no-progressbar --capabilities CAPABILITY_IAM --stack-name";
        arguments.extend(options.split_whitespace().map(str::to_owned));
        arguments.extend([stack.to_owned(), "--parameter-overrides".to_owned()]);
        arguments.extend(parameters.iter().map(|(name, value)| format!("{name}={value}")));
        let deployed = run(Path::new("env"), arguments, Some(folder), DEPLOY_LIMIT).await;
        let output = deployed.map_err(|error| CloudError::Deploy(error.to_string()))?;
        if output.success { Ok(()) } else { Err(CloudError::Deploy(output.complaint())) }
    }

    /// The last lines of its output, including those of its functions.
    #[must_use]
    pub fn last_lines(&self) -> String {
        self.server.last_lines()
    }

    /// Ends it and its functions, and waits for that.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

fn variables(url: &str) -> [(&'static str, String); 5] {
    [
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL", url.to_owned()),
    ]
}

/// The arguments of `env` for the cloud and its client: no other account, and no proxy.
fn settings(url: &str) -> Vec<String> {
    let fixed = ["-uAWS_PROFILE", "NO_PROXY=127.0.0.1,localhost", "SAM_CLI_TELEMETRY=0"];
    let variables = variables(url).map(|(name, value)| format!("{name}={value}"));
    fixed.map(str::to_owned).into_iter().chain(variables).collect()
}
