use std::collections::BTreeSet;

use serde_json::json;
use testkit::code_blocks;

use super::*;

const SECRET: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf";

fn redshift() -> Value {
    json!({"kind": "redshift", "cluster": "music", "database": "dev", "sql": "SELECT 1"})
}

fn rds() -> Value {
    let cluster = "arn:aws:rds:eu-west-1:123456789012:cluster:plays";
    json!({
        "kind": "rds", "resource_arn": cluster, "secret_arn": SECRET, "database": "plays",
        "sql": "SELECT 1",
    })
}

fn bigquery() -> Value {
    json!({"kind": "bigquery", "project": "music-1", "sql": "SELECT 1"})
}

fn opensearch() -> Value {
    json!({"kind": "opensearch", "endpoint": "https://search.test/", "index": "plays-*"})
}

/// A value with other members; null removes one.
fn with(mut value: Value, members: &Value) -> Value {
    for (name, member) in members.as_object().unwrap() {
        value[name] = member.clone();
        if member.is_null() {
            value.as_object_mut().unwrap().remove(name);
        }
    }
    value
}

fn check(definition: &Value) -> Result<Check, String> {
    Check::parse("plays", &definition.to_string()).map_err(|error| error.to_string())
}

fn target(end: &Value) -> Result<End, String> {
    check(&json!({"target": end})).map(|check| check.target)
}

#[test]
fn a_check_has_documented_defaults() {
    let check = check(&json!({"target": opensearch()})).unwrap();
    let target = End::OpenSearch {
        url: Url::parse("https://search.test").unwrap(),
        index: "plays-*".to_owned(),
        time_field: "@timestamp".to_owned(),
    };
    let (name, limits) = ("plays".to_owned(), Limits::default());
    let expected =
        Check { name, source: None, target, limits, window_hours: None, delay_minutes: 0 };
    assert_eq!(check, expected);
}

#[test]
fn reads_every_member_of_a_check() {
    let sql = json!({"sql": "SELECT {from}, {to}"});
    let definition = json!({
        "source": with(rds(), &sql), "target": with(bigquery(), &sql), "max_difference": 5,
        "max_difference_percent": 0.5, "max_age_minutes": 90, "max_lag_minutes": 0,
        "window_hours": 24.0, "delay_minutes": 15,
    });
    let check = check(&definition).unwrap();
    let limits = Limits {
        difference: 5.0,
        difference_percent: 0.5,
        age_minutes: Some(90),
        lag_minutes: Some(0),
    };
    assert_eq!((check.limits, check.window_hours, check.delay_minutes), (limits, Some(24), 15));
    let sql = "SELECT {from}, {to}";
    assert_eq!(check.source.as_ref().and_then(End::sql), Some(sql));
    let location = None;
    let (project, sql) = ("music-1".to_owned(), sql.to_owned());
    let maximum_bytes = 10 << 30;
    assert_eq!(check.target, End::BigQuery { project, location, maximum_bytes, sql });
}

#[test]
fn reads_every_member_of_an_end() {
    for (members, warehouse, identity) in [
        (json!({}), Warehouse::Cluster("music".to_owned()), Identity::Role),
        (
            json!({"db_user": "ada"}),
            Warehouse::Cluster("music".to_owned()),
            Identity::DbUser("ada".to_owned()),
        ),
        (
            json!({"cluster": null, "workgroup": "lake", "secret_arn": SECRET}),
            Warehouse::Workgroup("lake".to_owned()),
            Identity::Secret(SECRET.to_owned()),
        ),
    ] {
        let database = Database { warehouse, name: "dev".to_owned(), identity };
        let expected = End::Redshift { database, sql: "SELECT 1".to_owned() };
        assert_eq!(target(&with(redshift(), &members)).unwrap(), expected);
    }
    let end = with(bigquery(), &json!({"location": "EU", "maximum_gib": 0.5}));
    let End::BigQuery { location, maximum_bytes, .. } = target(&end).unwrap() else { panic!() };
    assert_eq!((location.as_deref(), maximum_bytes), (Some("EU"), 1 << 29));
    let end = with(opensearch(), &json!({"time_field": "at"}));
    let End::OpenSearch { time_field, .. } = target(&end).unwrap() else { panic!() };
    assert_eq!(time_field, "at");
}

#[test]
fn a_member_that_is_unknown_or_wrong_is_named_without_its_value() {
    let number = |name: &str, value: Value| json!({"target": redshift(), name: value});
    let of = |end: Value, members: Value| json!({"target": with(end, &members)});
    let minutes = "a whole number from 0 to 5256000";
    for (definition, expected) in [
        (json!([]), "it is not an object".to_owned()),
        (json!({}), "`target` is missing".to_owned()),
        (json!({"target": "hush"}), "`target` must be an object".to_owned()),
        (json!({"target": redshift(), "source": null}), "`source` must be an object".to_owned()),
        (number("max_rows", json!(1)), "`max_rows` is not a member that is known".to_owned()),
        (number("hush-1", json!(1)), "`…` is not a member that is known".to_owned()),
        (number("name", json!("a")), "`name` is not a member that is known".to_owned()),
        (
            number("max_difference", json!(-1)),
            "`max_difference` must be a whole number from 0 to 1000000000000000".to_owned(),
        ),
        (
            number("max_difference_percent", json!("hush")),
            "`max_difference_percent` must be a number from 0 to 1000000000".to_owned(),
        ),
        (number("max_age_minutes", json!(1.5)), format!("`max_age_minutes` must be {minutes}")),
        (number("max_lag_minutes", json!(1)), "`max_lag_minutes` needs a `source`".to_owned()),
        (
            number("window_hours", json!(0)),
            "`window_hours` must be a whole number from 1 to 87600".to_owned(),
        ),
        (number("delay_minutes", json!(null)), format!("`delay_minutes` must be {minutes}")),
        (
            of(redshift(), json!({"sql": "SELECT {from}"})),
            "`target.sql` has {from} or {to}, which `window_hours` sets".to_owned(),
        ),
        (
            of(redshift(), json!({"kind": "hush"})),
            "`target.kind` must be redshift, rds, bigquery or opensearch".to_owned(),
        ),
        (of(redshift(), json!({"kind": null})), "`target.kind` is missing".to_owned()),
        (
            of(redshift(), json!({"cluster": null})),
            "`target.cluster` must be set, or `workgroup`, and not both".to_owned(),
        ),
        (
            of(redshift(), json!({"workgroup": "lake"})),
            "`target.cluster` must be set, or `workgroup`, and not both".to_owned(),
        ),
        (
            of(redshift(), json!({"cluster": null, "workgroup": "lake", "db_user": "ada"})),
            "`target.db_user` must be set with `cluster` alone, without `workgroup` and `secret_arn`"
                .to_owned(),
        ),
        (
            of(redshift(), json!({"secret_arn": SECRET, "db_user": "ada"})),
            "`target.db_user` must be set with `cluster` alone, without `workgroup` and `secret_arn`"
                .to_owned(),
        ),
        (of(redshift(), json!({"database": null})), "`target.database` is missing".to_owned()),
        (
            of(redshift(), json!({"sql": " "})),
            "`target.sql` must be a text that is not blank".to_owned(),
        ),
        (
            of(redshift(), json!({"index": "plays"})),
            "`target.index` is not a member that is known".to_owned(),
        ),
        (
            of(rds(), json!({"resource_arn": "hush"})),
            "`target.resource_arn` must be an ARN of rds".to_owned(),
        ),
        (
            of(rds(), json!({"secret_arn": "hush"})),
            "`target.secret_arn` must be an ARN of secretsmanager".to_owned(),
        ),
        (
            of(bigquery(), json!({"project": "a/b"})),
            "`target.project` must be the id of a project".to_owned(),
        ),
        (
            of(bigquery(), json!({"maximum_gib": 0})),
            "`target.maximum_gib` must be a number from 0.001 to 1000000".to_owned(),
        ),
        (
            of(opensearch(), json!({"endpoint": "https://ada:hush@search.test"})),
            "`target.endpoint` must be an http or https URL without user, password and query"
                .to_owned(),
        ),
        (of(opensearch(), json!({"index": null})), "`target.index` is missing".to_owned()),
    ] {
        assert_eq!(check(&definition), Err(expected), "{definition}");
    }
    let error = Check::parse("plays", "{\"target\": hush").unwrap_err().to_string();
    assert_eq!(error, "it is not JSON at line 1 column 12");
    let long = format!("{{\"target\": {}, \"{}\": 1}}", redshift(), "x".repeat(1_000));
    assert!(Check::parse("plays", &long).unwrap_err().to_string().len() < 100);
}

#[test]
fn a_list_of_checks_has_names() {
    let named = |name: &str| with(json!({"target": redshift()}), &json!({"name": name}));
    let parse = |checks: &Value| parse_all(&checks.to_string()).map_err(|error| error.to_string());
    let longest = "a-Z_0.9".repeat(20)[..100].to_owned();
    let checks = parse(&json!([named("plays"), named(&longest)])).unwrap();
    assert_eq!(checks.iter().map(|check| &*check.name).collect::<Vec<_>>(), ["plays", &longest]);
    assert_eq!(parse(&json!([])), Ok(Vec::new()));
    let form = "`name` must be 1 to 100 letters, digits and any of _ . -";
    let mut wrong = named("skips");
    wrong["max_rows"] = json!(1);
    for (checks, expected) in [
        (json!({}), "it is not an array".to_owned()),
        (json!([named("plays"), 7]), format!("check 2: {form}")),
        (json!([{"target": redshift()}]), format!("check 1: {form}")),
        (json!([named("")]), format!("check 1: {form}")),
        (json!([named("a b")]), format!("check 1: {form}")),
        (json!([named(&"a".repeat(101))]), format!("check 1: {form}")),
        (
            json!([named("plays"), named("plays")]),
            "check plays: another check has this name".to_owned(),
        ),
        (
            json!([named("plays"), wrong]),
            "check skips: `max_rows` is not a member that is known".to_owned(),
        ),
    ] {
        assert_eq!(parse(&checks), Err(expected), "{checks}");
    }
    let error = Check::parse(&"a".repeat(101), "{}").unwrap_err().to_string();
    assert_eq!(error, "its name must be 1 to 100 letters, digits and any of _ . -");
}

#[test]
fn the_checks_of_the_documents_can_be_copied() {
    let documents =
        [include_str!("../../../../docs/connect.md"), include_str!("../../README.md")].concat();
    let mut ends = BTreeSet::new();
    for definition in code_blocks(&documents, "json") {
        // The other one is a policy.
        if definition.contains("\"Statement\"") {
            continue;
        }
        let check = Check::parse("copied", definition).unwrap_or_else(|error| {
            panic!("{error}: {definition}");
        });
        let both = [check.source.as_ref(), Some(&check.target)].into_iter().flatten();
        ends.extend(
            both.map(|end| format!("{end:?}").split([' ', '(']).next().unwrap().to_owned()),
        );
    }
    let kinds = ["BigQuery", "OpenSearch", "Rds", "Redshift"].map(str::to_owned);
    assert_eq!(ends, BTreeSet::from(kinds), "an example of each kind");
}
