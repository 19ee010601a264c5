//! Each parameter has an effect, and the parameters and outputs in the documents exist.

use serde_json::Value;

use crate::stack::{
    BUCKET, COLLECTION, COST, DATA_CHECKS, DOMAIN_ARN, PIPELINES, SECRET_ARN, STORE, STORE_VPC,
    Stack, VPC, WAREHOUSE, WORKGROUP, list, object, read, template,
};

#[test]
fn every_parameter_reaches_a_resource() {
    for (name, parameter) in object(&template()["Parameters"]) {
        // A setting in which it has an effect.
        let context = match name.as_str() {
            "ExistingDomainEndpoint" => &[("ExistingDomainArn", DOMAIN_ARN)][..],
            "AnomalyThresholdUsd" | "IdleAction" | "MonthlyBudgetUsd" => &[COST],
            name if ["CostReport", "Parking", "Rightsizing"]
                .iter()
                .any(|group| name.starts_with(group)) =>
            {
                &[COST]
            }
            "PipelineAlertsSecretKeyArn"
            | "PrefectApiUrl"
            | "PrefectApiSecretArn"
            | "PrefectUiUrl" => &[PIPELINES],
            "DataChecksSchedule"
            | "DataChecksRepeatHours"
            | "ChecksPath"
            | "CheckTimeoutSeconds"
            | "GoogleCredentialsSecretArn" => &[DATA_CHECKS],
            "LongQuerySeconds"
            | "LockSeconds"
            | "WarehouseRepeatHours"
            | "IgnoredUsers"
            | "RedshiftDatabase"
            | "RedshiftSecretArn"
            | "RedshiftDbUser"
            | "BigQueryUsdPerTib"
            | "BigQueryAlertUsd"
            | "BigQueryMaxUsers"
            | "WarehouseRate"
            | "WarehouseSchedule" => &WAREHOUSE[..1],
            "RedshiftWorkgroupId" => &WORKGROUP[..1],
            "ChatSecretKeyArn" => &[("ChatSecretArn", SECRET_ARN)],
            "SensorAuth" => &[("SensorSecretArn", SECRET_ARN)],
            "SensorSubnetIds" | "SensorSecurityGroupIds" => &STORE_VPC,
            "CollectionName" | "SubnetIds" | "SecurityGroupIds" => {
                &[VPC[0], VPC[1], COLLECTION[0], COLLECTION[2]]
            }
            _ => &[],
        };
        let context = [&[BUCKET, STORE], context].concat();
        let allowed = list(&parameter["AllowedValues"]).into_iter();
        let other = allowed.filter_map(Value::as_str).find(|value| parameter["Default"] != *value);
        let value =
            other.unwrap_or(if name == "CollectionArn" { COLLECTION[0].1 } else { "changed" });
        let changed = Stack::with(&[&context[..], &[(name, value)]].concat());
        let before = Stack::with(&context);
        assert!(!changed.resources().eq(before.resources()), "{name} has no effect");
    }
}

#[test]
fn the_parameters_and_outputs_that_the_documents_name_exist() {
    let documents =
        ["README.md", "docs/connect.md", "docs/deploy.md", "docs/operations.md"].map(read).concat();
    let named = documents.split('`').skip(1).step_by(2).filter(|word| {
        word.chars().all(|letter| letter.is_ascii_alphabetic())
            && ["Arn", "Url", "LogGroupName", "Endpoint", "Ids", "BucketName"]
                .iter()
                .any(|end| word.ends_with(end))
    });
    let mut count = 0;
    for name in named {
        let declared = ["Parameters", "Outputs"].map(|section| object(&template()[section]));
        assert!(declared.iter().any(|section| section.contains_key(name)), "{name}");
        count += 1;
    }
    assert!(count >= 40, "only {count} names");
}
