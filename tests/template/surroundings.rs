//! Existing resources of an account: a VPC, a collection of OpenSearch Serverless, keys, tracing,
//! other accounts. Contradictions are refused.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use suite::permissions::{allowed, beside_its_log, expanded};

use crate::queues::QUEUE;
use crate::stack::{
    BUCKET, COLLECTION, DOMAIN_ARN, KEY_ARN, KEYS, PAYLOADS, PIPELINES, PREFECT, PROJECTS,
    SECRET_ARN, STORE, STORE_VPC, Stack, VPC, WAREHOUSE, WORKGROUP, assert_has, refusals,
};

/// What a role may do with these parameters, and not without them.
fn gained(parameters: &[(&str, &str)], without: &[(&str, &str)], role: &str) -> BTreeSet<String> {
    let of = |parameters: &[(&str, &str)]| allowed(&Stack::with(parameters), role);
    &of(parameters) - &of(without)
}

#[test]
fn in_a_vpc_are_the_delivery_the_domain_and_the_functions_that_call_opensearch() {
    let stack = Stack::with(&[&VPC[..], &[BUCKET, STORE]].concat());
    let network = json!({"SubnetIds": ["subnet-1a", "subnet-2b"], "SecurityGroupIds": ["sg-3c"]});
    let inside: Vec<_> = stack
        .functions()
        .into_iter()
        .filter(|(_, function)| function["VpcConfig"] == network)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(inside, ["dlq-redrive", "object-loader", "sqs-consumer"]);
    let delivery = &stack.properties("DeliveryStream");
    let delivery = &delivery["AmazonopensearchserviceDestinationConfiguration"]["VpcConfiguration"];
    assert_has(delivery, &network);
    assert_eq!(delivery["RoleARN"], "${DeliveryRole.Arn}");
    let domain = &stack.properties("SearchDomain")["VPCOptions"];
    assert_eq!(*domain, json!({"SubnetIds": ["subnet-1a"], "SecurityGroupIds": ["sg-3c"]}));

    let interfaces = "ec2:CreateNetworkInterface ec2:DeleteNetworkInterface \
                      ec2:DescribeNetworkInterfaces on *";
    for role in ["SqsConsumerRole", "ObjectLoaderRole", "DlqRedriveRole"] {
        let parameters = [&VPC[..], &[BUCKET]].concat();
        assert_eq!(gained(&parameters, &[BUCKET], role), expanded(&[interfaces]), "{role}");
    }
    // As in "Grant Firehose access to a VPC destination" (Amazon Data Firehose).
    let more = "ec2:CreateNetworkInterfacePermission ec2:DescribeSecurityGroups \
                    ec2:DescribeSubnets ec2:DescribeVpcAttribute ec2:DescribeVpcs on *";
    assert_eq!(gained(&VPC, &[], "DeliveryRole"), expanded(&[interfaces, more]));
    // It does not call a domain whose endpoint is not known.
    let existing = [&VPC[..], &[("ExistingDomainArn", DOMAIN_ARN)]].concat();
    assert_eq!(Stack::with(&existing).function("dlq-redrive")["VpcConfig"], Value::Null);
}

#[test]
fn the_endpoint_of_an_existing_domain_is_asked_for_unless_it_is_given() {
    let domain = ("ExistingDomainArn", DOMAIN_ARN);
    let url = "https://vpc-search-abc.eu-west-1.es.amazonaws.com";
    let asks = Stack::with(&[domain, BUCKET]);
    let knows = Stack::with(&[domain, BUCKET, ("ExistingDomainEndpoint", url)]);
    for function in ["sqs-consumer", "object-loader"] {
        let variables = asks.variables(function);
        assert_eq!(variables["OPENSEARCH_DOMAIN"], "search", "{function}");
        assert!(variables["OPENSEARCH_ENDPOINT"].is_null(), "{function}");
        let variables = knows.variables(function);
        assert_eq!(variables["OPENSEARCH_ENDPOINT"], url, "{function}");
        assert!(variables["OPENSEARCH_DOMAIN"].is_null(), "{function}");
        let describes = |permission: &String| permission.starts_with("es:DescribeDomain");
        assert!(beside_its_log(&asks, function).iter().any(describes), "{function}");
        assert!(!beside_its_log(&knows, function).iter().any(describes), "{function}");
    }
    assert_eq!(knows.variables("dlq-redrive")["REQUIRE_HEALTHY_ENDPOINT"], url);
    let health = format!("es:ESHttpGet on {DOMAIN_ARN}/_cluster/health");
    assert!(beside_its_log(&knows, "dlq-redrive").contains(&health));
}

#[test]
fn a_collection_takes_the_place_of_the_domain() {
    let stack = Stack::with(&[&COLLECTION[..], &[BUCKET]].concat());
    assert!(!stack.has("SearchDomain"));
    let delivery = stack.properties("DeliveryStream");
    assert!(delivery["AmazonopensearchserviceDestinationConfiguration"].is_null());
    let serverless = &delivery["AmazonOpenSearchServerlessDestinationConfiguration"];
    let endpoint = "https://c0ffee.eu-west-1.aoss.amazonaws.com";
    assert_eq!(serverless["CollectionEndpoint"], endpoint);
    // Everything else is as for a domain, except what a collection does not have.
    let domain = Stack::with(&[BUCKET]);
    let domain = domain.properties("DeliveryStream");
    let mut expected = domain["AmazonopensearchserviceDestinationConfiguration"].clone();
    let members = expected.as_object_mut().unwrap();
    for name in ["DomainARN", "IndexRotationPeriod", "DocumentIdOptions"] {
        assert!(members.remove(name).is_some(), "{name}");
    }
    members.insert("CollectionEndpoint".to_owned(), json!(endpoint));
    assert_eq!(*serverless, expected);

    let arn = COLLECTION[0].1;
    let access = format!("aoss:APIAccessAll on {arn}");
    for function in ["sqs-consumer", "object-loader"] {
        let variables = stack.variables(function);
        assert_eq!(variables["OPENSEARCH_ENDPOINT"], endpoint, "{function}");
        assert_eq!(variables["OPENSEARCH_SERVICE"], "aoss", "{function}");
        assert_eq!(variables["INDEX"], "music-events", "{function}");
        let permissions = beside_its_log(&stack, function);
        assert!(permissions.contains(&access), "{function}");
        assert!(!permissions.iter().any(|one| one.starts_with("es:")), "{function}");
    }
    assert!(stack.variables("dlq-redrive")["REQUIRE_HEALTHY_ENDPOINT"].is_null());
    let granted = allowed(&stack, "DeliveryRole");
    assert!(granted.contains(&access));
    assert!(!granted.iter().any(|permission| permission.starts_with("es:")));

    let policy = stack.properties("CollectionAccess");
    let rules: Value = policy["Policy"].as_str().unwrap().parse().unwrap();
    let expected = json!([{
        "Rules": [{
            "ResourceType": "index", "Resource": ["index/plays/music-events*"],
            "Permission": ["aoss:CreateIndex", "aoss:DescribeIndex", "aoss:UpdateIndex", "aoss:WriteDocument"],
        }],
        "Principal":
            ["${DeliveryRole.Arn}", "${SqsConsumerRole.Arn}", "${ObjectLoaderRole.Arn}"],
    }]);
    assert_eq!((&policy["Type"], &rules), (&json!("data"), &expected));
    assert!(!Stack::with(&[COLLECTION[0], COLLECTION[2]]).has("CollectionAccess"));
}

#[test]
fn keys_encrypt_what_they_are_for_and_who_uses_it_may_use_them() {
    let stack = Stack::with(&[&KEYS[..], &[BUCKET, STORE]].concat());
    for (id, queue) in stack.of_type(QUEUE) {
        let properties = &queue["Properties"];
        assert_eq!(properties["KmsMasterKeyId"], KEY_ARN, "{id}");
        assert!(properties["SqsManagedSseEnabled"].is_null(), "{id}");
    }
    for (id, group) in stack.of_type("AWS::Logs::LogGroup") {
        assert_eq!(group["Properties"]["KmsKeyId"], KEY_ARN, "{id}");
    }
    let bucket = &stack.properties("BackupBucket")["BucketEncryption"];
    let expected = json!({"ServerSideEncryptionConfiguration": [{
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY_ARN},
        "BucketKeyEnabled": true,
    }]});
    assert_eq!(*bucket, expected);
    let without = [BUCKET, STORE, KEYS[3], PIPELINES];
    let with = [&KEYS[..], &[BUCKET, STORE]].concat();
    let uses = |service: &str| {
        ["Decrypt", "GenerateDataKey"]
            .map(|action| format!("kms:{action} on {KEY_ARN}@{service}.eu-west-1.amazonaws.com"))
    };
    let decrypts = &uses("secretsmanager")[..1];
    for (role, expected) in [
        ("SqsConsumerRole", uses("sqs").to_vec()),
        ("DlqRedriveRole", uses("sqs").to_vec()),
        ("ObjectLoaderRole", [uses("sqs"), uses("s3")].concat()),
        ("SensorsPointsRole", [uses("sqs"), uses("s3")].concat()),
        ("DeliveryRole", uses("s3").to_vec()),
        ("HealthAlertNotifierRole", [&uses("sqs")[..], decrypts].concat()),
        ("WatchPipelineAlertsRole", decrypts.to_vec()),
        ("FirehoseTransformRole", vec![]),
    ] {
        assert_eq!(gained(&with, &without, role), expected.into_iter().collect(), "{role}");
    }
}

#[test]
fn large_payloads_are_fetched_from_their_bucket() {
    let stack = Stack::with(&[PAYLOADS]);
    assert_eq!(stack.variables("sqs-consumer")["LARGE_PAYLOADS"], "fetch");
    let found = gained(&[PAYLOADS], &[], "SqsConsumerRole");
    assert_eq!(found, expanded(&["s3:GetObject on arn:aws:s3:::bodies/*"]));
    assert!(Stack::default().variables("sqs-consumer")["LARGE_PAYLOADS"].is_null());
}

#[test]
fn every_function_is_traced_if_that_is_asked_for() {
    let active = [BUCKET, PIPELINES, STORE, ("TracingMode", "Active")];
    for (name, function) in Stack::with(&active).functions() {
        assert_eq!(function["Tracing"], "Active", "{name}");
        let role = crate::stack::referred(&function["Role"]);
        let expected = expanded(&["xray:PutTelemetryRecords xray:PutTraceSegments on *"]);
        assert_eq!(gained(&active, &active[..3], role), expected, "{name}");
    }
}

#[test]
fn parameters_that_contradict_each_other_are_refused() {
    let [arn, name, rotation] = COLLECTION;
    let domain = ("ExistingDomainArn", DOMAIN_ARN);
    let endpoint = ("ExistingDomainEndpoint", "https://search");
    for accepted in [
        &[][..],
        &[arn, rotation],
        &COLLECTION,
        &VPC,
        &STORE_VPC,
        &[domain, endpoint],
        &KEYS,
        &[("ExistingStreamArn", "arn"), ("ExistingStreamKeyArn", KEY_ARN)],
    ] {
        assert_eq!(refusals(accepted), [""; 0], "{accepted:?}");
    }
    for (refused, because) in [
        (&[arn][..], "Firehose does not rotate"),
        (&[arn, rotation, domain], "without ExistingDomainArn"),
        (&[arn, rotation, ("DomainAdminArn", "arn")], "without ExistingDomainArn"),
        (&[name], "CollectionName is for CollectionArn only."),
        (&[endpoint], "ExistingDomainEndpoint is for ExistingDomainArn only."),
        (&VPC[..1], "SubnetIds needs SecurityGroupIds."),
        (&VPC[1..], "SecurityGroupIds is for SubnetIds only."),
        (&STORE_VPC[..1], "SensorSubnetIds needs SensorSecurityGroupIds."),
        (&STORE_VPC[1..], "SensorSecurityGroupIds is for SensorSubnetIds only."),
        (&[KEYS[4]], "ChatSecretKeyArn is for ChatSecretArn only."),
        (&KEYS[6..], "The parameters of pipelines need PipelineAlertsSecretArn."),
        (&PREFECT[..1], "The parameters of pipelines need PipelineAlertsSecretArn."),
        (&PREFECT[1..], "The parameters of pipelines need PipelineAlertsSecretArn."),
        (&[("PrefectUiUrl", "https://a")], "The parameters of pipelines need"),
        (
            &[("DataChecksSchedule", "ENABLED")],
            "The parameters of data-checks need DataChecksPolicyArn.",
        ),
        (&WAREHOUSE[1..], "WarehouseSchedule needs RedshiftCluster, RedshiftWorkgroup or"),
        (&WORKGROUP[..1], "RedshiftWorkgroup needs RedshiftWorkgroupId."),
        (
            &[WORKGROUP[0], WORKGROUP[1], WAREHOUSE[0]],
            "RedshiftWorkgroup is instead of RedshiftCluster.",
        ),
        (
            &[WORKGROUP[0], WORKGROUP[1], ("RedshiftDbUser", "ada")],
            "RedshiftDbUser is for RedshiftCluster only.",
        ),
        (
            &[WAREHOUSE[0], ("RedshiftDbUser", "ada"), ("RedshiftSecretArn", SECRET_ARN)],
            "RedshiftDbUser is instead of RedshiftSecretArn.",
        ),
        (&PROJECTS[..1], "BigQueryProjects needs GoogleCredentialsSecretArn."),
        (&[("ChecksPath", "/a")], "The parameters of data-checks need DataChecksPolicyArn."),
        (&[("ExistingStreamKeyArn", KEY_ARN)], "ExistingStreamKeyArn is for ExistingStreamArn"),
        (
            &[("EventSource", "DirectPut"), ("ExistingStreamArn", "arn")],
            "ExistingStreamArn is for EventSource KinesisStream only.",
        ),
    ] {
        let [said] = &refusals(refused)[..] else { panic!("{refused:?}") };
        assert!(said.contains(because), "{said}");
    }
}
