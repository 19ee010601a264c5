//! A small AWS on this machine, to which the real template is deployed: MiniStack, with the SAM
//! command line. Both are Python programs that have to be on the path.
//!
//! It runs functions without a container, from the binary that is deployed, whatever architecture
//! the template says.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::machine::{Supervised, Unavailable, listening, run, temporary_folder};
use crate::server;

/// The region of everything in it: what it takes for requests that name none.
const REGION: &str = "us-east-1";

const PROBE_LIMIT: Duration = Duration::from_mins(1);

/// How long a deployment may take: 20 seconds are usual.
const DEPLOY_LIMIT: Duration = Duration::from_mins(5);

/// It ends its functions when it is asked to end, and is given ten seconds for it.
const END: &str = r#"
kill "$server"
tries=0
while kill -0 "$server" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -KILL "$server"
"#;

/// Why the cloud, or a stack in it, is unavailable. The texts are parts of a sentence, to follow
/// "because".
#[expect(missing_docs, reason = "their texts say it")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    #[error("there is no {0} on the path ({1}); install it with pip")]
    Missing(&'static str, std::io::Error),
    #[error("MiniStack: {0}")]
    Machine(#[from] Unavailable),
    #[error("sam deploy failed: {0}")]
    Deploy(String),
}

/// A running MiniStack; it ends, and all that is in it goes, when this value is dropped, and also
/// when this process is killed.
#[derive(Debug)]
pub struct Cloud {
    server: Supervised,
    url: String,
}

impl Cloud {
    /// Brings it up on a free port, and waits until it listens: two to five seconds.
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
        line.extend(variables(&url).map(OsString::from));
        line.push(format!("BIND_HOST={}", address.ip()).into());
        line.push(format!("GATEWAY_PORT={}", address.port()).into());
        // Would listen on a fixed port.
        line.push("IOT_MTLS_ENABLED=0".into());
        let mut temporary = OsString::from("TMPDIR=");
        temporary.push(folder.path());
        line.extend([temporary, "ministack".into()]);
        let server = Supervised::start(folder, END, &line, false)?;
        let server = listening(server, address).await?;
        Ok(Self { server, url })
    }

    /// Where every service answers, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Deploys the `template.yaml` of a folder as a stack of this name. Each function's `CodeUri`
    /// is a folder beside it with the file `bootstrap`.
    ///
    /// # Errors
    /// [`CloudError::Missing`], or [`CloudError::Deploy`] with the last words of the command.
    pub async fn deploy(
        &self,
        folder: &Path,
        stack: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(), CloudError> {
        let mut arguments: Vec<String> = variables(&self.url).into();
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

    /// The last lines that it printed, those of its functions among them.
    #[must_use]
    pub fn last_lines(&self) -> String {
        self.server.last_lines()
    }

    /// Ends it and its functions, and waits until that is done.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// What `env` sets for the cloud and for its client: nobody else's account, and no proxy.
fn variables(url: &str) -> [String; 7] {
    [
        "AWS_ACCESS_KEY_ID=local".to_owned(),
        "AWS_SECRET_ACCESS_KEY=local".to_owned(),
        format!("AWS_DEFAULT_REGION={REGION}"),
        format!("AWS_REGION={REGION}"),
        format!("AWS_ENDPOINT_URL={url}"),
        "NO_PROXY=127.0.0.1,localhost".to_owned(),
        "SAM_CLI_TELEMETRY=0".to_owned(),
    ]
}
