//! The calls of cost-report.

use crate::table::Expected::{Answer, Answers, Counts, Error};
use crate::table::{Call, EMPTY_IS_FINE, Expected, Function, Scene};

const REPORTED: &[Expected] = &[Answers, Counts("CostRequests")];
const FAILED: &[Expected] = &[Error("ReportFailed"), Counts("CostRequests")];
const NOT_PUBLISHED: &[Expected] = &[Error("NotPublished")];

pub(crate) const FUNCTION: Function = Function {
    name: "cost-report",
    seconds: 12,
    variables: &[("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts")],
    scenes: &[
        Scene {
            name: "a report",
            event: "@scheduled",
            variables: &[],
            answers: &[
                ("ce:GetCostAndUsage", "7.5"),
                ("ce:GetCostForecast", r#"{"Total":{"Amount":"7.5","Unit":"USD"}}"#),
                ("ce:GetAnomalies", r#"{"Anomalies":[]}"#),
                ("sns:Publish", "{}"),
            ],
            healthy: REPORTED,
            late: &[Error("ReportFailed")],
            calls: &[
                Call::new("ce:GetCostAndUsage", "costs", FAILED),
                Call::new("ce:GetCostForecast", "forecast", REPORTED),
                Call::new("ce:GetAnomalies", "anomalies", REPORTED).except(EMPTY_IS_FINE),
                Call::new("sns:Publish", "publish", NOT_PUBLISHED),
            ],
        },
        Scene {
            name: "a budget",
            event: "@budget",
            variables: &[],
            answers: &[("sns:Publish", "{}")],
            healthy: &[Answer("/published", "1")],
            late: NOT_PUBLISHED,
            calls: &[Call::new("sns:Publish", "publish", NOT_PUBLISHED)],
        },
    ],
};
