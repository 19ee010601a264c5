//! The calls of lambda-metrics.

use crate::table::Expected::{Answers, Counts, CountsNo, Error};
use crate::table::{Call, EMPTY_IS_FINE, Expected, Function, Scene};

const FAILED: &[Expected] = &[Error("PollFailed"), Counts("PollFailures")];

pub(crate) const FUNCTION: Function = Function {
    name: "lambda-metrics",
    seconds: 6,
    variables: &[("FUNCTION_NAMES", "likes"), ("WATCH_TAG", "team=music")],
    scenes: &[Scene {
        name: "a function",
        event: "@ordinary",
        variables: &[],
        answers: &[
            ("lambda:ListFunctions", r#"{"Functions":[{"FunctionName":"likes","Timeout":3}]}"#),
            (
                "tag:GetResources",
                r#"{"ResourceTagMappingList":[{"ResourceARN":"arn:aws:lambda:us-east-1:123456789012:function:likes","Tags":[{"Key":"team","Value":"music"}]}]}"#,
            ),
            (
                "lambda:GetAccountSettings",
                r#"{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":1000}}"#,
            ),
            ("lambda:GetFunctionConcurrency", "{}"),
            ("cloudwatch:ListMetrics", r#"{"Metrics":[]}"#),
            ("cloudwatch:GetMetricData", "[1.0]"),
        ],
        healthy: &[Answers, Counts("Polls"), CountsNo("PollFailures")],
        late: FAILED,
        calls: &[
            Call::new("lambda:ListFunctions", "ListFunctions", FAILED).except(EMPTY_IS_FINE),
            Call::new("lambda:GetAccountSettings", "GetAccountSettings", FAILED),
            Call::new("lambda:GetFunctionConcurrency", "GetFunctionConcurrency", FAILED)
                .except(EMPTY_IS_FINE),
            Call::new("tag:GetResources", "GetResources", FAILED).except(EMPTY_IS_FINE),
            Call::new("cloudwatch:ListMetrics", "ListMetrics", FAILED).except(EMPTY_IS_FINE),
            Call::new("cloudwatch:GetMetricData", "GetMetricData", FAILED),
        ],
    }],
};
