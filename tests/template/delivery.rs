//! The delivery stream: its settings, and its source and destination in every variant.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stack::{
    DOMAIN_ARN, STREAM_ARN, Stack, assert_has, list, read, referred, template, texts,
};

fn destination(stack: &Stack) -> &Value {
    &stack.properties("DeliveryStream")["AmazonopensearchserviceDestinationConfiguration"]
}

/// The parameters of the only processor.
fn processor(stack: &Stack) -> BTreeMap<&str, &Value> {
    let processing = &destination(stack)["ProcessingConfiguration"];
    assert_eq!(processing["Enabled"], true);
    let processors = list(&processing["Processors"]);
    assert_eq!(processors.len(), 1);
    assert_eq!(processors[0]["Type"], "Lambda");
    list(&processors[0]["Parameters"])
        .into_iter()
        .map(|parameter| {
            (parameter["ParameterName"].as_str().unwrap_or_default(), &parameter["ParameterValue"])
        })
        .collect()
}

#[test]
fn the_defaults_are_those_of_the_requirements() {
    let stack = Stack::default();
    let expected = json!({
        "BufferingHints": { "SizeInMBs": 5, "IntervalInSeconds": 60 },
        "IndexRotationPeriod": "OneDay",
        "S3BackupMode": "FailedDocumentsOnly",
        "RetryOptions": { "DurationInSeconds": 7200 },
        // The same id at every attempt: a retry after a lost response creates no second document.
        "DocumentIdOptions": { "DefaultDocumentIdFormat": "FIREHOSE_DEFAULT" },
        // Without prefixes, as AWS documents it.
        "S3Configuration": {
            "BucketARN": "${BackupBucket.Arn}",
            "CompressionFormat": "UNCOMPRESSED",
            "Prefix": null,
            "ErrorOutputPrefix": null,
        },
    });
    assert_has(destination(&stack), &expected);
}

#[test]
fn records_go_through_the_function() {
    let stack = Stack::default();
    assert_eq!(
        processor(&stack),
        BTreeMap::from([
            ("LambdaArn", &json!("${FirehoseTransformFunction.Arn}:$LATEST")),
            ("RoleArn", &json!("${DeliveryRole.Arn}")),
            ("NumberOfRetries", &json!("3")),
            ("BufferSizeInMBs", &json!(1)),
            ("BufferIntervalInSeconds", &json!(60)),
        ])
    );
}

#[test]
fn parameters_stay_within_the_limits_of_the_services() {
    for (name, min, max) in [
        ("BufferMegabytes", json!(1), json!(100)),
        ("BufferSeconds", json!(0), json!(900)),
        // Larger values can make responses overflow.
        ("ProcessorBufferMegabytes", json!(0.2), json!(2.5)),
        ("ProcessorBufferSeconds", json!(0), json!(900)),
        ("RetrySeconds", json!(0), json!(7200)),
        ("StreamRetentionHours", json!(24), json!(8760)),
        ("MaxReceiveCount", json!(1), json!(1000)),
        ("ConsumerBatchSize", json!(1), json!(10_000)),
        // Batches of more than ten messages need a window.
        ("ConsumerBatchSeconds", json!(1), json!(60)),
        ("ConsumerMaxConcurrency", json!(2), json!(1000)),
        ("LoaderMaxConcurrency", json!(2), json!(1000)),
    ] {
        let parameter = &template()["Parameters"][name];
        assert_eq!((&parameter["MinValue"], &parameter["MaxValue"]), (&min, &max), "{name}");
    }
    let allowed = |name: &str| texts(&template()["Parameters"][name]["AllowedValues"]);
    let rotations = ["NoRotation", "OneHour", "OneDay", "OneWeek", "OneMonth"];
    assert_eq!(allowed("IndexRotation"), rotations);
    assert_eq!(allowed("BackupMode"), ["FailedDocumentsOnly", "AllDocuments"]);
}

#[test]
fn errors_are_logged_to_streams_that_exist() {
    let stack = Stack::default();
    let destination = destination(&stack);
    for options in [destination, &destination["S3Configuration"]] {
        let options = &options["CloudWatchLoggingOptions"];
        assert_eq!(options["Enabled"], true);
        assert_eq!(options["LogGroupName"], "${DeliveryLogGroup}");
        let stream = stack.properties(referred(&options["LogStreamName"]));
        assert_eq!(stream["LogGroupName"], "${DeliveryLogGroup}");
    }
}

#[test]
fn the_source_is_a_created_stream_an_existing_one_or_direct_put() {
    for (parameters, created, arn) in [
        (&[][..], true, Some("${EventStream.Arn}")),
        (&[("ExistingStreamArn", STREAM_ARN)], false, Some(STREAM_ARN)),
        (&[("EventSource", "DirectPut")], false, None),
    ] {
        let stack = Stack::with(parameters);
        let delivery = stack.properties("DeliveryStream");
        let source = &delivery["KinesisStreamSourceConfiguration"];
        assert_eq!(stack.has("EventStream"), created, "{parameters:?}");
        assert_eq!(source["KinesisStreamARN"].as_str(), arn, "{parameters:?}");
        let kind = if arn.is_some() { "KinesisStreamAsSource" } else { "DirectPut" };
        assert_eq!(delivery["DeliveryStreamType"], kind, "{parameters:?}");
        // Firehose encrypts records of direct PUT itself; a data stream encrypts its own.
        let encryption = &delivery["DeliveryStreamEncryptionConfigurationInput"]["KeyType"];
        let expected = if arn.is_some() { Value::Null } else { json!("AWS_OWNED_CMK") };
        assert_eq!(encryption, &expected, "{parameters:?}");
    }
}

#[test]
fn the_destination_is_a_created_domain_or_an_existing_one() {
    let stack = Stack::default();
    assert_eq!(destination(&stack)["DomainARN"], "${SearchDomain.Arn}");
    assert!(stack.has("SearchDomain"));
    let stack = Stack::with(&[("ExistingDomainArn", DOMAIN_ARN)]);
    assert_eq!(destination(&stack)["DomainARN"], DOMAIN_ARN);
    assert!(!stack.has("SearchDomain"));
}

#[test]
fn an_update_cannot_replace_the_stream_and_lose_its_records() {
    // A resource with a fixed name is never replaced: the update fails instead.
    let name = &Stack::default().properties("DeliveryStream")["DeliveryStreamName"].clone();
    assert_eq!(name, "sluice-dev");
    // The role can read the source before the stream tries to.
    assert_eq!(Stack::default().resource("DeliveryStream")["DependsOn"], "DeliveryPolicy");
}

#[test]
fn the_index_template_covers_the_default_index() {
    let index_template: Value =
        serde_json::from_str(&read("opensearch/index-template.json")).unwrap();
    let stack = Stack::default();
    let index = destination(&stack)["IndexName"].as_str().unwrap();
    let rotated = format!("{index}-2024-03-01");
    let covers =
        |pattern: &str| pattern.strip_suffix('*').is_some_and(|prefix| rotated.starts_with(prefix));
    assert!(texts(&index_template["index_patterns"]).into_iter().any(covers), "{rotated}");
}
