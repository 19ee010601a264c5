//! What is stored: encrypted, private, kept as long as it must be and no longer.

use serde_json::{Value, json};

use crate::stack::{Stack, list, referred, texts};

#[test]
fn buckets_are_encrypted_and_private() {
    let stack = Stack::default();
    let buckets = stack.of_type("AWS::S3::Bucket");
    assert_eq!(buckets.len(), 1);
    for (name, bucket) in buckets {
        let properties = &bucket["Properties"];
        let encryption = &properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        assert_eq!(
            encryption["ServerSideEncryptionByDefault"],
            json!({ "SSEAlgorithm": "AES256" }),
            "{name}"
        );
        assert_eq!(
            properties["PublicAccessBlockConfiguration"],
            json!({
                "BlockPublicAcls": true,
                "BlockPublicPolicy": true,
                "IgnorePublicAcls": true,
                "RestrictPublicBuckets": true,
            }),
            "{name}"
        );
        assert_eq!(
            properties["OwnershipControls"],
            json!({ "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] }),
            "{name}"
        );
        assert_eq!(properties["VersioningConfiguration"], json!({ "Status": "Enabled" }), "{name}");
    }
}

#[test]
fn buckets_refuse_requests_without_tls() {
    let stack = Stack::default();
    let policy = stack.properties("BackupBucketPolicy");
    assert_eq!(policy["Bucket"], "${BackupBucket}");
    let statements = list(&policy["PolicyDocument"]["Statement"]);
    let refusal = statements.iter().find(|statement| statement["Sid"] == "TlsOnly").unwrap();
    assert_eq!(refusal["Effect"], "Deny");
    assert_eq!(refusal["Principal"], "*");
    assert_eq!(refusal["Action"], "s3:*");
    assert_eq!(texts(&refusal["Resource"]), ["${BackupBucket.Arn}", "${BackupBucket.Arn}/*"]);
    assert_eq!(refusal["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }));
}

#[test]
fn the_backup_is_kept_for_its_time() {
    let stack = Stack::default();
    let rules = list(&stack.properties("BackupBucket")["LifecycleConfiguration"]["Rules"]);
    assert!(rules.iter().all(|rule| rule["Status"] == "Enabled"), "{rules:?}");
    let setting = |name: &str| -> Vec<&Value> {
        rules.iter().map(|rule| &rule[name]).filter(|value| !value.is_null()).collect()
    };
    assert_eq!(setting("ExpirationInDays"), [&json!(365)]);
    assert_eq!(setting("NoncurrentVersionExpiration"), [&json!({ "NoncurrentDays": 30 })]);
    assert_eq!(setting("AbortIncompleteMultipartUpload"), [&json!({ "DaysAfterInitiation": 7 })]);
}

#[test]
fn deleting_the_stack_deletes_no_data() {
    let stack = Stack::default();
    for name in ["BackupBucket", "EventStream", "SearchDomain"] {
        let resource = stack.resource(name);
        assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
}

#[test]
fn the_created_domain_encrypts_everything() {
    let stack = Stack::default();
    let domain = stack.properties("SearchDomain");
    assert_eq!(domain["EncryptionAtRestOptions"], json!({ "Enabled": true }));
    assert_eq!(domain["NodeToNodeEncryptionOptions"], json!({ "Enabled": true }));
    assert_eq!(
        domain["DomainEndpointOptions"],
        json!({ "EnforceHTTPS": true, "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10" })
    );
}

#[test]
fn the_created_stream_encrypts_and_outlasts_a_day() {
    let stack = Stack::default();
    let stream = stack.properties("EventStream");
    assert_eq!(
        stream["StreamEncryption"],
        json!({ "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis" })
    );
    assert_eq!(stream["RetentionPeriodHours"], 168);
}

#[test]
fn every_log_group_has_a_retention() {
    let stack = Stack::with(&[("LogRetentionDays", "7")]);
    let groups = stack.of_type("AWS::Logs::LogGroup");
    assert_eq!(groups.len(), 7);
    for (name, group) in groups {
        assert_eq!(group["Properties"]["RetentionInDays"], "7", "{name}");
    }
}

#[test]
fn every_function_logs_to_the_group_of_its_name() {
    let stack = Stack::default();
    for (name, function) in stack.functions() {
        let group = referred(&function["LoggingConfig"]["LogGroup"]);
        let expected = format!("/aws/lambda/sluice-dev-{name}");
        assert_eq!(stack.properties(group)["LogGroupName"], expected, "{name}");
    }
}
