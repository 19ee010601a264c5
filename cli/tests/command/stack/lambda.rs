//! Lambda, which answers with the functions and event source mappings of a [`World`].

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use testkit::Reply;

use super::aws::{reply, texts};
use super::world::{HERE, VPC, World};

impl World {
    pub(super) fn lambda(&self, path: &str, query: &str, here: &str) -> Reply {
        let path = path.trim_end_matches('/');
        let mut parts = path.split('/').skip(2);
        match (parts.next(), parts.next(), parts.next()) {
            (Some("account-settings"), ..) => Reply::json(
                200,
                &json!({"AccountLimit": {
                    "ConcurrentExecutions": 1000,
                    "UnreservedConcurrentExecutions": self.unreserved,
                }}),
            ),
            (Some("event-source-mappings"), ..) => self.mappings(query),
            (Some("functions"), Some(name), config) => {
                let function = self.find("AWS::Lambda::Function", name);
                let found = match config {
                    None => function.map(|function| {
                        let configuration = configuration(name, function).to_string();
                        serde_json::from_str(&configuration.replace(HERE, here)).unwrap()
                    }),
                    Some(_) => function
                        .and_then(|function| function["EventInvokeConfig"].get("DestinationConfig"))
                        .map(|it| json!({"DestinationConfig": it})),
                };
                reply(found, "ResourceNotFoundException")
            }
            _ => panic!("{path} is not expected"),
        }
    }

    fn mappings(&self, query: &str) -> Reply {
        let query = percent_decode_str(query).decode_utf8_lossy().into_owned();
        let (by, of) = query.split_once('=').unwrap();
        let own = match by {
            "FunctionName" => "Function",
            _ => "Queue",
        };
        let all = self.of_type("AWS::Lambda::EventSourceMapping").into_iter();
        let found = all.filter(|(_, it)| it[own] == of).map(|(id, it)| {
            let enabled = it["Enabled"] != false;
            json!({
                "UUID": id, "EventSourceArn": it["Queue"],
                "State": if enabled { "Enabled" } else { "Disabled" },
                "BatchSize": it["BatchSize"], "FunctionResponseTypes": it["FunctionResponseTypes"],
                "MaximumBatchingWindowInSeconds": it["MaximumBatchingWindowInSeconds"],
                "ScalingConfig": it["ScalingConfig"], "FilterCriteria": it["FilterCriteria"],
            })
        });
        Reply::json(200, &json!({"EventSourceMappings": found.collect::<Vec<_>>()}))
    }
}

fn configuration(name: &str, function: &Value) -> Value {
    let vpc = &function["VpcConfig"]["SubnetIds"];
    let mut configuration = json!({
        "FunctionName": name, "Timeout": function["Timeout"], "Runtime": function["Runtime"],
        "FunctionArn": format!("arn:aws:lambda:eu-west-1:123456789012:function:{name}"),
        "Architectures": function["Architectures"], "Role": function["Role"],
        "LoggingConfig": {"LogGroup": function["LoggingConfig"]["LogGroup"]},
        "State": function["State"].as_str().unwrap_or("Active"), "LastUpdateStatus": "Successful",
        "Environment": {"Variables": texts(&function["Environment"]["Variables"])},
    });
    if vpc.is_array() {
        configuration["VpcConfig"] = json!({"VpcId": VPC, "SubnetIds": vpc});
    }
    let mut reply = json!({"Configuration": configuration});
    if let Some(reserved) = function.get("ReservedConcurrentExecutions") {
        reply["Concurrency"] = json!({"ReservedConcurrentExecutions": reserved});
    }
    reply
}
