//! The functions of cost: off until they are switched on, and they change only tagged resources.

use serde_json::{Value, json};
use shared::config::Environment;
use suite::permissions::{beside_its_log, expanded};

use crate::stack::{COST, KEY_ARN, Stack, list, object, refusals};

#[test]
fn a_stack_that_only_ingests_has_no_role_that_reads_an_account() {
    let stack = Stack::default();
    let is_of_cost = |(name, _): &(&str, &Value)| name.starts_with("Cost");
    assert_eq!(stack.resources().chain(stack.outputs()).find(is_of_cost), None);
    assert!(!stack.functions().contains_key("parking"));
}

#[test]
fn parking_runs_every_five_minutes_only_if_enabled_and_one_at_a_time() {
    for (parameters, state) in
        [(&[COST][..], "DISABLED"), (&[COST, ("ParkingSchedule", "ENABLED")], "ENABLED")]
    {
        let stack = Stack::with(parameters);
        let function = stack.function("parking");
        let schedule = &function["Events"]["Schedule"]["Properties"];
        assert_eq!(
            (&schedule["Schedule"], &schedule["State"]),
            (&json!("rate(5 minutes)"), &json!(state))
        );
        assert_eq!(function["ReservedConcurrentExecutions"], 1);
        let queue = "${CostDeadLetterQueue.Arn}";
        assert_eq!(
            function["EventInvokeConfig"],
            json!({
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 300,
                "DestinationConfig": { "OnFailure": { "Type": "SQS", "Destination": queue } },
            })
        );
    }
    let refused = refusals(&[("ParkingSchedule", "ENABLED")]);
    assert_eq!(refused, ["ParkingSchedule needs CostFunctions."]);
    assert!(refusals(&[COST, ("ParkingSchedule", "ENABLED")]).is_empty());
}

#[test]
fn parking_has_the_settings_of_the_stack() {
    let schedules = r#"{"office":"Mon-Fri 09:00-19:00 Asia/Seoul"}"#;
    let all = [
        COST,
        ("ParkingSchedules", schedules),
        ("ParkingHolidays", "2026-12-25,01-01"),
        ("ParkingTimeZone", "Asia/Seoul"),
        ("ParkingDryRun", "on"),
    ];
    for (parameters, expected) in [
        (&all[..1], json!({"TIME_ZONE": "UTC", "DRY_RUN": "off"})),
        (
            &all,
            json!({
                "SCHEDULES": schedules, "HOLIDAYS": "2026-12-25,01-01", "TIME_ZONE": "Asia/Seoul",
                "DRY_RUN": "on",
            }),
        ),
    ] {
        let stack = Stack::with(parameters);
        let mut variables = object(stack.variables("parking")).clone();
        assert_eq!(variables["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
        variables["ALERTS_TOPIC_ARN"] =
            json!("arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let own = variables.iter().map(|(name, value)| (name.clone(), text(value)));
        let lambda = testkit::LAMBDA.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment: Environment = lambda.into_iter().chain(own).collect();
        parking::Config::from_environment(&environment).unwrap();
        for common in ["ALERTS_TOPIC_ARN", "LOG_LEVEL", "METRICS_NAMESPACE"] {
            variables.remove(common);
        }
        assert_eq!(Value::Object(variables), expected);
    }
}

#[test]
fn parking_has_exactly_the_permissions_that_it_needs_and_changes_only_what_has_the_tag() {
    let here = "eu-west-1:123456789012";
    let instances =
        format!("ec2:StartInstances ec2:StopInstances on arn:aws:ec2:{here}:instance/*");
    let databases = format!("rds:StartDBInstance rds:StopDBInstance on arn:aws:rds:{here}:db:*");
    let clusters = format!("rds:StartDBCluster rds:StopDBCluster on arn:aws:rds:{here}:cluster:*");
    let always = [
        "ec2:DescribeInstances rds:DescribeDBClusters rds:DescribeDBInstances rds:DescribeEvents on *",
        &instances,
        &databases,
        &clusters,
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
        "sqs:SendMessage on ${CostDeadLetterQueue.Arn}",
    ];
    let other_key = KEY_ARN.replace("1234", "5678");
    let keys = format!("{KEY_ARN},{other_key}");
    let grant = format!(
        "kms:CreateGrant on {KEY_ARN}@ec2.eu-west-1.amazonaws.com \
         {other_key}@ec2.eu-west-1.amazonaws.com"
    );
    let queue = format!("kms:Decrypt kms:GenerateDataKey on {KEY_ARN}@sqs.eu-west-1.amazonaws.com");
    let cases: [(&[_], &[&str]); 3] = [
        (&[], &[]),
        (&[("ParkingKeyArns", &*keys)], &[&grant]),
        (&[("QueueKeyArn", KEY_ARN)], &[&queue]),
    ];
    for (parameters, more) in cases {
        let stack = Stack::with(&[&[COST], parameters].concat());
        let found = beside_its_log(&stack, "parking");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
        let policy = &stack.properties("CostParkingPolicy")["PolicyDocument"]["Statement"];
        for statement in list(policy) {
            let action = statement["Action"].to_string();
            if action.contains(":Start") || action.contains(":Stop") {
                let tagged = json!({"Null": {"aws:ResourceTag/sluice:office-hours": "false"}});
                assert_eq!(statement["Condition"], tagged, "{action}");
            }
        }
    }
}

#[test]
fn costs_are_reported_by_a_schedule_only_if_enabled() {
    for (parameters, period, schedule, state) in [
        (&[COST][..], "week", "cron(0 8 ? * MON *)", "DISABLED"),
        (&[COST, ("CostReportSchedule", "ENABLED")], "week", "cron(0 8 ? * MON *)", "ENABLED"),
        (&[COST, ("CostReportPeriod", "day")], "day", "cron(0 8 * * ? *)", "DISABLED"),
        (&[COST, ("CostReportPeriod", "month")], "month", "cron(0 8 2 * ? *)", "DISABLED"),
    ] {
        let stack = Stack::with(parameters);
        let function = stack.function("cost-report");
        let event = &function["Events"]["Schedule"]["Properties"];
        assert_eq!((&event["Schedule"], &event["State"]), (&json!(schedule), &json!(state)));
        assert_eq!(stack.variables("cost-report")["PERIOD"], period);
        assert_eq!(stack.variables("cost-report")["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
        let queue = "${CostDeadLetterQueue.Arn}";
        assert_eq!(
            function["EventInvokeConfig"],
            json!({
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 21_600,
                "DestinationConfig": { "OnFailure": { "Type": "SQS", "Destination": queue } },
            })
        );
    }
    for (parameter, value) in
        [("CostReportSchedule", "ENABLED"), ("AnomalyThresholdUsd", "1"), ("MonthlyBudgetUsd", "1")]
    {
        assert_eq!(refusals(&[(parameter, value)]), [format!("{parameter} needs CostFunctions.")]);
        assert!(refusals(&[COST, (parameter, value)]).is_empty());
    }
}

#[test]
fn cost_report_reads_costs_and_changes_nothing() {
    let always = [
        "ce:GetAnomalies ce:GetCostAndUsage ce:GetCostForecast on *",
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
        "sqs:SendMessage on ${CostDeadLetterQueue.Arn}",
    ];
    let queue = format!("kms:Decrypt kms:GenerateDataKey on {KEY_ARN}@sqs.eu-west-1.amazonaws.com");
    let cases: [(&[_], &[&str]); 2] = [(&[], &[]), (&[("QueueKeyArn", KEY_ARN)], &[&queue])];
    for (parameters, more) in cases {
        let stack = Stack::with(&[&[COST], parameters].concat());
        let found = beside_its_log(&stack, "cost-report");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
    }
}

#[test]
fn aws_publishes_alerts_about_costs_to_a_topic_that_invokes_the_function() {
    let stack = Stack::with(&[COST]);
    let services = json!({"Service": ["budgets.amazonaws.com", "costalerts.amazonaws.com"]});
    let account = json!({"StringEquals": {"aws:SourceAccount": "123456789012"}});
    let topic = "${CostCostAlerts}";
    assert_eq!(
        stack.properties("CostCostAlertsPolicy")["PolicyDocument"]["Statement"],
        json!([{
            "Sid": "BillingPublishes", "Effect": "Allow", "Principal": services,
            "Action": "sns:Publish", "Resource": topic, "Condition": account,
        }])
    );
    let key = stack.properties("CostCostAlerts");
    assert_eq!(key["KmsMasterKeyId"], "${AlertsKey.Arn}");
    let statements = &stack.properties("AlertsKey")["KeyPolicy"]["Statement"];
    let encrypts = json!({
        "Sid": "BillingEncrypts", "Effect": "Allow", "Principal": services,
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "*", "Condition": account,
    });
    assert!(list(statements).contains(&&encrypts), "{statements}");
    assert_eq!(
        stack.properties("CostCostAlertsSubscription"),
        &json!({
            "TopicArn": topic, "Protocol": "lambda", "Endpoint": "${CostReportFunction.Arn}",
            "RedrivePolicy": {"deadLetterTargetArn": "${CostDeadLetterQueue.Arn}"},
        })
    );
    let permission = stack.properties("CostCostAlertsPermission");
    assert_eq!(
        (&permission["SourceArn"], &permission["FunctionName"]),
        (&json!(topic), &json!("${CostReportFunction}"))
    );
}

#[test]
fn anomalies_and_a_budget_notify_the_topic_if_they_are_asked_for() {
    let without = Stack::with(&[COST]);
    for kind in ["AWS::CE::AnomalyMonitor", "AWS::CE::AnomalySubscription", "AWS::Budgets::Budget"]
    {
        assert!(without.of_type(kind).is_empty(), "{kind}");
    }
    let stack = Stack::with(&[COST, ("AnomalyThresholdUsd", "99.5"), ("MonthlyBudgetUsd", "1200")]);
    let subscription = stack.properties("CostAnomalySubscription");
    assert_eq!(
        subscription["Subscribers"],
        json!([{"Type": "SNS", "Address": "${CostCostAlerts}"}])
    );
    assert_eq!(
        (&subscription["Frequency"], &subscription["MonitorArnList"]),
        (&json!("IMMEDIATE"), &json!(["${CostAnomalyMonitor}"]))
    );
    let threshold: Value = subscription["ThresholdExpression"].as_str().unwrap().parse().unwrap();
    assert_eq!(threshold["Dimensions"]["Values"], json!(["99.5"]));
    let budget = stack.properties("CostBudget");
    assert_eq!(budget["Budget"]["BudgetLimit"], json!({"Amount": "1200", "Unit": "USD"}));
    for notification in list(&budget["NotificationsWithSubscribers"]) {
        let subscribers = json!([{"SubscriptionType": "SNS", "Address": "${CostCostAlerts}"}]);
        assert_eq!(notification["Subscribers"], subscribers);
    }
}

#[test]
fn idle_resources_runs_every_monday_and_changes_nothing_unless_asked() {
    for (parameters, action) in
        [(&[COST][..], "report"), (&[COST, ("IdleAction", "remove")], "remove")]
    {
        let stack = Stack::with(parameters);
        let function = stack.function("idle-resources");
        let schedule = &function["Events"]["Schedule"]["Properties"];
        assert_eq!(schedule["Schedule"], "cron(0 0 ? * MON *)");
        assert_eq!((&schedule["State"], &function["Timeout"]), (&Value::Null, &json!(900)));
        let queue = "${CostDeadLetterQueue.Arn}";
        assert_eq!(
            function["EventInvokeConfig"],
            json!({
                "MaximumRetryAttempts": 2,
                "DestinationConfig": { "OnFailure": { "Type": "SQS", "Destination": queue } },
            })
        );
        let variables = stack.variables("idle-resources");
        assert_eq!(variables["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
        assert_eq!(variables["ACTION"], action);
    }
    let refused = refusals(&[("IdleAction", "mark")]);
    assert_eq!(refused, ["IdleAction needs CostFunctions."]);
}

#[test]
fn idle_resources_has_the_permissions_of_its_action_and_removes_only_what_has_the_tag() {
    let volumes = "arn:aws:ec2:*:123456789012:volume/*";
    let both = format!("arn:aws:ec2:*:123456789012:elastic-ip/* {volumes}");
    let snapshots = "arn:aws:ec2:*::snapshot/*";
    let always = [
        "cloudwatch:GetMetricData ec2:DescribeAddresses ec2:DescribeImages ec2:DescribeInstances \
         ec2:DescribeNatGateways ec2:DescribeSnapshots ec2:DescribeVolumes \
         elasticloadbalancing:DescribeLoadBalancers elasticloadbalancing:DescribeTags \
         elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth \
         logs:DescribeLogGroups logs:ListTagsForResource rds:DescribeDBInstances \
         s3:GetBucketTagging s3:GetLifecycleConfiguration s3:ListAllMyBuckets s3:ListBucket \
         s3:ListBucketMultipartUploads on *",
        "ec2:DescribeImageReferences ec2:DescribeLaunchTemplates \
         ec2:DescribeLaunchTemplateVersions imagebuilder:GetContainerRecipe \
         imagebuilder:GetImageRecipe imagebuilder:ListContainerRecipes \
         imagebuilder:ListImageRecipes ssm:DescribeParameters on *",
        "ssm:GetParameters on arn:aws:ssm:*:123456789012:parameter/*",
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
        "sqs:SendMessage on ${CostDeadLetterQueue.Arn}",
    ];
    let mark = format!("ec2:CreateTags ec2:DeleteTags on {both}");
    let remove = format!("ec2:DeleteVolume ec2:ReleaseAddress on {both}");
    let copy = format!("ec2:CreateSnapshot on {volumes} {snapshots}");
    let tag = format!("ec2:CreateTags on {snapshots}");
    let cases: [(&str, &[&str]); 3] =
        [("report", &[]), ("mark", &[&mark]), ("remove", &[&mark, &remove, &copy, &tag])];
    let mark = json!({
        "ForAllValues:StringEquals": {"aws:TagKeys": "sluice:idle-since"},
        "Null": {"aws:TagKeys": "false"},
    });
    let remove = json!({"StringEquals": {"aws:ResourceTag/sluice:remove-if-idle": "true"}});
    let create = json!({
        "ForAllValues:StringEquals": {"aws:TagKeys": "sluice:snapshot-of"},
        "Null": {"aws:RequestTag/sluice:snapshot-of": "false"},
    });
    let conditions = [
        ("Mark", mark),
        ("RemoveTagged", remove.clone()),
        ("CopyTagged", remove),
        ("CreateSnapshot", create),
        ("TagSnapshot", json!({"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}})),
    ];
    for (action, more) in cases {
        let stack = Stack::with(&[COST, ("IdleAction", action)]);
        let found = beside_its_log(&stack, "idle-resources");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{action}");
        let policy = &stack.properties("CostIdleResourcesPolicy")["PolicyDocument"]["Statement"];
        for statement in list(policy) {
            let condition = conditions.iter().find(|(sid, _)| statement["Sid"] == *sid);
            if let Some((sid, condition)) = condition {
                assert_eq!(statement["Condition"], *condition, "{sid}");
            }
        }
    }
}

#[test]
fn rightsizing_runs_weekly_only_if_enabled_and_one_at_a_time() {
    for (parameters, state) in
        [(&[COST][..], "DISABLED"), (&[COST, ("RightsizingSchedule", "ENABLED")], "ENABLED")]
    {
        let stack = Stack::with(parameters);
        let function = stack.function("rightsizing");
        let event = &function["Events"]["Schedule"]["Properties"];
        let schedule = "cron(0 1 ? * MON *)";
        assert_eq!((&event["Schedule"], &event["State"]), (&json!(schedule), &json!(state)));
        assert_eq!(function["ReservedConcurrentExecutions"], 1);
        assert_eq!(function["EventInvokeConfig"]["MaximumRetryAttempts"], 2);
        let variables = stack.variables("rightsizing");
        assert_eq!(variables["USAGE_DOCUMENT"], "${CostUsageDocument}");
        assert_eq!(variables["ALERTS_TOPIC_ARN"], "${AlertsTopic}");
    }
    for (parameter, value) in [("RightsizingSchedule", "ENABLED"), ("RightsizingChanges", "yes")] {
        assert_eq!(refusals(&[(parameter, value)]), [format!("{parameter} needs CostFunctions.")]);
        assert!(refusals(&[COST, (parameter, value)]).is_empty());
    }
}

#[test]
fn rightsizing_changes_only_what_has_the_tag_and_only_if_it_may() {
    let here = "eu-west-1:123456789012";
    let measure = format!(
        "ssm:SendCommand on arn:aws:ssm:{here}:document/sluice-dev-volume-usage \
         arn:aws:ec2:{here}:instance/*"
    );
    let always = [
        "ce:GetCostAndUsage cloudwatch:GetMetricData ec2:DescribeInstances ec2:DescribeVolumes \
         lambda:ListFunctions rds:DescribeDBInstances s3:ListAllMyBuckets \
         ssm:DescribeInstanceInformation ssm:GetCommandInvocation on *",
        "s3:GetBucketTagging s3:GetIntelligentTieringConfiguration s3:GetLifecycleConfiguration \
         on arn:aws:s3:::*",
        &measure,
        "sns:Publish on ${AlertsTopic}",
        "kms:Decrypt kms:GenerateDataKey on ${AlertsKey.Arn}@sns.eu-west-1.amazonaws.com",
        "sqs:SendMessage on ${CostDeadLetterQueue.Arn}",
    ];
    let (volumes, instances) =
        (format!("arn:aws:ec2:{here}:volume/*"), format!("arn:aws:ec2:{here}:instance/*"));
    let snapshots = "arn:aws:ec2:eu-west-1::snapshot/*";
    let changes = [
        "ec2:DescribeSnapshots on *".to_owned(),
        format!("ec2:AttachVolume ec2:CreateSnapshot ec2:ModifyVolume on {instances} {volumes}"),
        format!("ec2:CreateSnapshot ec2:CreateVolume ec2:CreateTags on {snapshots} {volumes}"),
        "s3:PutIntelligentTieringConfiguration s3:PutLifecycleConfiguration on arn:aws:s3:::*"
            .to_owned(),
    ];
    let changes: Vec<_> = changes.iter().map(String::as_str).collect();
    let queue = format!("kms:Decrypt kms:GenerateDataKey on {KEY_ARN}@sqs.eu-west-1.amazonaws.com");
    let cases: [(&[_], &[&str]); 3] = [
        (&[], &[]),
        (&[("RightsizingChanges", "yes")], &changes),
        (&[("QueueKeyArn", KEY_ARN)], &[&queue]),
    ];
    for (parameters, more) in cases {
        let stack = Stack::with(&[&[COST], parameters].concat());
        let found = beside_its_log(&stack, "rightsizing");
        assert_eq!(found, expanded(&[&always[..], more].concat()), "{parameters:?}");
        let policy = &stack.properties("CostRightsizingPolicy")["PolicyDocument"]["Statement"];
        for statement in list(policy) {
            let action = statement["Action"].to_string();
            let changes = [":Attach", ":Create", ":Modify", ":Put"];
            if changes.iter().any(|change| action.contains(change)) {
                let condition = statement["Condition"].to_string();
                let is_narrow = ["sluice:allow-rightsizing", "ec2:CreateAction"]
                    .iter()
                    .any(|key| condition.contains(key));
                assert!(is_narrow, "{statement}");
            }
        }
    }
}
