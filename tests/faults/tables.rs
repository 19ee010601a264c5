//! The calls of the functions. log-metrics makes none.

pub(crate) mod alert_notifier;
pub(crate) mod cost_report;
pub(crate) mod data_checks;
pub(crate) mod dlq_redrive;
pub(crate) mod firehose_transform;
pub(crate) mod idle_resources;
pub(crate) mod lambda_metrics;
pub(crate) mod object_loader;
pub(crate) mod parking;
pub(crate) mod pipeline_alerts;
pub(crate) mod rightsizing;
pub(crate) mod sensor_points;
pub(crate) mod sqs_consumer;
pub(crate) mod warehouse_watch;

use crate::table::Function;

// Answers for several functions.
const WRITTEN: (&str, &str) = (
    "opensearch:_bulk",
    r#"{"took":1,"errors":false,"items":[{"create":{"_index":"music-events","_id":"a","status":201}}]}"#,
);
const DOMAIN: (&str, &str) = (
    "es:DescribeDomain",
    r#"{"DomainStatus":{"DomainId":"1/music","DomainName":"music","ARN":"arn:aws:es:eu-west-1:123456789012:domain/music","ClusterConfig":{},"Endpoint":"{host}"}}"#,
);

/// All functions with calls.
pub(crate) const FUNCTIONS: &[&Function] = &[
    &alert_notifier::FUNCTION,
    &cost_report::FUNCTION,
    &data_checks::FUNCTION,
    &dlq_redrive::FUNCTION,
    &firehose_transform::FUNCTION,
    &idle_resources::FUNCTION,
    &lambda_metrics::FUNCTION,
    &object_loader::FUNCTION,
    &parking::FUNCTION,
    &pipeline_alerts::FUNCTION,
    &rightsizing::FUNCTION,
    &sensor_points::FUNCTION,
    &sqs_consumer::FUNCTION,
    &warehouse_watch::FUNCTION,
];
