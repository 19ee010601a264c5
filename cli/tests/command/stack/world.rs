//! An AWS account with the stack of the real templates. A test changes what is deployed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use suite::stack::{FUNCTION, Stack};

/// Region and account of all resources.
const PLACE: &str = "eu-west-1:123456789012";

pub(crate) const VPC: &str = "vpc-1";

/// Stands for the address of all services until it is known.
pub(crate) const HERE: &str = "http://here.test";

/// The deployed resources.
pub(crate) struct World {
    /// The resources by logical id, which is prefixed with the application in a nested stack. Their
    /// properties are those of the template, with names and ARNs in place of references.
    pub(crate) resources: BTreeMap<String, Value>,
    /// The stacks; the root stack comes first.
    pub(crate) stacks: Vec<WorldStack>,
    /// The ids of all resources, including those that are no longer in `resources`.
    ids: BTreeMap<String, String>,
    pub(crate) parameters: BTreeMap<String, String>,
    /// The text of the secret; `None` if it does not exist.
    pub(crate) secret: Option<String>,
    /// The status with which Google Chat answers.
    pub(crate) chat_status: u16,
    /// The concurrency that is not reserved, of 1,000.
    pub(crate) unreserved: u64,
    /// The number of records that Firehose throttled.
    pub(crate) throttled: u64,
    /// Operations that are rejected with `AccessDenied`.
    pub(crate) refused: BTreeSet<&'static str>,
    /// Additional actions that IAM denies.
    pub(crate) denied: BTreeSet<&'static str>,
    /// The services with an endpoint in the VPC.
    pub(crate) endpoints: Vec<&'static str>,
    pub(crate) has_nat: bool,
    /// The replies of OpenSearch by path prefix.
    pub(crate) search: BTreeMap<&'static str, Value>,
}

/// A stack, and the resources in it.
pub(crate) struct WorldStack {
    pub(crate) name: String,
    pub(crate) status: String,
    /// The text of its template.
    pub(crate) template: String,
    /// Logical id, id in [`World::resources`], type and physical id.
    pub(crate) resources: Vec<[String; 4]>,
}

impl World {
    /// The stack `sluice-dev` with these parameters, and all others at their defaults.
    pub(crate) fn deploy(parameters: &[(&str, &str)]) -> Self {
        let stack = Stack::with(parameters);
        let mut resources = BTreeMap::new();
        for (name, resource) in stack.resources() {
            for (added, resource) in expanded(name, resource) {
                resources.insert(added, resource);
            }
        }
        let ids = resources.iter().map(|(name, it)| (name.clone(), id(name, it)));
        let ids: BTreeMap<_, _> = ids.collect();
        let kinds: BTreeMap<_, _> = resources
            .iter()
            .map(|(name, resource)| (name.clone(), resource["Type"].as_str().unwrap().to_owned()))
            .collect();
        for resource in resources.values_mut() {
            resolve(resource, &kinds, &ids);
        }
        let mut stacks = Vec::new();
        list_stacks(("sluice-dev", "template.yaml", ""), (&kinds, &ids), &mut stacks);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            resources,
            stacks,
            ids,
            parameters: parameters.iter().map(owned).collect(),
            secret: Some("https://chat.googleapis.com/v1/spaces/A/messages?key=hush".to_owned()),
            chat_status: 200,
            unreserved: 1_000,
            throttled: 0,
            refused: BTreeSet::new(),
            denied: BTreeSet::new(),
            endpoints: vec!["sqs", "s3", "secretsmanager"],
            has_nat: false,
            search: BTreeMap::from([
                (
                    "/_cluster/health",
                    json!({
                        "status": "green", "number_of_data_nodes": 1, "active_shards": 50,
                    }),
                ),
                ("/_cluster/settings", json!({"persistent": {}, "transient": {}})),
                ("/_cat/allocation", json!([{"disk.percent": "40"}, {"disk.percent": null}])),
                ("/_cat/thread_pool", json!([{"rejected": "0"}])),
                (
                    "/_plugins/_ism/explain",
                    json!({
                        "music-events-2024.03.01": {
                            "index.plugins.index_state_management.policy_id": "retention",
                        },
                        "total_managed_indices": 1,
                    }),
                ),
                ("/_index_template/_simulate_index", {
                    let template: Value =
                        serde_json::from_str(local::opensearch::INDEX_TEMPLATE).unwrap();
                    json!({"template": template["template"]})
                }),
            ]),
        }
    }

    /// The id of a resource.
    pub(crate) fn id(&self, name: &str) -> &str {
        self.ids.get(name).unwrap_or_else(|| panic!("no resource {name} in {:?}", self.ids))
    }

    /// The resources of a type, with their ids.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.resources.iter().filter(|(_, resource)| resource["Type"] == kind);
        resources.map(|(name, resource)| (self.id(name), &resource["Properties"])).collect()
    }

    /// The properties of the resource of a type with this id.
    pub(crate) fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        self.of_type(kind).into_iter().find(|(own, _)| *own == id).map(|(_, properties)| properties)
    }

    /// Sets a property at a JSON pointer. Null removes it.
    pub(crate) fn set(&mut self, name: &str, pointer: &str, value: Value) {
        let resource = self.resources.get_mut(name).unwrap_or_else(|| panic!("no {name}"));
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        let parent = resource["Properties"].pointer_mut(parent);
        parent.unwrap_or_else(|| panic!("{name} has no {pointer}"))[member] = value;
    }

    /// Names a resource outside the stack.
    pub(crate) fn name(&mut self, name: &str, id: &str) {
        self.ids.insert(name.to_owned(), id.to_owned());
    }

    /// Deletes a resource without the stack's knowledge.
    pub(crate) fn delete(&mut self, name: &str) {
        self.resources.remove(name).unwrap_or_else(|| panic!("no {name}"));
    }

    /// Whether the policies of a role allow an action. Conditions are assumed to be met.
    pub(crate) fn allows(&self, role_arn: &str, action: &str, resource: &str) -> bool {
        let role = role_arn.rsplit('/').next().unwrap();
        let inline = self.of_type("AWS::IAM::Role").into_iter();
        let inline = inline.filter(|(id, _)| *id == role).flat_map(|(_, properties)| {
            let policies = properties["Policies"].as_array().into_iter().flatten();
            policies.map(|policy| &policy["PolicyDocument"]).collect::<Vec<_>>()
        });
        let attached =
            self.of_type("AWS::IAM::Policy").into_iter().filter_map(|(_, properties)| {
                let roles = properties["Roles"].as_array()?;
                roles.iter().any(|own| own == role).then_some(&properties["PolicyDocument"])
            });
        let mut statements =
            inline.chain(attached).flat_map(|policy| policy["Statement"].as_array().unwrap());
        let matches = |patterns: &Value, text: &str| {
            suite::stack::texts(patterns).iter().any(|pattern| is_match(pattern, text))
        };
        !self.denied.contains(action)
            && statements.any(|statement| {
                matches(&statement["Action"], action) && matches(&statement["Resource"], resource)
            })
    }
}

/// Whether a text matches a pattern with `*`.
fn is_match(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    (0..=rest.len()).any(|at| is_match(after, &rest[at..]))
}

/// The resources into which SAM expands a resource.
fn expanded(name: &str, resource: &Value) -> Vec<(String, Value)> {
    if resource["Type"] != FUNCTION {
        return vec![(name.to_owned(), resource.clone())];
    }
    let mut function = resource.clone();
    function["Type"] = json!("AWS::Lambda::Function");
    let mut all = Vec::new();
    for (event, it) in resource["Properties"]["Events"].as_object().into_iter().flatten() {
        let mut properties = it["Properties"].clone();
        properties["Function"] = json!(format!("${{{name}}}"));
        let kind = match it["Type"].as_str().unwrap() {
            "SQS" => "AWS::Lambda::EventSourceMapping",
            "Schedule" => "AWS::Events::Rule",
            other => panic!("{name} has an event of {other}"),
        };
        if kind == "AWS::Events::Rule" {
            properties["Targets"] = json!([{"Id": "Function"}]);
        }
        all.push((format!("{name}{event}"), json!({"Type": kind, "Properties": properties})));
    }
    all.push((name.to_owned(), function));
    all
}

/// The physical id of a resource: its `Ref`.
fn id(name: &str, resource: &Value) -> String {
    let properties = &resource["Properties"];
    let own = |property: &str| properties[property].as_str().map(str::to_owned);
    let generated = || format!("sluice-dev-{name}");
    match resource["Type"].as_str().unwrap() {
        "AWS::SQS::Queue" => {
            format!(
                "https://sqs.eu-west-1.amazonaws.com/123456789012/{}",
                own("QueueName").unwrap()
            )
        }
        "AWS::SNS::Topic" => format!("arn:aws:sns:{PLACE}:{}", own("TopicName").unwrap()),
        "AWS::S3::Bucket" => generated().to_lowercase(),
        _ => ["FunctionName", "LogGroupName", "AlarmName", "DeliveryStreamName", "DomainName"]
            .iter()
            .find_map(|property| own(property))
            .unwrap_or_else(generated),
    }
}

/// An attribute of a resource.
fn attribute(kind: &str, id: &str, attribute: &str) -> String {
    let name = id.rsplit('/').next().unwrap();
    match (kind, attribute) {
        ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{PLACE}:{name}"),
        ("AWS::Lambda::Function", "Arn") => format!("arn:aws:lambda:{PLACE}:function:{id}"),
        ("AWS::Logs::LogGroup", "Arn") => format!("arn:aws:logs:{PLACE}:log-group:{id}:*"),
        ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::123456789012:role/{id}"),
        ("AWS::S3::Bucket", "Arn") => format!("arn:aws:s3:::{id}"),
        ("AWS::Kinesis::Stream", "Arn") => format!("arn:aws:kinesis:{PLACE}:stream/{id}"),
        ("AWS::OpenSearchService::Domain", "Arn") => format!("arn:aws:es:{PLACE}:domain/{id}"),
        ("AWS::OpenSearchService::Domain", _) => format!("search-{id}.eu-west-1.es.amazonaws.com"),
        (_, attribute) => format!("{id}.{}", attribute.to_lowercase()),
    }
}

/// Replaces `${Name}` and `${Name.Attribute}` by ids and attributes.
fn resolve(value: &mut Value, kinds: &BTreeMap<String, String>, ids: &BTreeMap<String, String>) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| resolve(item, kinds, ids)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| resolve(member, kinds, ids));
        }
        Value::String(text) => {
            let mut parts = text.split("${");
            let mut resolved = parts.next().unwrap().to_owned();
            for part in parts {
                let (reference, rest) = part.split_once('}').unwrap();
                let (name, of) = reference.split_once('.').unwrap_or((reference, ""));
                match (ids.get(name), of) {
                    (None, _) => resolved.extend(["${", reference, "}"]),
                    (Some(id), "") => resolved += id,
                    (Some(id), of) => resolved += &attribute(&kinds[name], id, of),
                }
                resolved += rest;
            }
            *text = resolved;
        }
        _ => {}
    }
}

/// Lists a stack and its nested stacks: its name, its template, and the prefix of its ids.
fn list_stacks(
    (name, path, prefix): (&str, &str, &str),
    all: (&BTreeMap<String, String>, &BTreeMap<String, String>),
    stacks: &mut Vec<WorldStack>,
) {
    let (kinds, ids) = all;
    let read = |path: &str| std::fs::read_to_string(suite::project().join(path)).unwrap();
    let at = stacks.len();
    let status = "UPDATE_COMPLETE".to_owned();
    let (name, template) = (name.to_owned(), read(path));
    stacks.push(WorldStack { name: name.clone(), status, template, resources: Vec::new() });
    let declared = suite::read(path)["Resources"].take();
    let mut resources = Vec::new();
    for (logical, resource) in declared.as_object().unwrap() {
        let full = format!("{prefix}{logical}");
        if resource["Type"] == "AWS::Serverless::Application" {
            if !ids.keys().any(|own| own.starts_with(&full)) {
                continue;
            }
            let nested = format!("{name}-{logical}");
            let location = resource["Properties"]["Location"].as_str().unwrap();
            let location = match location.strip_prefix("templates/") {
                Some(_) => location.to_owned(),
                None => format!("templates/{location}"),
            };
            list_stacks((&nested, &location, &full), all, stacks);
            let kind = "AWS::CloudFormation::Stack".to_owned();
            resources.push([logical.clone(), full, kind, nested]);
            continue;
        }
        let events = resource["Properties"]["Events"].as_object().into_iter().flatten();
        let events = events.map(|(event, _)| format!("{logical}{event}"));
        for logical in events.chain([logical.clone()]) {
            let full = format!("{prefix}{logical}");
            if let Some(id) = ids.get(&full) {
                resources.push([logical, full.clone(), kinds[&full].clone(), id.clone()]);
            }
        }
    }
    stacks[at].resources = resources;
}
