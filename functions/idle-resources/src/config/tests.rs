use testkit::LAMBDA;

use super::*;

const TOPIC: (&str, &str) = ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts");
const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");

fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let all = LAMBDA.iter().chain(&[TOPIC, REGION]).chain(variables).copied();
    Config::from_environment(&all.collect())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn has_the_documented_defaults_also_for_blank_values() {
    let blank: Vec<_> = VARIABLES.iter().map(|name| (*name, " ")).collect();
    for variables in [&[][..], &[&blank[..], &[("PRICES", ""), ("KEEP_TAG", "")]].concat()] {
        let config = config(variables).unwrap();
        assert_eq!((config.log_level, &*config.metrics_namespace), (Level::INFO, "Sluice"));
        assert_eq!(config.kinds, Kind::ALL.into());
        assert_eq!((config.regions, &*config.own_region), (set(&["eu-west-1"]), "eu-west-1"));
        let rules = config.rules;
        assert_eq!((rules.min_age_days, rules.idle_days, rules.stopped_days), (7, 14, 30));
        assert_eq!((rules.snapshot_days, rules.object_days), (180, 180));
        assert_eq!(Some(rules.min_usd), Some(0.10));
        assert_eq!(rules.schedule_tag, "sluice:office-hours");
        assert_eq!((config.s3_list_requests, config.lines), (100, 40));
        assert_eq!((config.action, &*config.remove_tag), (Action::Report, "sluice:remove-if-idle"));
        assert_eq!((config.grace_days, config.max_removals), (14, 10));
        assert_eq!(config.deadline_margin, Duration::from_secs(2));
    }
}

#[test]
fn reads_every_variable() {
    let config = config(&[
        ("KINDS", "volume,address"),
        ("REGIONS", "us-gov-west-1, eu-west-1,eu-west-1"),
        ("MIN_AGE_DAYS", "0"),
        ("IDLE_DAYS", "60"),
        ("STOPPED_DAYS", "1"),
        ("SNAPSHOT_DAYS", "2"),
        ("OBJECT_DAYS", "3"),
        ("S3_LIST_REQUESTS", "0"),
        ("MIN_USD", "1.5"),
        ("LINES", "4"),
        ("ACTION", "remove"),
        ("REMOVE_TAG", "team:remove"),
        ("GRACE_DAYS", "1"),
        ("MAX_REMOVALS", "0"),
        ("SCHEDULE_TAG", "team:hours"),
        ("DEADLINE_MARGIN_MS", "250"),
        ("LOG_LEVEL", "debug"),
        ("METRICS_NAMESPACE", "Team/Music"),
        ("AWS_ENDPOINT_URL_EC2", "http://ec2"),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs"),
    ])
    .unwrap();
    assert_eq!(config.kinds, BTreeSet::from([Kind::Address, Kind::Volume]));
    assert_eq!(config.regions, set(&["eu-west-1", "us-gov-west-1"]));
    let rules = config.rules;
    assert_eq!((rules.min_age_days, rules.idle_days, rules.stopped_days), (0, 60, 1));
    assert_eq!(
        (rules.snapshot_days, rules.object_days, rules.schedule_tag),
        (2, 3, "team:hours".to_owned())
    );
    assert_eq!(Some(rules.min_usd), Some(1.5));
    assert_eq!((config.s3_list_requests, config.lines, config.action), (0, 4, Action::Remove));
    assert_eq!(
        (&*config.remove_tag, config.grace_days, config.max_removals),
        ("team:remove", 1, 0)
    );
    assert_eq!(config.deadline_margin, Duration::from_millis(250));
    assert_eq!((config.log_level, &*config.metrics_namespace), (Level::DEBUG, "Team/Music"));
    assert_eq!(config.aws.endpoint(EC2.service), Some("http://ec2"));
    assert_eq!(config.aws.endpoint(LOGS), Some("http://logs"));
}

#[test]
fn errors_name_variable_value_and_what_is_allowed() {
    let kinds = "* or names separated by commas, of address, bucket, ";
    let regions = "names of regions separated by commas";
    for (variable, value, allowed) in [
        ("ALERTS_TOPIC_ARN", "alerts", "the ARN of an SNS topic"),
        ("KINDS", "volumes", kinds),
        ("REGIONS", "eu-west-1;us-east-1", regions),
        ("REGIONS", "eu-west-1,", regions),
        ("REGIONS", "EU-WEST-1", regions),
        ("REGIONS", "eu-1", regions),
        ("MIN_AGE_DAYS", "-1", "a whole number from 0 to 36500"),
        ("IDLE_DAYS", "0", "a whole number from 1 to 60"),
        ("IDLE_DAYS", "61", "a whole number from 1 to 60"),
        ("STOPPED_DAYS", "a", "a whole number from 0 to 36500"),
        ("SNAPSHOT_DAYS", "1.5", "a whole number from 0 to 36500"),
        ("OBJECT_DAYS", "36501", "a whole number from 0 to 36500"),
        ("S3_LIST_REQUESTS", "100001", "a whole number from 0 to 100000"),
        ("MIN_USD", "-0.1", "a number from 0"),
        ("MIN_USD", "inf", "a number from 0"),
        ("LINES", "1001", "a whole number from 0 to 1000"),
        ("ACTION", "delete", "report, mark or remove"),
        ("GRACE_DAYS", "0", "a whole number from 1 to 365"),
        ("GRACE_DAYS", "366", "a whole number from 1 to 365"),
        ("MAX_REMOVALS", "101", "a whole number from 0 to 100"),
        ("DEADLINE_MARGIN_MS", "900001", "a whole number from 0 to 900000"),
        ("PRICES", "{\"gp4\":1}", "a JSON object of prices in USD"),
    ] {
        let error = config(&[(variable, value)]).unwrap_err().to_string();
        let beginning = format!("{variable} is {value:?}, but must be {allowed}");
        assert!(error.starts_with(&beginning), "{error}");
    }
    let (long, allowed) = ("k".repeat(129), "the key of a tag, at most 128 characters");
    for variable in ["REMOVE_TAG", "KEEP_TAG", "SCHEDULE_TAG"] {
        assert_eq!(config(&[(variable, &long)]).unwrap_err().allowed, allowed);
    }
    assert!(Config::from_environment(&LAMBDA.iter().copied().collect()).is_err());
}

#[test]
fn nothing_is_changed_without_a_topic() {
    let empty = ("ALERTS_TOPIC_ARN", "");
    assert!(config(&[empty]).is_ok());
    for action in ["mark", "remove"] {
        let error = config(&[empty, ("ACTION", action)]).unwrap_err();
        assert_eq!((&*error.variable, &*error.value), ("ACTION", action));
    }
}
