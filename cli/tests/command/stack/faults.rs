//! Faults, at least one for each kind of finding.

use serde_json::{Value, json};
use suite::stack::VPC;

use super::world::World;

/// Additional parameters, the change, and the findings: severity, check and subject.
pub(crate) type Fault = (&'static [(&'static str, &'static str)], fn(&mut World), &'static str);

const DIRECT_PUT: &[(&str, &str)] = &[("EventSource", "DirectPut")];
const DESTINATION: &str = "/AmazonopensearchserviceDestinationConfiguration";

/// Sets a property of the delivery stream's destination.
fn deliver(world: &mut World, pointer: &str, value: Value) {
    world.set("DeliveryStream", &format!("{DESTINATION}{pointer}"), value);
}

/// Sets a parameter of the processor.
fn process(world: &mut World, name: &str, value: &str) {
    let pointer = format!("{DESTINATION}/ProcessingConfiguration/Processors/0/Parameters");
    let all = world.resources["DeliveryStream"]["Properties"].pointer(&pointer).unwrap();
    let at = all.as_array().unwrap().iter().position(|it| it["ParameterName"] == name).unwrap();
    world.set("DeliveryStream", &format!("{pointer}/{at}/ParameterValue"), json!(value));
}

fn search(world: &mut World, path: &'static str, reply: Value) {
    world.search.insert(path, reply);
}

/// Faults of the stack, its functions and its queues.
#[rustfmt::skip]
pub(crate) const FUNCTIONS: &[Fault] = &[
    (&[], |world| world.stacks[0].status = "UPDATE_ROLLBACK_FAILED".to_owned(),
        "error stack_status sluice-dev"),
    (&[], |world| world.stacks[0].status = "UPDATE_ROLLBACK_COMPLETE".to_owned(),
        "warning stack_status sluice-dev"),
    (&[], |world| world.stacks[1].status = "UPDATE_IN_PROGRESS".to_owned(),
        "warning stack_status sluice-dev-Dashboard"),
    (&[], |world| {
        let template = &mut world.stacks[0].template;
        *template = template.replace("VisibilityTimeout: 420", "VisibilityTimeout: 421");
    }, "warning template_version sluice-dev"),
    (&[], |world| world.delete("AlertsTopic"), "error resource_missing \
        arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts"),
    (&[], |world| world.delete("ParkingQueue"), "error resource_missing sluice-dev-parking"),
    (&[], |world| world.delete("EventQueue"), "error queue_missing sluice-dev-events"),
    (&[], |world| world.delete("HealthLogMetricsFunction"),
        "error resource_missing sluice-dev-log-metrics"),
    (&[], |world| world.delete("DlqRedriveErrorsAlarm"), "error resource_missing \
        sluice-dev-dlq-redrive-errors, warning no_alarm sluice-dev-dlq-redrive"),
    (&[], |world| { world.refused.insert("DescribeAlarms"); }, "warning not_read CloudWatch"),
    (&[], |world| { world.refused.insert("GetSecretValue"); }, "warning not_read \
        arn:aws:secretsmanager:eu-west-1:123456789012:secret:chat-AbCdEf"),
    // Functions that consume queues, as with --function.
    (&[], |world| world.delete("SqsConsumerFunctionMessages"),
        "error no_mapping sluice-dev-sqs-consumer"),
    (&[], |world| world.set("SqsConsumerFunctionMessages", "/FunctionResponseTypes", json!([])),
        "error report_batch_item_failures sluice-dev-sqs-consumer"),
    (&[], |world| world.set("ObjectsLoaderFunctionMessages", "/Enabled", json!(false)),
        "error mapping_disabled sluice-dev-object-loader"),
    (&[], |world| {
        let filters = json!({"Filters": [{"Pattern": "{}"}]});
        world.set("SqsConsumerFunctionMessages", "/FilterCriteria", filters);
    }, "warning mapping_filter sluice-dev-sqs-consumer"),
    (&[], |world| {
        // A function of another stack consumes the dead-letter queue.
        let mut mapping = world.resources["SqsConsumerFunctionMessages"].clone();
        mapping["Properties"]["Function"] = json!("other");
        mapping["Properties"]["FilterCriteria"] = json!({"Filters": [{"Pattern": "{}"}]});
        mapping["Properties"]["Queue"] =
            json!("arn:aws:sqs:eu-west-1:123456789012:sluice-dev-events-dlq");
        world.resources.insert("Own".to_owned(), mapping);
        world.name("Own", "5e1f");
    }, "error dead_letter_filter sluice-dev-events-dlq"),
    (&[], |world| world.set("EventQueue", "/VisibilityTimeout", json!(30)),
        "error visibility_timeout sluice-dev-events"),
    (&[], |world| world.set("EventQueue", "/RedrivePolicy/maxReceiveCount", json!(1)),
        "warning max_receive_count sluice-dev-events"),
    (&[], |world| world.set("ObjectsDeadLetterQueue", "/RedriveAllowPolicy",
        json!({"redrivePermission": "denyAll"})),
        "error redrive_allow_policy sluice-dev-objects-dlq"),
    (&[], |world| world.set("DeadLetterQueue", "/MessageRetentionPeriod", json!(60)),
        "error dead_letter_retention sluice-dev-events-dlq"),
    (&[], |world| world.set("SqsConsumerFunction", "/Environment/Variables/DOCUMENT_ID", json!("x")),
        "error settings sluice-dev-sqs-consumer"),
    // Other queues.
    (&[], |world| world.set("ParkingQueue", "/MessageRetentionPeriod", json!(345_600)),
        "warning retention sluice-dev-parking"),
    (&[], |world| world.set("HealthAlertsDeadLetterQueue", "/SqsManagedSseEnabled", json!(false)),
        "warning encryption sluice-dev-alerts-dlq"),
    (&[], |world| world.delete("EventQueuePolicy"), "warning tls sluice-dev-events"),
    // Other functions.
    (&[], |world| world.set("DlqRedriveFunction", "/State", json!("Failed")),
        "error function_state sluice-dev-dlq-redrive"),
    (&[], |world| world.set("DlqRedriveFunction", "/Runtime", json!("provided.al2")),
        "warning runtime sluice-dev-dlq-redrive"),
    (&[], |world| world.set("SqsConsumerFunction", "/Architectures", json!(["x86_64"])),
        "warning architecture sluice-dev-sqs-consumer"),
    (&[], |world| world.set("HealthLogMetricsFunction", "/ReservedConcurrentExecutions", json!(0)),
        "error concurrency sluice-dev-log-metrics"),
    (&[], |world| world.unreserved = 19, "warning concurrency_headroom Lambda"),
    (&[], |world| world.set("HealthAlertNotifierFunction", "/EventInvokeConfig", Value::Null),
        "warning failure_destination sluice-dev-alert-notifier"),
];

/// Faults of the delivery and the alarms.
#[rustfmt::skip]
pub(crate) const DELIVERY: &[Fault] = &[
    (&[], |world| world.set("DeliveryStream", "/Status", json!("SUSPENDED")),
        "error delivery_status sluice-dev"),
    (DIRECT_PUT, |world| world.set("DeliveryStream",
        "/DeliveryStreamEncryptionConfigurationInput", Value::Null),
        "warning encryption sluice-dev"),
    (&[], |world| world.throttled = 3, "warning delivery_throttled sluice-dev"),
    (&[], |world| {
        let all = world.resources.get_mut("DeliveryStream").unwrap();
        all["Properties"].as_object_mut().unwrap().remove(&DESTINATION[1..]).unwrap();
    }, "error delivery_destination sluice-dev"),
    (&[], |world| deliver(world, "/ProcessingConfiguration/Enabled", json!(false)),
        "error delivery_processing sluice-dev"),
    (&[], |world| process(world, "LambdaArn",
        "arn:aws:lambda:eu-west-1:123456789012:function:other"),
        "error permission sluice-dev, warning delivery_processing sluice-dev"),
    (&[], |world| process(world, "BufferSizeInMBs", "3"),
        "warning delivery_processor_buffer sluice-dev"),
    (&[], |world| deliver(world, "/BufferingHints/SizeInMBs", json!(50)),
        "warning delivery_buffer sluice-dev"),
    (&[], |world| deliver(world, "/RetryOptions/DurationInSeconds", json!(0)),
        "warning delivery_retry sluice-dev"),
    (&[], |world| deliver(world, "/DocumentIdOptions/DefaultDocumentIdFormat",
        json!("NO_DOCUMENT_ID")), "warning delivery_document_id sluice-dev"),
    (&[], |world| deliver(world, "/S3Configuration/BucketARN", json!("arn:aws:s3:::other")),
        "error permission sluice-dev, warning delivery_backup sluice-dev"),
    (&[], |world| deliver(world, "/CloudWatchLoggingOptions/Enabled", json!(false)),
        "warning delivery_logging sluice-dev"),
    (&[], |world| world.set("EventStream", "/RetentionPeriodHours", json!(24)),
        "warning retention sluice-dev-EventStream"),
    (&[], |world| world.set("EventStream", "/StreamEncryption/EncryptionType", json!("NONE")),
        "warning encryption sluice-dev-EventStream"),
    // Alarms.
    (&[], |world| world.set("IngestionAlarmsBackupSuccessAlarm", "/ActionsEnabled", json!(false)),
        "error alarm_actions sluice-dev-backup-success"),
    (&[], |world| world.set("IngestionAlarmsBackupSuccessAlarm", "/AlarmActions", json!([])),
        "error alarm_actions sluice-dev-backup-success"),
    (&[], |world| {
        world.set("IngestionAlarmsBackupSuccessAlarm", "/StateValue", json!("INSUFFICIENT_DATA"));
        world.set("IngestionAlarmsBackupSuccessAlarm", "/StateUpdatedTimestamp", json!(1_709_296_496));
    }, "warning alarm_data sluice-dev-backup-success"),
    (&[], |world| world.set("IngestionAlarmsDeadLetterDepthAlarm", "/MetricName", json!("Other")),
        "warning no_alarm sluice-dev-events-dlq"),
    (&[], |world| world.set("AlertsTopic", "/KmsMasterKeyId", json!("alias/aws/sns")),
        "error alarm_topic_key sluice-dev-alerts"),
    (&[], |world| world.set("AlertsTopic", "/KmsMasterKeyId", json!("")),
        "warning encryption sluice-dev-alerts"),
    (&[], |world| world.set("AlertsEmail", "/Pending", json!(true)),
        "warning subscription_unconfirmed sluice-dev-alerts"),
    (&[], |world| {
        world.delete("AlertsEmail");
        world.delete("HealthAlertNotifierTopicSubscription");
    }, "warning no_subscriber sluice-dev-alerts"),
];

/// Faults of logs, rules, access, network and OpenSearch.
#[rustfmt::skip]
pub(crate) const SURROUNDINGS: &[Fault] = &[
    (&[], |world| world.set("DeliveryLogGroup", "/RetentionInDays", Value::Null),
        "warning log_retention /aws/kinesisfirehose/sluice-dev"),
    (&[], |world| world.delete("SqsConsumerLogGroup"),
        "error resource_missing /aws/lambda/sluice-dev-sqs-consumer"),
    (&[], |world| world.delete("SqsConsumerSubscription"),
        "warning log_subscription /aws/lambda/sluice-dev-sqs-consumer"),
    (&[], |world| world.set("DlqRedriveSubscription", "/LogGroupName",
        json!("/aws/lambda/sluice-dev-log-metrics")),
        "error log_loop /aws/lambda/sluice-dev-log-metrics, warning log_subscription \
        /aws/lambda/sluice-dev-dlq-redrive"),
    (&[], |world| world.set("HealthLambdaMetricsFunctionSchedule", "/State", json!("DISABLED")),
        "error rule_disabled sluice-dev-HealthLambdaMetricsFunctionSchedule"),
    (&[("RedriveSchedule", "ENABLED")],
        |world| world.set("DlqRedriveFunctionSchedule", "/State", json!("DISABLED")),
        "error rule_disabled sluice-dev-DlqRedriveFunctionSchedule"),
    (&[], |world| world.set("ObjectsRule", "/Targets", json!([])),
        "error rule_target sluice-dev-ObjectsRule"),
    // Access.
    (&[], |world| world.delete("BackupBucketPolicy"), "warning tls sluice-dev-backupbucket"),
    (&[], |world| world.set("BackupBucket", "/PublicAccessBlockConfiguration/BlockPublicPolicy",
        json!(false)), "error bucket_public sluice-dev-backupbucket"),
    (&[], |world| { world.denied.insert("sqs:StartMessageMoveTask"); },
        "error permission sluice-dev-dlq-redrive"),
    (&[], |world| { world.denied.insert("es:ESHttpPut"); }, "error permission sluice-dev"),
    (&[], |world| world.delete("ObjectsLoaderPolicy"), "error permission sluice-dev-object-loader, \
        error permission sluice-dev-object-loader, error permission sluice-dev-object-loader, \
        error permission sluice-dev-object-loader, error permission sluice-dev-object-loader, \
        error permission sluice-dev-object-loader"),
    (&[], |world| world.secret = None, "error chat_secret \
        arn:aws:secretsmanager:eu-west-1:123456789012:secret:chat-AbCdEf"),
    (&[], |world| world.secret = Some("hush".to_owned()), "error chat_secret \
        arn:aws:secretsmanager:eu-west-1:123456789012:secret:chat-AbCdEf"),
    // Private subnets.
    (&VPC, |world| world.endpoints = vec!["s3", "secretsmanager"], "error vpc_endpoint vpc-1"),
    (&VPC, |world| world.endpoints = vec!["sqs", "s3"], "warning vpc_endpoint vpc-1"),
    (&VPC, |world| world.endpoints = vec!["sqs", "secretsmanager"], "error vpc_endpoint vpc-1"),
    (&VPC, |world| { world.endpoints.clear(); world.has_nat = true; }, ""),
    // OpenSearch.
    (&[], |world| search(world, "/_cluster/health",
        json!({"status": "red", "number_of_data_nodes": 1, "active_shards": 950})),
        "error opensearch_health HERE, warning opensearch_shards HERE"),
    (&[], |world| search(world, "/_cluster/settings",
        json!({"persistent": {"cluster.max_shards_per_node": "50"}})),
        "error opensearch_shards HERE"),
    (&[], |world| search(world, "/_cat/allocation", json!([{"disk.percent": "85"}])),
        "warning opensearch_disk HERE"),
    (&[], |world| search(world, "/_cat/allocation", json!([{"disk.percent": "96"}])),
        "error opensearch_disk HERE"),
    (&[], |world| search(world, "/_cat/thread_pool", json!([{"rejected": "2"}, {"rejected": "1"}])),
        "warning opensearch_rejected HERE"),
    (&[], |world| search(world, "/_plugins/_ism/explain",
        json!({"music-events-1": {"index.plugins.index_state_management.policy_id": null}})),
        "warning retention_policy HERE"),
    (&[], |world| search(world, "/_plugins/_ism/explain",
        json!({"music-events-1": {"retry_info": {"failed": true}}})),
        "error retention_policy HERE"),
    (&[], |world| search(world, "/_index_template/_simulate_index", json!({})),
        "warning index_template HERE"),
];
