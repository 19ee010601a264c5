//! AWS services, OpenSearch and Google Chat, which answer with the state of a [`World`].

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use testkit::{Call, Endpoint, Reply};

use super::world::{HERE, World};

/// Starts them all at one address.
pub(crate) async fn start(world: World) -> Endpoint {
    let world = Arc::new(world);
    Endpoint::start(move |call| {
        let here = format!("http://{}", call.headers["host"].to_str().unwrap());
        world.reply(call, &here)
    })
    .await
}

/// An element that contains text or elements; a list has the elements `member`.
fn xml(name: &str, value: &Value) -> String {
    let content = match value {
        Value::Array(items) => items.iter().map(|item| xml("member", item)).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| xml(name, value)).collect(),
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        other => other.to_string(),
    };
    format!("<{name}>{content}</{name}>")
}

fn query_reply(action: &str, result: &Value) -> Reply {
    let result = xml(&format!("{action}Result"), result);
    Reply::new(200, "text/xml", format!("<Response>{result}</Response>"))
}

fn missing(code: &'static str) -> Reply {
    Reply::aws_error(400, code).with_header("x-amzn-errortype", code)
}

pub(super) fn reply(found: Option<Value>, code: &'static str) -> Reply {
    found.map_or_else(|| missing(code), |found| Reply::json(200, &found))
}

/// Numbers as texts.
pub(super) fn texts(value: &Value) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), json!(text(value)))).collect::<Map<_, _>>().into()
}

impl World {
    fn reply(&self, call: &Call, here: &str) -> Reply {
        let text = String::from_utf8_lossy(&call.body).into_owned();
        let form = |name: &str| {
            let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
            let value = pairs.find(|(own, _)| *own == name)?.1;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        let action = form("Action").unwrap_or_else(|| call.operation.clone());
        if self.refused.contains(&*action) {
            return if text.starts_with("Action=") {
                let error = json!({"Error": {"Code": "AccessDenied", "Message": "not authorized"}});
                Reply::new(403, "text/xml", xml("ErrorResponse", &error))
            } else if call.path.contains("/operation/") {
                let error = json!({"__type": "AccessDenied", "message": "not authorized"});
                Reply::cbor(403, &error)
            } else {
                missing("AccessDeniedException")
            };
        }
        if text.starts_with("Action=") {
            return self.query(&action, form);
        }
        if call.headers.contains_key("x-amz-target") {
            return self.json(&action, &call.json(), here);
        }
        match &*call.path {
            path if path.contains("/operation/") => self.cloudwatch(&action),
            path if path.starts_with("/20") => self.lambda(path, &call.query, here),
            path if path.starts_with("/spaces/") => Reply::json(self.chat_status, &json!({})),
            "/" => Reply::json(
                200,
                &json!({"version": {"distribution": "opensearch", "number": "2.19.3"}}),
            ),
            path if path.starts_with("/_") => {
                let found = self.search.iter().find(|(start, _)| path.starts_with(**start));
                found.map_or_else(|| Reply::json(404, &json!({})), |(_, it)| Reply::json(200, it))
            }
            path => self.s3(path.trim_matches('/'), &call.query),
        }
    }

    fn query(&self, action: &str, form: impl Fn(&str) -> Option<String>) -> Reply {
        let stack = || {
            let name = form("StackName").unwrap();
            self.stacks.iter().find(|stack| stack.name == name)
        };
        match action {
            "DescribeStacks" => {
                let Some(stack) = stack() else {
                    let message = "Stack with id x does not exist";
                    let error = json!({"Error": {"Code": "ValidationError", "Message": message}});
                    return Reply::new(400, "text/xml", xml("ErrorResponse", &error));
                };
                let parameters: Vec<_> = self
                    .parameters
                    .iter()
                    .map(|(key, value)| json!({"ParameterKey": key, "ParameterValue": value}))
                    .collect();
                query_reply(
                    action,
                    &json!({"Stacks": [{
                        "StackName": stack.name, "StackStatus": stack.status,
                        "Parameters": parameters,
                    }]}),
                )
            }
            "ListStackResources" => {
                let all = stack().unwrap().resources.iter().map(|[logical, _, kind, id]| {
                    json!({
                        "LogicalResourceId": logical, "ResourceType": kind,
                        "PhysicalResourceId": id, "ResourceStatus": "CREATE_COMPLETE",
                    })
                });
                let all: Vec<_> = all.collect();
                // On two pages.
                let (first, second) = all.split_at(all.len() / 2);
                let page = match form("NextToken") {
                    None => json!({"StackResourceSummaries": first, "NextToken": "a+/="}),
                    Some(_) => json!({"StackResourceSummaries": second}),
                };
                query_reply(action, &page)
            }
            "GetTemplate" => {
                query_reply(action, &json!({"TemplateBody": stack().unwrap().template}))
            }
            "GetTopicAttributes" => {
                let arn = form("TopicArn").unwrap();
                let Some(topic) = self.find("AWS::SNS::Topic", &arn) else {
                    let error = json!({"Error": {"Code": "NotFound", "Message": "no topic"}});
                    return Reply::new(404, "text/xml", xml("ErrorResponse", &error));
                };
                let key = topic["KmsMasterKeyId"].as_str().unwrap_or_default();
                let entry = xml("entry", &json!({"key": "KmsMasterKeyId", "value": key}));
                let text = format!(
                    "<R><{action}Result><Attributes>{entry}</Attributes></{action}Result></R>"
                );
                Reply::new(200, "text/xml", text)
            }
            "ListSubscriptionsByTopic" => {
                let all = self.of_type("AWS::SNS::Subscription").into_iter().map(|(id, it)| {
                    let is_pending = it["Pending"] == true;
                    json!({
                        "Protocol": it["Protocol"], "Endpoint": it["Endpoint"],
                        "SubscriptionArn": if is_pending { "PendingConfirmation" } else { id },
                    })
                });
                query_reply(action, &json!({"Subscriptions": all.collect::<Vec<_>>()}))
            }
            "SimulatePrincipalPolicy" => {
                let role = form("PolicySourceArn").unwrap();
                let resource = form("ResourceArns.member.1").unwrap();
                let names = (1..).map_while(|n| form(&format!("ActionNames.member.{n}")));
                let results = names.map(|name| {
                    let is_allowed = self.allows(&role, &name, &resource);
                    json!({
                        "EvalActionName": name, "EvalResourceName": resource,
                        "EvalDecision": if is_allowed { "allowed" } else { "implicitDeny" },
                    })
                });
                query_reply(action, &json!({"EvaluationResults": results.collect::<Vec<_>>()}))
            }
            other => self.ec2(other),
        }
    }

    fn ec2(&self, action: &str) -> Reply {
        match action {
            "DescribeRouteTables" => {
                let exit = if self.has_nat { "natGatewayId" } else { "gatewayId" };
                let text = format!(
                    "<R><routeTableSet><item><associationSet><item><main>true</main></item>\
                     </associationSet><routeSet><item><destinationCidrBlock>0.0.0.0/0\
                     </destinationCidrBlock><{exit}>x</{exit}><state>active</state></item>\
                     </routeSet></item></routeTableSet></R>"
                );
                Reply::new(200, "text/xml", text)
            }
            "DescribeVpcEndpoints" => {
                let items = self.endpoints.iter().map(|service| {
                    format!(
                        "<item><serviceName>com.amazonaws.eu-west-1.{service}</serviceName>\
                         <state>available</state></item>"
                    )
                });
                let items: String = items.collect();
                let text = format!("<R><vpcEndpointSet>{items}</vpcEndpointSet></R>");
                Reply::new(200, "text/xml", text)
            }
            other => panic!("{other} is not expected"),
        }
    }

    fn json(&self, operation: &str, request: &Value, here: &str) -> Reply {
        let text = |name: &str| request[name].as_str().unwrap();
        match operation {
            "GetQueueAttributes" => {
                let code = "AWS.SimpleQueueService.NonExistentQueue";
                let queue = self.queue(text("QueueUrl"));
                reply(queue.map(|attributes| json!({"Attributes": attributes})), code)
            }
            "DescribeDeliveryStream" => {
                let name = text("DeliveryStreamName");
                let stream = self.find("AWS::KinesisFirehose::DeliveryStream", name);
                let stream = stream.map(|stream| delivery(name, stream));
                reply(stream, "ResourceNotFoundException")
            }
            "DescribeStreamSummary" => {
                let name = text("StreamName");
                let stream = self.find("AWS::Kinesis::Stream", name).map(|stream| {
                    json!({"StreamDescriptionSummary": {
                        "StreamName": name, "StreamARN": "arn", "StreamStatus": "ACTIVE",
                        "RetentionPeriodHours": stream["RetentionPeriodHours"],
                        "StreamCreationTimestamp": 1_709_296_496, "EnhancedMonitoring": [],
                        "OpenShardCount": 1,
                        "EncryptionType": stream["StreamEncryption"]["EncryptionType"],
                    }})
                });
                reply(stream, "ResourceNotFoundException")
            }
            "DescribeLogGroups" => {
                let name = text("logGroupNamePrefix");
                let group = self.find("AWS::Logs::LogGroup", name);
                let group = group.map(|group| {
                    json!({"logGroupName": name, "retentionInDays": group["RetentionInDays"]})
                });
                Reply::json(200, &json!({"logGroups": group.into_iter().collect::<Vec<_>>()}))
            }
            "DescribeSubscriptionFilters" => {
                let all = self.of_type("AWS::Logs::SubscriptionFilter").into_iter();
                let own = all.filter(|(_, it)| it["LogGroupName"] == request["logGroupName"]);
                let own = own.map(|(_, it)| json!({"destinationArn": it["DestinationArn"]}));
                Reply::json(200, &json!({"subscriptionFilters": own.collect::<Vec<_>>()}))
            }
            "DescribeRule" => {
                let rule = self.find("AWS::Events::Rule", text("Name"));
                let state = |rule: &Value| rule["State"].as_str().unwrap_or("ENABLED").to_owned();
                reply(
                    rule.map(|rule| json!({"Name": request["Name"], "State": state(rule)})),
                    "ResourceNotFoundException",
                )
            }
            "ListTargetsByRule" => {
                let rule = self.find("AWS::Events::Rule", text("Rule"));
                reply(
                    rule.map(|rule| json!({"Targets": rule["Targets"]})),
                    "ResourceNotFoundException",
                )
            }
            "GetSecretValue" => reply(
                self.secret
                    .as_ref()
                    .map(|secret| json!({"SecretString": secret.replace(HERE, here)})),
                "ResourceNotFoundException",
            ),
            other => panic!("{other} is not expected"),
        }
    }

    fn queue(&self, url: &str) -> Option<Value> {
        // The command calls a queue of an ARN at the endpoint.
        let path = url.split_once("/123456789012/")?.1;
        let url = &*format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{path}");
        let properties = self.find("AWS::SQS::Queue", url)?;
        let mut attributes = texts(properties);
        attributes.as_object_mut().unwrap().remove("QueueName");
        let name = url.rsplit('/').next().unwrap();
        attributes["QueueArn"] = json!(format!("arn:aws:sqs:eu-west-1:123456789012:{name}"));
        let policies = self.of_type("AWS::SQS::QueuePolicy").into_iter();
        let is_of = |it: &Value| it["Queues"].as_array().unwrap().iter().any(|own| own == url);
        if let Some((_, policy)) = policies.into_iter().find(|(_, it)| is_of(it)) {
            attributes["Policy"] = json!(policy["PolicyDocument"].to_string());
        }
        Some(attributes)
    }

    fn cloudwatch(&self, operation: &str) -> Reply {
        if operation == "GetMetricStatistics" {
            return Reply::cbor(200, &json!({"Datapoints": [{"Sum": self.throttled}]}));
        }
        let alarms = self.of_type("AWS::CloudWatch::Alarm").into_iter().map(|(name, it)| {
            let mut alarm = json!({
                "AlarmName": name, "ActionsEnabled": it["ActionsEnabled"] != false,
                "AlarmActions": it["AlarmActions"], "StateValue": "OK",
            });
            for own in ["MetricName", "Dimensions", "StateValue", "StateUpdatedTimestamp"] {
                if let Some(value) = it.get(own) {
                    alarm[own] = value.clone();
                }
            }
            alarm
        });
        Reply::cbor(200, &json!({"MetricAlarms": alarms.collect::<Vec<_>>()}))
    }

    fn s3(&self, bucket: &str, query: &str) -> Reply {
        let error = |code| Reply::new(404, "text/xml", xml("Error", &json!({"Code": code})));
        let Some(properties) = self.find("AWS::S3::Bucket", bucket) else {
            return error("NoSuchBucket");
        };
        if query.contains("publicAccessBlock") {
            let block = &properties["PublicAccessBlockConfiguration"];
            if block.is_null() {
                return error("NoSuchPublicAccessBlockConfiguration");
            }
            return Reply::new(200, "text/xml", xml("PublicAccessBlockConfiguration", block));
        }
        let policies = self.of_type("AWS::S3::BucketPolicy").into_iter();
        match policies.into_iter().find(|(_, it)| it["Bucket"] == bucket) {
            Some((_, it)) => Reply::json(200, &it["PolicyDocument"]),
            None => error("NoSuchBucketPolicy"),
        }
    }
}

/// A delivery stream, as Firehose describes it.
fn delivery(name: &str, stream: &Value) -> Value {
    let destination = |own: &str| {
        let mut destination = stream.get(own)?.clone();
        destination["S3DestinationDescription"] = destination["S3Configuration"].take();
        let hints = json!({"SizeInMBs": 5, "IntervalInSeconds": 60});
        destination["S3DestinationDescription"]["EncryptionConfiguration"] = json!({});
        destination["S3DestinationDescription"]["BufferingHints"] = hints;
        destination["VpcConfiguration"] = Value::Null;
        let processors = destination.pointer_mut("/ProcessingConfiguration/Processors");
        for parameter in processors
            .into_iter()
            .flat_map(|all| all.as_array_mut().unwrap())
            .flat_map(|processor| processor["Parameters"].as_array_mut().unwrap())
        {
            *parameter = texts(parameter);
        }
        Some(destination)
    };
    let domain = destination("AmazonopensearchserviceDestinationConfiguration");
    let collection = destination("AmazonOpenSearchServerlessDestinationConfiguration");
    let mut one = json!({"DestinationId": "1"});
    if let Some(domain) = domain {
        one["AmazonopensearchserviceDestinationDescription"] = domain;
    }
    if let Some(collection) = collection {
        one["AmazonOpenSearchServerlessDestinationDescription"] = collection;
    }
    let source = &stream["KinesisStreamSourceConfiguration"]["KinesisStreamARN"];
    let source = source.as_str().map(|arn| json!({"KinesisStreamARN": arn}));
    let encryption = &stream["DeliveryStreamEncryptionConfigurationInput"];
    let encryption = if encryption.is_null() { "DISABLED" } else { "ENABLED" };
    json!({"DeliveryStreamDescription": {
        "DeliveryStreamName": name,
        "DeliveryStreamARN":
            format!("arn:aws:firehose:eu-west-1:123456789012:deliverystream/{name}"),
        "DeliveryStreamStatus": stream["Status"].as_str().unwrap_or("ACTIVE"),
        "DeliveryStreamType": stream["DeliveryStreamType"], "VersionId": "1",
        "Source": source.map(|source| json!({"KinesisStreamSourceDescription": source})),
        "DeliveryStreamEncryptionConfiguration": {"Status": encryption},
        "Destinations": [one], "HasMoreDestinations": false,
    }})
}
