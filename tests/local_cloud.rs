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
    let own = [
        ("OPENSEARCH_ENDPOINT", opensearch.url().to_owned()),
        ("OPENSEARCH_AUTH", "none".to_owned()),
    ];
    let exports = cloud.variables().into_iter().chain(own);
    let exports = exports.map(|(name, value)| format!("export {name}={value}\n"));
    let exports = exports.collect::<Vec<_>>().concat();
    say(&format!(
        "The stack {STACK} runs, and loads the objects of the bucket {BUCKET}. In another terminal:\n\n\
         unset AWS_PROFILE\n{exports}\nCtrl-C ends it, and removes everything in it.",
    ));
    std::future::pending().await
}

fn say(line: &str) {
    let _closed = writeln!(io::stderr(), "{line}");
}
