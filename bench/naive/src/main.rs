//! The naive peer as a Lambda function.

use aws_lambda_events::firehose::KinesisFirehoseResponse;
use chrono::Utc;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use naive::{FirehoseEvent, respond};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(transform)).await
}

async fn transform(event: LambdaEvent<FirehoseEvent>) -> Result<KinesisFirehoseResponse, Error> {
    Ok(respond(event.payload, Utc::now()))
}
