//! `sluice doctor` on queues of a SQS on this machine, a Lambda that is scripted, and OpenSearch.

use std::net::TcpListener;

use local::opensearch::{Choice, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch};
use local::sqs::{self, Client, Embedded, Sqs};
use serde_json::{Value, json};
use testkit::Endpoint;

use super::support::lambda::lambda;
use super::support::{Queues, Said, sluice};

const FUNCTION: &str = "/2015-03-31/functions/consumer";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings/?FunctionName=consumer";
const PASSWORD: &str = "wJalrXUtnFEMI";

const KEPT: [(&str, &str); 2] =
    [("MessageRetentionPeriod", "1209600"), ("SqsManagedSseEnabled", "true")];

/// Queues as the template has them; those with the prefix `bad` as nobody should.
async fn queues(client: &Client) {
    client.create_queue("quarantine", &KEPT).await.unwrap();
    let dlq = client.create_queue("music-dlq", &KEPT).await.unwrap();
    let arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    let own = [KEPT[0], KEPT[1], ("VisibilityTimeout", "365"), ("RedrivePolicy", &policy)];
    client.create_queue("music", &own).await.unwrap();

    let forbids = json!({"redrivePermission": "denyAll"}).to_string();
    let attributes = [("RedriveAllowPolicy", &*forbids), ("MessageRetentionPeriod", "86400")];
    let dlq = client.create_queue("bad-dlq", &attributes).await.unwrap();
    let arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": "1"}).to_string();
    let own = [("SqsManagedSseEnabled", "false"), ("RedrivePolicy", &*policy)];
    client.create_queue("bad", &own).await.unwrap();
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{name}")
}

fn function(variables: &Value) -> Value {
    json!({
        "Configuration": {
            "FunctionName": "consumer", "Timeout": 60, "State": "Active", "Handler": "bootstrap",
            "LastUpdateStatus": "Successful", "Environment": {"Variables": variables},
        },
        "Code": {"RepositoryType": "S3", "Location": format!("https://s3/?token={PASSWORD}")},
    })
}

fn mapping(queue: &str, types: &Value) -> Value {
    json!({
        "UUID": "5e1f", "BatchSize": 1000, "MaximumBatchingWindowInSeconds": 5,
        "EventSourceArn": arn(queue), "State": "Enabled", "FunctionResponseTypes": types,
        "ScalingConfig": {"MaximumConcurrency": 10}, "LastModified": 1_709_296_496.5,
    })
}

async fn doctor(sqs: &Embedded, lambda: &Endpoint, arguments: &[&str]) -> Said {
    let mut command = sluice(&[&["doctor"], arguments].concat());
    command.env("AWS_ENDPOINT_URL_SQS", sqs.url()).env("AWS_ENDPOINT_URL_LAMBDA", &lambda.url);
    Said::of(command.output().await.unwrap())
}

#[tokio::test]
async fn a_stack_that_is_well() {
    let sqs = Embedded::start().await.unwrap();
    queues(&Client::new(sqs.url()).unwrap()).await;
    let variables = json!({
        "OPENSEARCH_ENDPOINT": "http://127.0.0.1:9200", "OPENSEARCH_AUTH": "basic",
        "OPENSEARCH_USERNAME": "ada", "OPENSEARCH_PASSWORD": PASSWORD,
        "QUARANTINE_QUEUE_URL": format!("{}/000000000000/quarantine", sqs.url()),
    });
    let mappings = [mapping("music", &json!(["ReportBatchItemFailures"]))];
    let stream = json!({"EventSourceArn": "arn:aws:kinesis:us-east-1:1:stream/a", "UUID": "6"});
    let lambda = lambda([
        (FUNCTION, 200, function(&variables)),
        (MAPPINGS, 200, json!({"EventSourceMappings": [stream], "NextMarker": "a+/="})),
        (
            &format!("{MAPPINGS}&Marker=a%2B%2F%3D"),
            200,
            json!({"EventSourceMappings": mappings, "NextMarker": ""}),
        ),
    ])
    .await;
    let said = doctor(&sqs, &lambda, &["--function", "consumer"]).await;
    let expected = "\
function      consumer  timeout 60 s
queue         music  visibility timeout 365 s, kept 14 days, given up after 3 receives
dead letters  music-dlq  visibility timeout 30 s, kept 14 days
quarantine    quarantine  visibility timeout 30 s, kept 14 days

Nothing is wrong as far as this can see.
";
    assert_eq!((said.code, &*said.out, &*said.err), (0, expected, ""));
    let calls = lambda.calls();
    assert_eq!(calls.len(), 3);
    for call in calls {
        let authorization = call.headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("/us-east-1/lambda/aws4_request"), "{authorization}");
    }

    let said = doctor(&sqs, &lambda, &["--function", "consumer", "--json"]).await;
    let report = said.json();
    assert_eq!((&report["findings"], &report["errors"]), (&json!([]), &json!(0)));
    assert_eq!(report["looked_at"][1]["name"], "music");
    assert!(!said.out.contains(PASSWORD) && !said.err.contains(PASSWORD), "{said:?}");
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_with_what_to_change() {
    let sqs = Embedded::start().await.unwrap();
    queues(&Client::new(sqs.url()).unwrap()).await;
    let variables = json!({"BULK_GZIP": "yes", "OPENSEARCH_PASSWORD": PASSWORD});
    let mut function = function(&variables);
    function["Concurrency"] = json!({"ReservedConcurrentExecutions": 5});
    let mut mapping = mapping("bad", &Value::Null);
    mapping["FilterCriteria"] = json!({"Filters": [{"Pattern": "{}"}]});
    let lambda = lambda([
        (FUNCTION, 200, function),
        (MAPPINGS, 200, json!({"EventSourceMappings": [mapping]})),
    ])
    .await;
    let said = doctor(&sqs, &lambda, &["--function", "consumer", "--json"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.ends_with("error: 5 errors found\n"), "{said:?}");
    assert!(!said.out.contains(PASSWORD), "{said:?}");
    let report = said.json();
    let findings = report["findings"].as_array().unwrap().iter();
    let findings: Vec<_> = findings
        .map(|finding| {
            assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
            ["severity", "check", "subject"].map(|member| finding[member].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        findings,
        [
            ["error", "report_batch_item_failures", "consumer"],
            ["error", "settings", "consumer"],
            ["error", "visibility_timeout", "bad"],
            ["error", "redrive_allow_policy", "bad-dlq"],
            ["error", "dead_letter_retention", "bad-dlq"],
            ["warning", "mapping_filter", "consumer"],
            ["warning", "concurrency", "consumer"],
            ["warning", "max_receive_count", "bad"],
            ["warning", "retention", "bad"],
            ["warning", "encryption", "bad"],
        ]
    );
    assert_eq!((&report["errors"], &report["warnings"]), (&json!(5), &json!(5)));
    let said = doctor(&sqs, &lambda, &["--function", "consumer"]).await;
    let expected = "
error    visibility_timeout: bad
         The visibility timeout is 30 s, less than six times the function's timeout (60
         s) and the batching window (5 s): messages come again while they are worked on,
         and run out of receives.
         -> aws sqs set-queue-attributes --queue-url ";
    assert!(said.out.contains(expected), "{said:?}");
    assert!(said.out.ends_with("\n5 errors, 5 warnings.\n"), "{said:?}");
}

#[tokio::test]
async fn a_function_that_lambda_does_not_show() {
    let sqs = Embedded::start().await.unwrap();
    let denied = json!({"Message": "User: ada is not authorized to perform: lambda:GetFunction"});
    let gone = "/2015-03-31/functions/gone?Qualifier=live";
    let lambda = lambda([(FUNCTION, 403, denied), (gone, 200, json!({"Configuration": {}}))]).await;
    for (function, expected) in [
        ("consumer", "is not authorized to perform: lambda:GetFunction (status 403)\nThe doctor"),
        ("other", "Function not found: there (status 404)\nAre the name, the region"),
        ("arn:aws:lambda:us-east-1:1:function:gone:live", "what answers is not Lambda"),
    ] {
        let said = doctor(&sqs, &lambda, &["--function", function]).await;
        assert_eq!((said.code, &*said.out), (1, ""), "{said:?}");
        assert!(said.err.contains(expected), "{said:?}");
    }
    // A Lambda elsewhere is not called with made-up credentials.
    let mut command = sluice(&["doctor", "--function", "consumer"]);
    let said = Said::of(command.env("AWS_ENDPOINT_URL_SQS", sqs.url()).output().await.unwrap());
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("aws configure export-credentials --format env"), "{said:?}");
}

#[tokio::test]
async fn a_queue_alone_on_a_real_sqs() {
    let sqs = Sqs::start(sqs::Choice::Auto, |line| eprintln!("{line}")).await.unwrap();
    let queues = Queues::create(sqs.url()).await;
    let said = queues.say(&["doctor", "--queue", "music", "--json"]).await;
    let report = said.json();
    assert_eq!(report["looked_at"][0]["name"], "music");
    assert_eq!(report["looked_at"][1]["name"], "music-dlq");
    let findings = report["findings"].as_array().unwrap();
    // ElasticMQ tells no retention and no encryption.
    let found = findings.iter().any(|finding| finding["check"] == "max_receive_count");
    assert!(found && said.code == 0, "{said:?}");
    let said = queues.say(&["doctor", "--queue", &queues.parking]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("error    no_redrive_policy: parking\n"), "{said:?}");
    let gone = queues.parking.replace("parking", "gone");
    let said = queues.say(&["doctor", "--queue", &gone]).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("error    queue_missing: gone\n"), "{said:?}");
    sqs.stop().await;
}

#[tokio::test]
async fn an_opensearch_as_it_answers() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let ask = async |url: &str| {
        let mut command = sluice(&["doctor", "--opensearch", url, "--json"]);
        let said = Said::of(command.output().await.unwrap());
        let report = said.json();
        let checks = report["findings"].as_array().unwrap().clone();
        let checks: Vec<_> =
            checks.iter().map(|finding| finding["check"].as_str().unwrap().to_owned()).collect();
        (said.code, checks)
    };
    assert_eq!(ask(opensearch.url()).await, (0, vec!["index_template".to_owned()]));
    let client = opensearch.client();
    let unfit = INDEX_TEMPLATE.replace("flat_object", "object");
    client.put_index_template(INDEX_TEMPLATE_NAME, &unfit).await.unwrap();
    assert_eq!(ask(opensearch.url()).await, (0, vec!["index_template".to_owned()]));
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    assert_eq!(ask(opensearch.url()).await, (0, vec![]));
    opensearch.stop().await;
    let refuses = lambda([("/", 403, json!({}))]).await;
    assert_eq!(ask(&refuses.url).await, (1, vec!["opensearch_refused".to_owned()]));
    let other = lambda([("/", 200, json!({"hello": "world"}))]).await;
    assert_eq!(ask(&other.url).await, (1, vec!["opensearch_endpoint".to_owned()]));
    // A port that was free a moment ago, and is free again.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere = format!("http://ada:secret@127.0.0.1:{port}");
    assert_eq!(ask(&nowhere).await, (1, vec!["opensearch_endpoint".to_owned()]));
}

#[tokio::test]
async fn wrong_use() {
    for (arguments, expected) in [
        (&[][..], "required arguments were not provided"),
        (&["--function", "a b"], "expected the name or the ARN of a function"),
        (&["--opensearch", "ada:secret@host"], "--opensearch is not a URL"),
    ] {
        let said = Said::of(sluice(&[&["doctor"], arguments].concat()).output().await.unwrap());
        assert_eq!((said.code, &*said.out), (2, ""), "{said:?}");
        assert!(said.err.contains(expected), "{said:?}");
        assert!(!said.err.contains("secret"), "{said:?}");
    }
}
