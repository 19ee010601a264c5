//! `sluice doctor` with queues on this machine, a scripted Lambda, and OpenSearch.

use local::opensearch::{Choice, INDEX_TEMPLATE, INDEX_TEMPLATE_NAME, OpenSearch};
use local::sqs::{self, Client, Embedded, Sqs};
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

use super::support::{Finished, Queues, finish, run, sluice, unavailable_url};

const FUNCTION: &str = "/2015-03-31/functions/consumer";
const MAPPINGS: &str = "/2015-03-31/event-source-mappings?FunctionName=consumer";
const PASSWORD: &str = "wJalrXUtnFEMI";

const KEPT: [(&str, &str); 2] =
    [("MessageRetentionPeriod", "1209600"), ("SqsManagedSseEnabled", "true")];

/// Starts a Lambda that answers these paths, with queries, with a status and a body, and all others
/// with 404.
async fn lambda<const N: usize>(replies: [(&str, u16, Value); N]) -> Endpoint {
    let replies = replies.map(|(path, status, body)| (path.to_owned(), status, body));
    let reply = move |call: &Call| {
        let path = call.path.trim_end_matches('/');
        let path = format!("{}?{}", if path.is_empty() { "/" } else { path }, call.query);
        let found = replies.iter().find(|(own, ..)| *own == path.trim_end_matches('?'));
        match found {
            Some((_, 403, body)) => {
                Reply::json(403, body).with_header("x-amzn-errortype", "AccessDeniedException")
            }
            Some((_, status, body)) => Reply::json(*status, body),
            None => Reply::json(404, &json!({"Type": "User", "Message": "Function not found"}))
                .with_header("x-amzn-errortype", "ResourceNotFoundException"),
        }
    };
    Endpoint::start(reply).await
}

/// Creates the queues of the template, and `bad` and `bad-dlq` with problems.
async fn queues(client: &Client) {
    client.create_queue("quarantine", &KEPT).await.unwrap();
    let dlq = client.create_queue("music-dlq", &KEPT).await.unwrap();
    let arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 3}).to_string();
    let own = [KEPT[0], KEPT[1], ("VisibilityTimeout", "365"), ("RedrivePolicy", &policy)];
    client.create_queue("music", &own).await.unwrap();

    let denies = json!({"redrivePermission": "denyAll"}).to_string();
    let attributes = [("RedriveAllowPolicy", &*denies), ("MessageRetentionPeriod", "86400")];
    let dlq = client.create_queue("bad-dlq", &attributes).await.unwrap();
    let arn = client.queue_attribute(&dlq, "QueueArn").await.unwrap();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": "1"}).to_string();
    let own = [("SqsManagedSseEnabled", "false"), ("RedrivePolicy", &*policy)];
    client.create_queue("bad", &own).await.unwrap();
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
        "EventSourceArn": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
        "State": "Enabled", "FunctionResponseTypes": types,
        "ScalingConfig": {"MaximumConcurrency": 10}, "LastModified": 1_709_296_496.5,
    })
}

async fn doctor(sqs: &Embedded, lambda: &Endpoint, arguments: &[&str]) -> Finished {
    let mut command = sluice(&[&["doctor"], arguments].concat());
    command.env("AWS_ENDPOINT_URL_SQS", sqs.url()).env("AWS_ENDPOINT_URL_LAMBDA", &lambda.url);
    let finished = finish(command.spawn().unwrap()).await;
    assert!(!finished.stdout.contains(PASSWORD) && !finished.stderr.contains(PASSWORD));
    finished
}

#[tokio::test]
async fn a_stack_without_problems() {
    let sqs = Embedded::start().await.unwrap();
    queues(&Client::new(sqs.url()).unwrap()).await;
    let variables = json!({
        "OPENSEARCH_ENDPOINT": "http://127.0.0.1:9200", "OPENSEARCH_AUTH": "basic",
        "OPENSEARCH_USERNAME": "ada", "OPENSEARCH_PASSWORD": PASSWORD,
        "QUARANTINE_QUEUE_URL": format!("{}/000000000000/quarantine", sqs.url()),
    });
    let mappings = [mapping("music", &json!(["ReportBatchItemFailures"]))];
    let stream = json!({"EventSourceArn": "arn:aws:kinesis:us-east-1:1:stream/a", "UUID": "6"});
    let second_page = format!("{MAPPINGS}&Marker=a%2B%2F%3D");
    let lambda = lambda([
        (FUNCTION, 200, function(&variables)),
        (MAPPINGS, 200, json!({"EventSourceMappings": [stream], "NextMarker": "a+/="})),
        (&second_page, 200, json!({"EventSourceMappings": mappings, "NextMarker": ""})),
    ])
    .await;
    let finished = doctor(&sqs, &lambda, &["--function", "consumer"]).await;
    let expected = "\
function      consumer  timeout 60 s
queue         music  visibility timeout 365 s, retention 14 days, maximum receives 3
dead letters  music-dlq  visibility timeout 30 s, retention 14 days
quarantine    quarantine  visibility timeout 30 s, retention 14 days

No problems found.
";
    assert_eq!((finished.code, &*finished.stdout, &*finished.stderr), (0, expected, ""));
    let calls = lambda.calls();
    assert_eq!(calls.len(), 3);
    for call in calls {
        let authorization = call.headers["authorization"].to_str().unwrap();
        assert!(authorization.contains("/us-east-1/lambda/aws4_request"), "{authorization}");
    }
    let report = doctor(&sqs, &lambda, &["--function", "consumer", "--json"]).await.json();
    assert_eq!((&report["findings"], &report["errors"]), (&json!([]), &json!(0)));
    assert_eq!(report["looked_at"][1]["name"], "music");
}

#[tokio::test]
async fn every_problem_is_found_with_a_remedy() {
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
    let finished = doctor(&sqs, &lambda, &["--function", "consumer", "--json"]).await;
    assert_eq!((finished.code, &*finished.stderr), (1, "error: 5 errors found\n"));
    let report = finished.json();
    let members = |finding: &Value| {
        assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
        ["severity", "check", "subject"].map(|member| finding[member].as_str().unwrap().to_owned())
    };
    let findings: Vec<_> = report["findings"].as_array().unwrap().iter().map(members).collect();
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
    let finished = doctor(&sqs, &lambda, &["--function", "consumer"]).await;
    let expected = "
error    visibility_timeout: bad
         The visibility timeout is 30 s, less than six times the function's timeout (60
         s) plus the batching window (5 s): messages are redelivered while they are
         processed, and become dead letters.
         -> aws sqs set-queue-attributes --queue-url ";
    assert!(finished.stdout.contains(expected), "{finished:?}");
    assert!(finished.stdout.ends_with("\n5 errors, 5 warnings.\n"), "{finished:?}");
}

#[tokio::test]
async fn a_function_that_cannot_be_read_is_an_error() {
    let sqs = Embedded::start().await.unwrap();
    let denied = json!({"Message": "User: ada is not authorized to perform: lambda:GetFunction"});
    let other = "/2015-03-31/functions/other%3Alive";
    let lambda =
        lambda([(FUNCTION, 403, denied), (other, 200, json!({"Configuration": {}}))]).await;
    for (function, expected) in [
        ("consumer", "is not authorized to perform: lambda:GetFunction\nRequired permissions"),
        ("missing", "ResourceNotFoundException: Function not found\nCheck the name, the region"),
        ("other:live", "the server is not Lambda"),
    ] {
        doctor(&sqs, &lambda, &["--function", function]).await.assert_error(1, expected);
    }
    // Without its own endpoint, Lambda requires real credentials.
    let mut command = sluice(&["doctor", "--function", "consumer"]);
    let command = command.env("AWS_ENDPOINT_URL_SQS", sqs.url()).spawn().unwrap();
    finish(command).await.assert_error(1, "found no AWS credentials");
}

#[tokio::test]
async fn a_queue_of_a_real_sqs() {
    let sqs = Sqs::start(sqs::Choice::Auto, |line| eprintln!("{line}")).await.unwrap();
    let queues = Queues::create(sqs.url()).await;
    let finished = queues.run(&["doctor", "--queue", "music", "--json"]).await;
    let report = finished.json();
    assert_eq!(report["looked_at"][0]["name"], "music");
    assert_eq!(report["looked_at"][1]["name"], "music-dlq");
    let findings = report["findings"].as_array().unwrap();
    // ElasticMQ returns neither retention nor encryption.
    let is_found = findings.iter().any(|finding| finding["check"] == "max_receive_count");
    assert!(is_found && finished.code == 0, "{finished:?}");
    let missing = queues.parking.replace("parking", "missing");
    for (queue, expected) in [
        (&queues.parking, "error    no_redrive_policy: parking\n"),
        (&missing, "error    queue_missing: missing\n"),
    ] {
        let finished = queues.run(&["doctor", "--queue", queue]).await;
        assert_eq!(finished.code, 1, "{finished:?}");
        assert!(finished.stdout.contains(expected), "{finished:?}");
    }
    sqs.stop().await;
}

#[tokio::test]
async fn the_index_template_must_fit_the_form_of_the_documents() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let url = opensearch.url();
    let client = opensearch.client();
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    let sqs = Embedded::start().await.unwrap();
    queues(&Client::new(sqs.url()).unwrap()).await;
    let found = async |index: &str| {
        let variables = json!({
            "OPENSEARCH_ENDPOINT": url, "OPENSEARCH_AUTH": "none", "INDEX": index,
            "DOCUMENT": "passthrough", "MAPPING": r#"{"event.id":["uuid"]}"#,
            "QUARANTINE_QUEUE_URL": format!("{}/000000000000/quarantine", sqs.url()),
        });
        let mappings = [mapping("music", &json!(["ReportBatchItemFailures"]))];
        let lambda = lambda([
            (FUNCTION, 200, function(&variables)),
            (MAPPINGS, 200, json!({"EventSourceMappings": mappings})),
        ])
        .await;
        let arguments = ["--function", "consumer", "--opensearch", url, "--json"];
        let report = doctor(&sqs, &lambda, &arguments).await.json();
        let findings = report["findings"].as_array().unwrap().iter();
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        findings
            .map(|finding| (text(finding, "problem"), text(finding, "remedy")))
            .collect::<Vec<_>>()
    };
    let unfit = found("music-events-%Y").await;
    let [(problem, remedy)] = &unfit[..] else { panic!("{unfit:?}") };
    assert!(
        problem.ends_with("does not fit the documents: dynamic, dynamic_templates."),
        "{problem}"
    );
    assert!(remedy.contains(&format!("--opensearch {url} --document passthrough, with --index")));
    let [(missing, _)] = &found("events-%Y").await[..] else { panic!("one finding") };
    assert!(missing.contains("has no index template"), "{missing}");
    let setup = run(&["setup", "--opensearch", url, "--document", "passthrough"]).await;
    assert_eq!(setup.code, 0, "{setup:?}");
    assert_eq!(found("events-%Y").await, []);
    opensearch.stop().await;
}

#[tokio::test]
async fn the_replies_of_opensearch() {
    let opensearch = OpenSearch::start(Choice::Embedded, |_| ()).await.unwrap();
    let doctor = async |url: &str| {
        let finished = run(&["doctor", "--opensearch", url, "--json"]).await;
        let report = finished.json();
        let findings = report["findings"].as_array().unwrap().iter();
        let checks = findings.map(|finding| finding["check"].as_str().unwrap().to_owned());
        (finished.code, checks.collect::<Vec<_>>().join(" "))
    };
    let warning = (0, "index_template".to_owned());
    assert_eq!(doctor(opensearch.url()).await, warning);
    let client = opensearch.client();
    let unfit = INDEX_TEMPLATE.replace("flat_object", "object");
    client.put_index_template(INDEX_TEMPLATE_NAME, &unfit).await.unwrap();
    assert_eq!(doctor(opensearch.url()).await, warning);
    client.put_index_template(INDEX_TEMPLATE_NAME, INDEX_TEMPLATE).await.unwrap();
    assert_eq!(doctor(opensearch.url()).await, (0, String::new()));
    opensearch.stop().await;
    let rejects = lambda([("/", 403, json!({}))]).await;
    assert_eq!(doctor(&rejects.url).await, (1, "opensearch_refused".to_owned()));
    let other = lambda([("/", 200, json!({"hello": "world"}))]).await;
    for url in [&other.url, &unavailable_url()] {
        assert_eq!(doctor(url).await, (1, "opensearch_endpoint".to_owned()));
    }
}
