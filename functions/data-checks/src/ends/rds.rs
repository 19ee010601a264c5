//! Statements on Amazon RDS and Aurora through the RDS Data API.
//!
//! Source: Amazon RDS Data Service API reference, `ExecuteStatement`.

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_rdsdata::Client;
use aws_sdk_rdsdata::config::retry::RetryConfig;
use aws_sdk_rdsdata::types::Field;
use shared::aws::{Aws, CallFailure, Service};
use tokio::time::sleep;

use super::Unread;
use crate::measured::Column;

/// The RDS Data API, in `AWS_ENDPOINT_URL_RDS_DATA`.
pub(crate) const RDS_DATA: Service = "RDS_DATA";

/// The wait before a statement is repeated while Aurora resumes.
const WAKING: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Rds {
    aws: Aws,
    client: OnceLock<Client>,
}

impl Rds {
    pub(super) const fn new(aws: Aws) -> Self {
        Self { aws, client: OnceLock::new() }
    }

    /// Returns the first row of a statement's answer; empty if it has none. It has no time limit.
    pub(super) async fn first_row(
        &self,
        resource_arn: &str,
        secret_arn: &str,
        database: &str,
        sql: String,
    ) -> Result<Vec<Column>, Unread> {
        let client = self
            .client
            .get_or_init(|| Client::new(&self.aws.sdk_config(RDS_DATA, RetryConfig::standard())));
        let call = client
            .execute_statement()
            .resource_arn(resource_arn)
            .secret_arn(secret_arn)
            .database(database)
            .sql(sql);
        loop {
            // Boxed: the SDK's state is large.
            let answer = match Box::pin(call.clone().send()).await {
                Ok(answer) => answer,
                Err(error) => {
                    let failure = CallFailure::from(&error);
                    if failure.code.as_deref() != Some("DatabaseResumingException") {
                        return Err(Unread::new(failure));
                    }
                    sleep(WAKING).await;
                    continue;
                }
            };
            let row = answer.records.unwrap_or_default().into_iter().next();
            return Ok(row.unwrap_or_default().into_iter().map(column).collect());
        }
    }
}

fn column(field: Field) -> Column {
    match field {
        Field::BooleanValue(is) => Some(is.to_string()),
        Field::DoubleValue(number) => Some(number.to_string()),
        Field::LongValue(number) => Some(number.to_string()),
        Field::StringValue(text) => Some(text),
        Field::IsNull(_) => None,
        _ => Some("bytes or an array".to_owned()),
    }
}
