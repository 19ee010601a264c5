//! Statements through the Data API of a scripted endpoint.

#![cfg(test)]

use std::time::Duration;

use serde_json::{Value, json};
use shared::aws::{Aws, CallFailure};
use shared::config::Environment;
use shared::redshift::{
    Cell, Database, Identity, REDSHIFT_DATA, Redshift, StatementError, Warehouse,
};
use testkit::{Endpoint, Reply};
use tokio::time::Instant;

const SECRET_ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:redshift-AbCdEf";

fn redshift(endpoint: &Endpoint) -> Redshift {
    let environment: Environment = [
        ("AWS_ENDPOINT_URL_REDSHIFT_DATA", &*endpoint.url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ]
    .into_iter()
    .collect();
    Redshift::new(Aws::from_environment(&environment, &[REDSHIFT_DATA]))
}

fn database(warehouse: Warehouse, identity: Identity) -> Database {
    Database { warehouse, name: "dev".to_owned(), identity }
}

/// Runs a statement on an endpoint with these replies, and also returns the calls: operation and
/// body.
async fn query(
    replies: Vec<Reply>,
    max_rows: usize,
    limit: Duration,
) -> (Result<Vec<Vec<Cell>>, StatementError>, Vec<(String, Value)>) {
    let replies = replies.into_iter().map(Some);
    let act = |_: &_, reply: Option<Reply>| reply.unwrap_or(Reply::Never);
    let endpoint = Endpoint::replying(replies, act).await;
    let database = database(Warehouse::Cluster("music".to_owned()), Identity::Role);
    let until = Instant::now() + limit;
    let parameters = [("since", "2026-11-28 07:00:00")];
    let sql = "SELECT :since";
    let result = redshift(&endpoint).query(&database, sql, &parameters, max_rows, until).await;
    let calls = endpoint.take_calls().into_iter();
    (result, calls.map(|call| (call.operation.clone(), call.json())).collect())
}

const LONG: Duration = Duration::from_secs(20);

fn started() -> Reply {
    Reply::json(200, &json!({"Id": "s1"}))
}

fn status(status: &str) -> Reply {
    Reply::json(200, &json!({"Id": "s1", "Status": status}))
}

fn page(values: &[i64], next: &str) -> Reply {
    let records: Vec<_> = values.iter().map(|value| json!([{"longValue": value}])).collect();
    Reply::json(200, &json!({"Records": records, "NextToken": next, "TotalNumRows": 3}))
}

fn operations(calls: &[(String, Value)]) -> Vec<&str> {
    calls.iter().map(|(operation, _)| &**operation).collect()
}

#[tokio::test]
async fn a_statement_is_waited_for_and_its_result_read_in_pages() {
    let replies = vec![
        started(),
        status("SUBMITTED"),
        status("STARTED"),
        status("FINISHED"),
        page(&[1, 2], "more"),
        page(&[3], ""),
    ];
    let (rows, calls) = query(replies, 1_000, LONG).await;
    assert_eq!(rows.unwrap(), [1, 2, 3].map(|number| vec![Cell::Long(number)]));
    assert_eq!(
        operations(&calls),
        [
            "ExecuteStatement",
            "DescribeStatement",
            "DescribeStatement",
            "DescribeStatement",
            "GetStatementResult",
            "GetStatementResult"
        ]
    );
    let mut execute = calls[0].1.clone();
    // So that a repeated call does not run the statement again.
    assert!(execute["ClientToken"].take().is_string());
    assert_eq!(
        execute,
        json!({
            "Sql": "SELECT :since", "ClusterIdentifier": "music", "Database": "dev",
            "Parameters": [{"name": "since", "value": "2026-11-28 07:00:00"}], "ClientToken": null,
        })
    );
    assert_eq!(calls[4].1, json!({"Id": "s1"}));
    assert_eq!(calls[5].1, json!({"Id": "s1", "NextToken": "more"}));
}

#[tokio::test]
async fn no_page_is_read_after_the_one_with_the_last_row_that_is_asked_for() {
    let replies = vec![started(), status("FINISHED"), page(&[1, 2], "more")];
    let (rows, calls) = query(replies, 2, LONG).await;
    assert_eq!((rows.unwrap().len(), calls.len()), (2, 3));
}

#[tokio::test]
async fn a_result_that_is_missing_is_not_an_empty_one() {
    let finished = json!({"Id": "s1", "Status": "FINISHED", "HasResultSet": false});
    let (result, calls) = query(vec![started(), Reply::json(200, &finished)], 1, LONG).await;
    let message = "the result is incomplete: the statement has none";
    assert_eq!((result.unwrap_err().to_string(), calls.len()), (message.to_owned(), 2));
    let pages = [page(&[1], "more"), page(&[2], "")];
    let replies = [started(), status("FINISHED")].into_iter().chain(pages);
    let (result, _) = query(replies.collect(), 1_000, LONG).await;
    let message = "the result is incomplete: 1 of 3 rows are missing";
    assert_eq!(result.unwrap_err().to_string(), message);
}

#[tokio::test]
async fn warehouse_and_identity_are_those_of_the_database() {
    for (warehouse, identity, members) in [
        (Warehouse::Workgroup("lake".to_owned()), Identity::Role, json!({"WorkgroupName": "lake"})),
        (
            Warehouse::Cluster("music".to_owned()),
            Identity::DbUser("watcher".to_owned()),
            json!({"ClusterIdentifier": "music", "DbUser": "watcher"}),
        ),
        (
            Warehouse::Cluster("music".to_owned()),
            Identity::Secret(SECRET_ARN.to_owned()),
            json!({"ClusterIdentifier": "music", "SecretArn": SECRET_ARN}),
        ),
    ] {
        let endpoint = Endpoint::start(|_| Reply::aws_error(400, "ValidationException")).await;
        let database = database(warehouse, identity);
        let until = Instant::now() + LONG;
        let error = redshift(&endpoint).query(&database, "SELECT 1", &[], 1, until).await;
        let failure =
            CallFailure { code: Some("ValidationException".to_owned()), message: "no".to_owned() };
        let expected = StatementError::Call { operation: "ExecuteStatement", failure };
        assert_eq!(error, Err(expected));
        let mut call = endpoint.calls()[0].json();
        let call = call.as_object_mut().unwrap();
        for other in ["ClientToken", "Sql", "Database"] {
            call.remove(other).unwrap();
        }
        assert_eq!(json!(call), members);
    }
}

#[tokio::test]
async fn a_statement_that_ends_without_a_result_is_not_cancelled() {
    for ended in ["FAILED", "ABORTED"] {
        let answer = json!({"Id": "s1", "Status": ended, "Error": "ERROR: permission denied"});
        let (result, calls) = query(vec![started(), Reply::json(200, &answer)], 1, LONG).await;
        let message = format!("the statement ended with {ended}: ERROR: permission denied");
        assert_eq!(result.unwrap_err().to_string(), message);
        assert_eq!(calls.len(), 2);
    }
}

#[tokio::test]
async fn a_statement_that_is_not_done_in_time_is_cancelled() {
    // Long enough for the first call on a busy machine.
    let limit = Duration::from_secs(2);
    let endpoint = Endpoint::start(|call| match &*call.operation {
        "ExecuteStatement" => started(),
        "DescribeStatement" => status("STARTED"),
        _ => Reply::json(200, &json!({"Status": true})),
    })
    .await;
    let database = database(Warehouse::Cluster("music".to_owned()), Identity::Role);
    let until = Instant::now() + limit;
    let result = redshift(&endpoint).query(&database, "SELECT 1", &[], 1, until).await;
    assert_eq!(result, Err(StatementError::Late));
    let last = endpoint.take_calls().pop().unwrap();
    assert_eq!((&*last.operation, last.json()), ("CancelStatement", json!({"Id": "s1"})));
}

#[tokio::test]
async fn a_statement_whose_state_is_unknown_is_cancelled() {
    let denied = Reply::aws_error(400, "AccessDeniedException");
    let cancelled = Reply::json(200, &json!({"Status": true}));
    let (result, calls) = query(vec![started(), denied, cancelled], 1, LONG).await;
    assert_eq!(result.unwrap_err().to_string(), "DescribeStatement: AccessDeniedException: no");
    assert_eq!(operations(&calls), ["ExecuteStatement", "DescribeStatement", "CancelStatement"]);
}

#[tokio::test]
async fn throttled_calls_are_repeated() {
    let throttled = || Reply::aws_error(400, "ThrottlingException");
    let unavailable = || Reply::aws_error(503, "ServiceUnavailable");
    let replies = vec![
        throttled(),
        started(),
        unavailable(),
        status("FINISHED"),
        throttled(),
        page(&[1], ""),
    ];
    let (rows, calls) = query(replies, 1, LONG).await;
    assert_eq!((rows.unwrap().len(), calls.len()), (1, 6));
    assert_eq!(calls[0].1["ClientToken"], calls[1].1["ClientToken"]);
}
