//! The resources that the templates deploy for one choice of parameters.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::should_implement_trait,
    reason = "a panic is a failed test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::intrinsics::Resolver;

/// The type of a function's resource.
pub const FUNCTION: &str = "AWS::Serverless::Function";
/// The type of an alarm.
pub const ALARM: &str = "AWS::CloudWatch::Alarm";
/// An existing data stream, for the parameter `ExistingStreamArn`.
pub const STREAM_ARN: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/plays";
/// Its key, for the parameter `ExistingStreamKeyArn`.
pub const KEY_ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234";
/// An existing domain, for the parameter `ExistingDomainArn`.
pub const DOMAIN_ARN: &str = "arn:aws:es:eu-west-1:123456789012:domain/search";
/// A secret with a webhook, for the parameter `ChatSecretArn`.
pub const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:chat-AbCdEf";
/// A bucket whose objects are loaded, with its parameter.
pub const BUCKET: (&str, &str) = ("ObjectBucketName", "plays");
/// A secret for the calls of pipelines, with its parameter.
pub const PIPELINES: (&str, &str) = (
    "PipelineAlertsSecretArn",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:pipelines-AbCdEf",
);
/// Prefect's API, as its parameters.
pub const PREFECT: [(&str, &str); 2] =
    [("PrefectApiUrl", "https://prefect.test/api"), ("PrefectApiSecretArn", SECRET_ARN)];
/// A policy for reading sources and targets, with its parameter.
pub const DATA_CHECKS: (&str, &str) =
    ("DataChecksPolicyArn", "arn:aws:iam::123456789012:policy/data-checks");
/// The functions of cost, with their parameter.
pub const COST: (&str, &str) = ("CostFunctions", "ENABLED");
/// A cluster that is watched, as its parameters.
pub const WAREHOUSE: [(&str, &str); 2] =
    [("RedshiftCluster", "music"), ("WarehouseSchedule", "ENABLED")];
/// A workgroup that is watched, as its parameters.
pub const WORKGROUP: [(&str, &str); 2] =
    [("RedshiftWorkgroup", "lake"), ("RedshiftWorkgroupId", "c0ffee")];
/// Projects that are watched, as their parameters.
pub const PROJECTS: [(&str, &str); 2] =
    [("BigQueryProjects", "music-prod"), ("GoogleCredentialsSecretArn", SECRET_ARN)];
/// A time series store, with its parameter.
pub const STORE: (&str, &str) =
    ("SensorWriteUrl", "https://influx.test:8086/api/v2/write?org=o&bucket=b");
/// An existing stream of readings, with its parameter.
pub const READINGS: (&str, &str) =
    ("ExistingSensorStreamArn", "arn:aws:kinesis:eu-west-1:123456789012:stream/readings");
/// A network of the store, as its parameters.
pub const STORE_VPC: [(&str, &str); 2] =
    [("SensorSubnetIds", "subnet-4d,subnet-5e"), ("SensorSecurityGroupIds", "sg-6f")];
/// A bucket of the SQS extended client, with its parameter.
pub const PAYLOADS: (&str, &str) = ("LargePayloadBucketName", "bodies");
/// A network, as its parameters.
pub const VPC: [(&str, &str); 2] =
    [("SubnetIds", "subnet-1a,subnet-2b"), ("SecurityGroupIds", "sg-3c")];
/// A collection of OpenSearch Serverless, as its parameters.
pub const COLLECTION: [(&str, &str); 3] = [
    ("CollectionArn", "arn:aws:aoss:eu-west-1:123456789012:collection/c0ffee"),
    ("CollectionName", "plays"),
    ("IndexRotation", "NoRotation"),
];
/// Keys for all resources that can have one, as their parameters.
pub const KEYS: [(&str, &str); 7] = [
    ("QueueKeyArn", KEY_ARN),
    ("BackupKeyArn", KEY_ARN),
    ("LogKeyArn", KEY_ARN),
    ("ChatSecretArn", SECRET_ARN),
    ("ChatSecretKeyArn", KEY_ARN),
    PIPELINES,
    ("PipelineAlertsSecretKeyArn", KEY_ARN),
];
/// A topic that sends to the queue, for the parameter `QueueSenderArn`.
pub const TOPIC_ARN: &str = "arn:aws:sns:eu-west-1:123456789012:plays";

/// The deployed resources, and the outputs.
#[derive(Debug)]
pub struct Stack {
    resources: BTreeMap<String, Value>,
    outputs: BTreeMap<String, Value>,
}

impl Stack {
    /// The stack with these parameters, and all others at their defaults.
    pub fn with(parameters: &[(&str, &str)]) -> Self {
        let (template, resolver) = (template(), resolver(parameters));
        let deployed = |section: &str| {
            object(&template[section])
                .iter()
                .filter(|(_, member)| {
                    member["Condition"].as_str().is_none_or(|condition| resolver.holds(condition))
                })
                .filter_map(|(name, member)| Some((name.clone(), resolver.evaluate(member)?)))
                .collect()
        };
        Self { resources: deployed("Resources"), outputs: deployed("Outputs") }
    }

    /// The stack with all parameters at their defaults.
    pub fn default() -> Self {
        Self::with(&[])
    }

    /// The stack with all functions, including optional ones.
    pub fn complete() -> Self {
        Self::with(&[&WAREHOUSE[..], &[BUCKET, COST, DATA_CHECKS, PIPELINES, STORE]].concat())
    }

    /// Stacks with different sources, destinations and options.
    pub fn variants() -> Vec<Self> {
        [
            &[][..],
            &[("EventSource", "DirectPut"), ("AlarmEmail", "ops@example.com")],
            &[("ExistingStreamArn", STREAM_ARN), ("ExistingStreamKeyArn", KEY_ARN)],
            &[("ExistingDomainArn", DOMAIN_ARN), BUCKET],
            &[("DomainAdminArn", "arn:aws:iam::123456789012:role/admin")],
            &[("ChatSecretArn", SECRET_ARN)],
            &[("QueueSenderArn", TOPIC_ARN), ("ConsumerEndpoint", "http://127.0.0.1:9200")],
            &[("AccountSubscription", "ENABLED")],
            &[("WatchedFunctionNames", "billing"), ("WatchedFunctionTag", "team=music")],
            &[PIPELINES, PREFECT[0], PREFECT[1]],
            &[DATA_CHECKS, ("GoogleCredentialsSecretArn", SECRET_ARN)],
            &WAREHOUSE,
            &[&PROJECTS[..], &WORKGROUP, &[("WarehouseRate", "rate(1 hour)")]].concat(),
            &[BUCKET, ("ObjectNotifierArn", TOPIC_ARN), ("ObjectKeyArn", KEY_ARN)],
            &[COST],
            &[COST, ("IdleAction", "mark")],
            &[COST, ("IdleAction", "remove")],
            &[COST, ("ParkingSchedule", "ENABLED"), ("ParkingKeyArns", KEY_ARN)],
            &[
                COST,
                ("CostReportPeriod", "day"),
                ("AnomalyThresholdUsd", "50"),
                ("MonthlyBudgetUsd", "9"),
            ],
            &[COST, ("RightsizingSchedule", "ENABLED"), ("RightsizingChanges", "yes")],
            &[STORE],
            &[
                &STORE_VPC[..],
                &[STORE, READINGS, ("SensorFanOut", "on"), ("SensorSecretArn", SECRET_ARN)],
            ]
            .concat(),
            &[&VPC[..], &[BUCKET, DATA_CHECKS, PIPELINES, ("TracingMode", "Active")]].concat(),
            &[&COLLECTION[..], &[BUCKET, PAYLOADS]].concat(),
            &[&KEYS[..], &[BUCKET, COST, STORE, ("QueueSenderOrganization", "o-a1b2c3d4e5")]]
                .concat(),
        ]
        .map(Self::with)
        .into()
    }

    /// All resources with their names.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.resources.iter().map(|(name, resource)| (name.as_str(), resource))
    }

    /// All outputs with their names.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.outputs.iter().map(|(name, output)| (name.as_str(), output))
    }

    /// The resources of a type, with their names.
    pub fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        self.resources().filter(|(_, resource)| resource["Type"] == kind).collect()
    }

    /// The resource of this name, with its `Properties`, `DeletionPolicy` and so on.
    pub fn resource(&self, name: &str) -> &Value {
        self.resources.get(name).unwrap_or_else(|| panic!("no resource {name} is deployed"))
    }

    /// The properties of the resource of this name.
    pub fn properties(&self, name: &str) -> &Value {
        &self.resource(name)["Properties"]
    }

    /// Whether a resource of this name is deployed.
    pub fn has(&self, name: &str) -> bool {
        self.resources.contains_key(name)
    }

    /// The names of the functions, without `sluice-dev-`, with their properties.
    pub fn functions(&self) -> BTreeMap<&str, &Value> {
        let functions = self.of_type(FUNCTION).into_iter().map(|(id, function)| {
            let properties = &function["Properties"];
            let name = properties["FunctionName"].as_str().unwrap_or_default();
            (name.strip_prefix("sluice-dev-").unwrap_or_else(|| panic!("{id}: {name}")), properties)
        });
        functions.collect()
    }

    /// The properties of the function of this name.
    pub fn function(&self, name: &str) -> &Value {
        self.functions().get(name).unwrap_or_else(|| panic!("no function {name} is deployed"))
    }

    /// The environment variables of the function of this name.
    pub fn variables(&self, function: &str) -> &Value {
        &self.function(function)["Environment"]["Variables"]
    }
}

/// The templates as written, with nested templates in place and functions in their long form.
pub fn template() -> &'static Value {
    static TEMPLATE: LazyLock<Value> = LazyLock::new(crate::template);
    &TEMPLATE
}

/// The assertions that these parameters violate.
pub fn refusals(parameters: &[(&str, &str)]) -> Vec<&'static str> {
    let resolver = resolver(parameters);
    let rules = object(&template()["Rules"]).values();
    let applies = |rule: &&Value| resolver.decide(&rule["RuleCondition"]);
    let assertions = rules.filter(applies).flat_map(|rule| list(&rule["Assertions"]));
    assertions
        .filter(|assertion| !resolver.decide(&assertion["Assert"]))
        .map(|assertion| crate::text(&assertion["AssertDescription"]))
        .collect()
}

/// A resolver with these parameters, and all others at their defaults.
fn resolver<'a>(parameters: &[(&'a str, &str)]) -> Resolver<'a> {
    let template = template();
    let mut values: BTreeMap<&str, Value> = object(&template["Parameters"])
        .iter()
        .map(|(name, parameter)| (name.as_str(), parameter["Default"].clone()))
        .collect();
    for (name, value) in parameters {
        let previous = values.insert(name, json!(value));
        assert!(previous.is_some(), "the template has no parameter {name}");
    }
    Resolver::new(values, object(&template["Conditions"]), &template["Mappings"])
}

/// The resource that a reference such as `${Name}` or `${Name.Arn}` names.
pub fn referred(reference: &Value) -> &str {
    let name = reference.as_str().and_then(|text| text.strip_prefix("${")?.strip_suffix('}'));
    name.and_then(|name| name.split('.').next())
        .unwrap_or_else(|| panic!("not a reference: {reference}"))
}

/// The text of a file of the project.
pub fn read(path: &str) -> String {
    fs::read_to_string(crate::project().join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Asserts that an object has these members, and their members in turn.
pub fn assert_has(value: &Value, expected: &Value) {
    fn has(value: &Value, expected: &Value) -> bool {
        match expected {
            Value::Object(members) => members.iter().all(|(name, it)| has(&value[name], it)),
            other => value == other,
        }
    }
    assert!(has(value, expected), "{value:#} lacks {expected:#}");
}

/// The members of an object.
pub fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("not an object: {value}"))
}

/// The items of a list; a single value is a list of one.
pub fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        single => vec![single],
    }
}

/// The strings of a list; a single string is a list of one.
pub fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().map(crate::text).collect()
}
