use testkit::LAMBDA;

use super::*;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:google-AbCdEf";
const TOPIC: (&str, &str) = ("ALERTS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:alerts");
const CLUSTER: (&str, &str) = ("REDSHIFT_CLUSTER", "music");
const WORKGROUP: (&str, &str) = ("REDSHIFT_WORKGROUP", "lake");
const PROJECTS: (&str, &str) = ("BIGQUERY_PROJECTS", "music-prod");
const GOOGLE: (&str, &str) = ("GOOGLE_CREDENTIALS_SECRET_ARN", ARN);

fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let all = LAMBDA.iter().chain([&TOPIC]).chain(variables).copied();
    Config::from_environment(&all.collect())
}

#[test]
fn has_the_documented_defaults_also_for_blank_values() {
    let required = [CLUSTER, PROJECTS, GOOGLE];
    let blank: Vec<_> = VARIABLES
        .iter()
        .filter(|name| !required.iter().any(|(required, _)| required == *name))
        .map(|name| (*name, " "))
        .chain([("LOG_LEVEL", ""), ("METRICS_NAMESPACE", "")])
        .collect();
    for more in [&[][..], &blank] {
        let config = config(&[&required, more].concat()).unwrap();
        assert_eq!(config.function_name, testkit::FUNCTION_NAME);
        assert_eq!((config.log_level, &*config.metrics_namespace), (Level::INFO, "Sluice"));
        assert_eq!((config.poll_seconds, config.deadline_margin), (300, Duration::from_secs(1)));
        let repeat = Some(SignedDuration::from_hours(6));
        assert_eq!(
            config.redshift.unwrap(),
            RedshiftConfig {
                database: Database {
                    warehouse: Warehouse::Cluster("music".to_owned()),
                    name: "dev".to_owned(),
                    identity: Identity::Role,
                },
                long_queries: Rule { seconds: 3_600, repeat, ignored_users: vec![] },
                locks: LockRule { seconds: 300, repeat },
            }
        );
        assert_eq!(
            config.bigquery.unwrap(),
            BigQueryConfig {
                projects: vec!["music-prod".to_owned()],
                secret_arn: ARN.to_owned(),
                endpoint: Url::parse("https://bigquery.googleapis.com").unwrap(),
                price: Price { usd_per_tib: 6.25 },
                alert_usd: 5.0,
                max_users: 20,
            }
        );
    }
}

#[test]
fn reads_every_variable() {
    let config = config(&[
        CLUSTER,
        ("REDSHIFT_DATABASE", "prod"),
        ("REDSHIFT_DB_USER", "watcher"),
        ("LONG_QUERY_SECONDS", "60"),
        ("LOCK_SECONDS", "0"),
        ("REPEAT_HOURS", "0"),
        ("IGNORED_USERS", " etl, ada,,"),
        ("BIGQUERY_PROJECTS", "music-prod, music.test:dev,music-prod"),
        GOOGLE,
        ("BIGQUERY_ENDPOINT_URL", "http://127.0.0.1:9050"),
        ("BIGQUERY_USD_PER_TIB", "7.5"),
        ("BIGQUERY_ALERT_USD", "0"),
        ("BIGQUERY_MAX_USERS", "500"),
        ("POLL_SECONDS", "86400"),
        ("DEADLINE_MARGIN_MS", "250"),
        ("LOG_LEVEL", "debug"),
        ("METRICS_NAMESPACE", "Team/Music"),
        ("AWS_ENDPOINT_URL_REDSHIFT_DATA", "http://redshift"),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", "http://cloudwatch"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets"),
    ])
    .unwrap();
    let RedshiftConfig { database, long_queries, locks } = config.redshift.unwrap();
    assert_eq!(database.name, "prod");
    assert_eq!(database.identity, Identity::DbUser("watcher".to_owned()));
    let ignored_users = vec!["etl".to_owned(), "ada".to_owned()];
    assert_eq!(long_queries, Rule { seconds: 60, repeat: None, ignored_users });
    assert_eq!(locks, LockRule { seconds: 0, repeat: None });
    let bigquery = config.bigquery.unwrap();
    assert_eq!(bigquery.projects, ["music-prod", "music.test:dev"]);
    assert_eq!(bigquery.endpoint.as_str(), "http://127.0.0.1:9050");
    assert_eq!(bigquery.price, Price { usd_per_tib: 7.5 });
    assert_eq!((bigquery.alert_usd, bigquery.max_users), (0.0, 500));
    assert_eq!(config.poll_seconds, 86_400);
    assert_eq!(config.deadline_margin, Duration::from_millis(250));
    assert_eq!((config.log_level, &*config.metrics_namespace), (Level::DEBUG, "Team/Music"));
    assert_eq!(config.aws.endpoint(REDSHIFT_DATA), Some("http://redshift"));
    assert_eq!(config.aws.endpoint(CLOUDWATCH), Some("http://cloudwatch"));
    assert_eq!(config.aws.endpoint(SECRETS_MANAGER), Some("http://secrets"));
}

#[test]
fn one_source_is_enough() {
    let serverless = config(&[WORKGROUP, ("REDSHIFT_SECRET_ARN", ARN)]).unwrap();
    assert!(serverless.bigquery.is_none());
    let database = serverless.redshift.unwrap().database;
    assert_eq!(database.warehouse, Warehouse::Workgroup("lake".to_owned()));
    assert_eq!(database.identity, Identity::Secret(ARN.to_owned()));
    assert!(config(&[PROJECTS, GOOGLE]).unwrap().redshift.is_none());
}

/// Variables, the one in the error, its value as shown, and the beginning of what is allowed.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str, &'a str);

#[test]
fn errors_name_variable_value_and_what_is_allowed_and_no_secret() {
    let user = ("REDSHIFT_DB_USER", "watcher");
    let whole = "a whole number from";
    let cases: [Case<'_>; 21] = [
        (&[], "REDSHIFT_CLUSTER", "", "set, or REDSHIFT_WORKGROUP, or BIGQUERY_PROJECTS"),
        (&[("BIGQUERY_PROJECTS", ", ,")], "REDSHIFT_CLUSTER", "", "set, or"),
        (&[("REDSHIFT_CLUSTER", "a.b")], "REDSHIFT_CLUSTER", "a.b", "the name of a cluster"),
        (&[("REDSHIFT_WORKGROUP", "a b")], "REDSHIFT_WORKGROUP", "a b", "the name of a workgroup"),
        (&[CLUSTER, WORKGROUP], "REDSHIFT_WORKGROUP", "lake", "not set where REDSHIFT_CLUSTER"),
        (&[WORKGROUP, user], "REDSHIFT_DB_USER", "watcher", "not set where REDSHIFT_WORKGROUP"),
        (
            &[CLUSTER, user, ("REDSHIFT_SECRET_ARN", ARN)],
            "REDSHIFT_DB_USER",
            "watcher",
            "not set where REDSHIFT_SECRET_ARN",
        ),
        (&[("REDSHIFT_SECRET_ARN", "hush")], "REDSHIFT_SECRET_ARN", "…", ARN_OF_SECRET),
        (&[PROJECTS], "GOOGLE_CREDENTIALS_SECRET_ARN", "", ARN_OF_SECRET),
        (
            &[("GOOGLE_CREDENTIALS_SECRET_ARN", "{\"hush\"}")],
            "GOOGLE_CREDENTIALS_SECRET_ARN",
            "…",
            ARN_OF_SECRET,
        ),
        (&[("BIGQUERY_PROJECTS", "a/b")], "BIGQUERY_PROJECTS", "a/b", "ids of projects"),
        (&[("BIGQUERY_ENDPOINT_URL", "bq")], "BIGQUERY_ENDPOINT_URL", "bq", "an http or https URL"),
        (
            &[("BIGQUERY_USD_PER_TIB", "0")],
            "BIGQUERY_USD_PER_TIB",
            "0",
            "a number from 0.01 to 1000",
        ),
        (&[("BIGQUERY_USD_PER_TIB", "1e2")], "BIGQUERY_USD_PER_TIB", "1e2", "a number from 0.01"),
        (&[("BIGQUERY_ALERT_USD", "2.5")], "BIGQUERY_ALERT_USD", "2.5", whole),
        (&[("BIGQUERY_MAX_USERS", "501")], "BIGQUERY_MAX_USERS", "501", whole),
        (&[("LONG_QUERY_SECONDS", "59")], "LONG_QUERY_SECONDS", "59", whole),
        (&[("LOCK_SECONDS", "86401")], "LOCK_SECONDS", "86401", whole),
        (&[("REPEAT_HOURS", "169")], "REPEAT_HOURS", "169", whole),
        (&[CLUSTER, ("POLL_SECONDS", "59")], "POLL_SECONDS", "59", whole),
        (&[CLUSTER, ("DEADLINE_MARGIN_MS", "-1")], "DEADLINE_MARGIN_MS", "-1", whole),
    ];
    for (variables, variable, shown, allowed) in cases {
        let error = config(variables).unwrap_err().to_string();
        let beginning = format!("{variable} is {shown:?}, but must be {allowed}");
        assert!(error.starts_with(&beginning), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}
