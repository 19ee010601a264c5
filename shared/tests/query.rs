//! The client of the Query protocol against a scripted service.

#![cfg(test)]

use std::time::Duration;

use shared::aws::Aws;
use shared::aws::query::{EC2, ErrorKind, Listed, Parameters, QueryClient, QueryError, RDS};
use testkit::{Call, Endpoint, Reply};
use tokio::time::Instant;

fn aws(url: &str) -> Aws {
    let variables = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "hush"),
    ];
    Aws::from_environment(&variables.into_iter().collect(), &[EC2.service, RDS.service])
}

fn xml(status: u16, body: &str) -> Reply {
    Reply::new(status, "text/xml", body.to_owned())
}

fn error(status: u16, code: &str) -> Reply {
    xml(status, &format!("<R><Errors><Error><Code>{code}</Code></Error></Errors></R>"))
}

fn form(call: &Call) -> &str {
    std::str::from_utf8(&call.body).unwrap()
}

/// Calls an operation of EC2 whose first answers are these, followed by a valid one.
async fn call(replies: Vec<Reply>, left: Duration) -> (Result<String, QueryError>, usize) {
    let endpoint = Endpoint::replying(replies.into_iter().map(Some), |_, reply| {
        reply.unwrap_or_else(|| xml(200, "<StopInstancesResponse><a>b</a></StopInstancesResponse>"))
    })
    .await;
    let client = QueryClient::new(EC2, &aws(&endpoint.url));
    let result = client.call("StopInstances", &Parameters::new(), Instant::now() + left).await;
    (result.map(|element| element.text("a").unwrap().to_owned()), endpoint.calls().len())
}

#[tokio::test]
async fn sends_a_signed_form() {
    let body = "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
                <Id>a</Id></DBInstance></DBInstances></DescribeDBInstancesResult>\
                </DescribeDBInstancesResponse>";
    let endpoint = Endpoint::start(move |_| xml(200, body)).await;
    let client = QueryClient::in_region(RDS, &aws(&endpoint.url), "us-west-2");
    assert_eq!(client.region(), "us-west-2");
    let parameters = Parameters::new().with("MaxRecords", "100");
    let until = Instant::now() + Duration::from_mins(1);
    let listed = client.list("DescribeDBInstances", &parameters, &["DBInstances"], until).await;
    assert_eq!(listed.items[0].text("Id"), Some("a"));
    assert_eq!((listed.items.len(), listed.failure), (1, None));
    let [call] = &endpoint.calls()[..] else { panic!("one call") };
    assert_eq!(form(call), "Action=DescribeDBInstances&Version=2014-10-31&MaxRecords=100");
    assert_eq!(call.headers["content-type"], "application/x-www-form-urlencoded; charset=utf-8");
    let signature = call.headers["authorization"].to_str().unwrap();
    assert!(signature.contains("/us-west-2/rds/aws4_request"), "{signature}");
}

#[tokio::test]
async fn throttling_and_5xx_are_tried_three_times_and_nothing_else() {
    let minute = Duration::from_mins(1);
    for (status, code) in [(503, "RequestLimitExceeded"), (400, "Throttling"), (500, "Internal")] {
        let again = call((0..2).map(|_| error(status, code)).collect(), minute).await;
        assert_eq!(again, (Ok("b".to_owned()), 3), "{code}");
    }
    let (result, calls) = call((0..3).map(|_| error(500, "Internal")).collect(), minute).await;
    let failure = result.unwrap_err();
    assert_eq!((&*failure.code, failure.kind, calls), ("Internal", ErrorKind::Temporary, 3));
    for (reply, code, kind) in [
        (error(400, "IncorrectState"), "IncorrectState", ErrorKind::Refused),
        (error(403, "UnauthorizedOperation"), "UnauthorizedOperation", ErrorKind::Refused),
        (Reply::Close, "NoAnswer", ErrorKind::NoAnswer),
        (xml(200, ""), "InvalidAnswer", ErrorKind::NoAnswer),
        (xml(200, "<html/>"), "InvalidAnswer", ErrorKind::NoAnswer),
        (xml(302, ""), "Status302", ErrorKind::Refused),
    ] {
        let (result, calls) = call(vec![reply], minute).await;
        let failure = result.unwrap_err();
        assert_eq!((&*failure.code, failure.kind, calls), (code, kind, 1));
    }
}

#[tokio::test]
async fn an_operation_that_must_not_run_twice_is_not_sent_again_on_another_connection() {
    let answer = || xml(200, "<CreateSnapshotResponse/>");
    let endpoint = Endpoint::replying([Some(answer()), Some(Reply::Close)], move |_, reply| {
        reply.unwrap_or_else(answer)
    })
    .await;
    let client = QueryClient::new(EC2, &aws(&endpoint.url));
    let until = Instant::now() + Duration::from_mins(1);
    client.call("CreateSnapshot", &Parameters::new(), until).await.unwrap();
    let result = client.call_once("CreateSnapshot", &Parameters::new(), until).await;
    assert_eq!((&*result.unwrap_err().code, endpoint.calls().len()), ("NoAnswer", 2));
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_after_a_third_of_the_time_and_not_repeated() {
    let started = Instant::now();
    let (result, calls) = call(vec![Reply::Never], Duration::from_secs(3)).await;
    assert_eq!((&*result.unwrap_err().code, calls), ("Timeout", 1));
    assert!(started.elapsed() < Duration::from_secs(2));
    let (result, calls) = call(Vec::new(), Duration::ZERO).await;
    assert_eq!((&*result.unwrap_err().code, calls), ("Deadline", 0));
}

/// Lists from pages, each with its number of items and the token of the next one; the last is
/// repeated.
async fn list(pages: Vec<Reply>) -> (Listed, Vec<String>) {
    let mut pages = pages.into_iter();
    let endpoint = Endpoint::start(move |_| pages.next().unwrap_or(Reply::Close)).await;
    let client = QueryClient::new(EC2, &aws(&endpoint.url));
    let until = Instant::now() + Duration::from_mins(1);
    let listed = client.list("DescribeVolumes", &Parameters::new(), &["volumeSet"], until).await;
    (listed, endpoint.calls().iter().map(|call| form(call).to_owned()).collect())
}

fn page(items: usize, token: &str) -> Reply {
    let items = "<item><id>a</id></item>".repeat(items);
    let token = format!("<volumeSet>{items}</volumeSet><nextToken>{token}</nextToken>");
    xml(200, &format!("<DescribeVolumesResponse>{token}</DescribeVolumesResponse>"))
}

#[tokio::test]
async fn all_pages_are_read_and_what_fails_spoils_no_other() {
    let code = |listed: &Listed| listed.failure.clone().map(|failure| failure.code);
    let (listed, calls) = list(vec![page(2, "a"), page(0, "b/"), page(1, "")]).await;
    assert_eq!((listed.items.len(), code(&listed)), (3, None));
    let first = "Action=DescribeVolumes&Version=2016-11-15";
    let tokens = ["", "&NextToken=a", "&NextToken=b%2F"];
    assert_eq!(calls, tokens.map(|token| format!("{first}{token}")));
    let (listed, _) = list(vec![page(2, "a"), error(400, "InvalidNextToken")]).await;
    let invalid = Some("InvalidNextToken".to_owned());
    assert_eq!((listed.items.len(), code(&listed)), (2, invalid));
    let (listed, calls) = list((0..9).map(|_| page(1, "a")).collect()).await;
    assert_eq!((code(&listed), calls.len()), (Some("InvalidAnswer".to_owned()), 2));
    // Stand-ins for AWS omit an empty list.
    let without =
        xml(200, "<DescribeVolumesResponse><requestId>1</requestId></DescribeVolumesResponse>");
    let (listed, _) = list(vec![page(1, "a"), without]).await;
    assert_eq!((listed.items.len(), code(&listed)), (1, None));
    let (listed, _) = list(vec![page(9_999, "a"), page(1, "")]).await;
    assert_eq!((listed.items.len(), code(&listed)), (10_000, None));
    let (listed, _) = list(vec![page(9_999, "a"), page(2, "b")]).await;
    assert_eq!((listed.items.len(), code(&listed)), (10_000, Some("TooMany".to_owned())));
}
