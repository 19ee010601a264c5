//! Storage: encrypted, private, and kept for its retention.

use serde_json::{Value, json};

use crate::stack::{BUCKET, STORE, Stack, assert_has, list, referred, texts};

#[test]
fn buckets_are_encrypted_and_private() {
    let stack = Stack::default();
    let [(_, bucket)] = stack.of_type("AWS::S3::Bucket")[..] else { panic!("one bucket") };
    let encryption = json!([{ "ServerSideEncryptionByDefault": { "SSEAlgorithm": "AES256" } }]);
    let expected = json!({
        "BucketEncryption": { "ServerSideEncryptionConfiguration": encryption },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": true,
            "BlockPublicPolicy": true,
            "IgnorePublicAcls": true,
            "RestrictPublicBuckets": true,
        },
        "OwnershipControls": { "Rules": [{ "ObjectOwnership": "BucketOwnerEnforced" }] },
        "VersioningConfiguration": { "Status": "Enabled" },
    });
    assert_has(&bucket["Properties"], &expected);
}

#[test]
fn buckets_deny_requests_without_tls() {
    let stack = Stack::default();
    let policy = stack.properties("BackupBucketPolicy");
    assert_eq!(policy["Bucket"], "${BackupBucket}");
    let statements = list(&policy["PolicyDocument"]["Statement"]);
    let denial = statements.iter().find(|statement| statement["Sid"] == "TlsOnly").unwrap();
    let condition = json!({ "Bool": { "aws:SecureTransport": "false" } });
    let expected =
        json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Condition": condition });
    assert_has(denial, &expected);
    assert_eq!(texts(&denial["Resource"]), ["${BackupBucket.Arn}", "${BackupBucket.Arn}/*"]);
}

#[test]
fn the_backup_has_its_retention() {
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
    let stack = Stack::complete();
    let expected = json!({ "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain" });
    for name in ["BackupBucket", "EventStream", "SearchDomain", "SensorsStream"] {
        assert_has(stack.resource(name), &expected);
    }
}

#[test]
fn the_created_domain_and_stream_are_encrypted() {
    let stack = Stack::default();
    let tls =
        json!({ "EnforceHTTPS": true, "TLSSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10" });
    let domain = json!({
        "EncryptionAtRestOptions": { "Enabled": true },
        "NodeToNodeEncryptionOptions": { "Enabled": true },
        "DomainEndpointOptions": tls,
    });
    assert_has(stack.properties("SearchDomain"), &domain);
    let stream = json!({
        "StreamEncryption": { "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis" },
        "RetentionPeriodHours": 168,
    });
    assert_has(stack.properties("EventStream"), &stream);
}

#[test]
fn every_log_group_has_a_retention_and_the_name_of_its_function() {
    let stack = Stack::with(&[("LogRetentionDays", "7"), BUCKET, STORE]);
    let groups = stack.of_type("AWS::Logs::LogGroup");
    // And that of the delivery.
    assert_eq!(groups.len(), stack.functions().len() + 1);
    for (name, group) in groups {
        assert_eq!(group["Properties"]["RetentionInDays"], "7", "{name}");
    }
    for (name, function) in stack.functions() {
        let group = referred(&function["LoggingConfig"]["LogGroup"]);
        let expected = format!("/aws/lambda/sluice-dev-{name}");
        assert_eq!(stack.properties(group)["LogGroupName"], expected, "{name}");
    }
}
