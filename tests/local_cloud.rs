//! The stack in a small AWS on this machine, to try the operations on: `docs/operations.md`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use local::binaries;
use local::cloud::Cloud;
use local::opensearch::{Choice, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch};
use local::signal::interrupted;
use suite::cloud::{BUCKET, FUNCTIONS, Failure, STACK, deploy};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Dropped when it is interrupted, with all processes.
    let run = tokio::select! {
        biased;
        () = interrupted() => Ok(()),
        run = run() => run,
    };
    let Err(error) = run else { return ExitCode::SUCCESS };
    say(&format!("The stack does not run, because {error}"));
    ExitCode::FAILURE
}

async fn run() -> Result<(), Failure> {
    let (binaries, opensearch, cloud) = tokio::join!(
        binaries::build(&FUNCTIONS, say),
        OpenSearch::start(Choice::Auto, say),
        Cloud::start(),
    );
    let (binaries, opensearch, cloud) = (binaries?, opensearch?, cloud?);
    opensearch.client().put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await?;
    say("Deploying the stack, which takes about 20 seconds.");
    deploy(&cloud, &binaries, opensearch.url(), &[]).await?;
    // The AWS CLI reads the second variable of the region, other tools the first.
    let exports = [
        ("AWS_ENDPOINT_URL", cloud.url()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("OPENSEARCH_ENDPOINT", opensearch.url()),
        ("OPENSEARCH_AUTH", "none"),
    ];
    let exports = exports.map(|(name, value)| format!("export {name}={value}\n")).concat();
    say(&format!(
        "The stack {STACK} runs, and loads the objects of the bucket {BUCKET}. In another terminal:\n\n\
         unset AWS_PROFILE\n{exports}\nCtrl-C ends it, and removes everything in it.",
    ));
    std::future::pending().await
}

fn say(line: &str) {
    let _closed = writeln!(io::stderr(), "{line}");
}
