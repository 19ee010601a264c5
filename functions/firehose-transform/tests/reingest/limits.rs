//! What is put back and what is not, and how much of it at once.

use serde_json::Value;

use crate::support::endpoint::{Endpoint, Reply};
use crate::support::function::Binary;
use crate::support::request::{Answer, direct_put, record_id};
use crate::{LONG, binary, budget_for_one, counted, event, events, failure, failures, results};

#[tokio::test]
async fn putting_back_can_be_off() {
    let endpoint = Endpoint::replying([]).await;
    let variables = [
        ("RESPONSE_BUDGET_BYTES", &*budget_for_one(3)),
        ("AWS_ENDPOINT_URL", &endpoint.url),
        ("REINGEST", "off"),
    ];
    let mut binary = Binary::new(&variables).await;
    let observed = binary.invoke(direct_put(&events(3))).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_off", 2, 1));
    assert_eq!(endpoint.calls(), []);
}

#[tokio::test]
async fn a_request_that_does_not_tell_its_source_puts_nothing_back() {
    let endpoint = Endpoint::replying([]).await;
    let mut binary = binary(&endpoint, 3, LONG).await;
    let mut request: Value = serde_json::from_slice(&direct_put(&events(3))).unwrap();
    request.as_object_mut().unwrap().remove("deliveryStreamArn").unwrap();
    let observed = binary.invoke(request.to_string()).await;
    assert_eq!(results(&observed), ["ProcessingFailed"; 2]);
    assert_eq!(failures(&observed), failure("reingest_no_source", 2, 1));
    assert_eq!(endpoint.calls(), []);
}

#[tokio::test]
async fn a_record_is_put_back_max_reingests_times() {
    let endpoint = Endpoint::replying([]).await;
    let budget = budget_for_one(6);
    let payload = |index: usize| {
        event(index).replacen('{', &format!(r#"{{"__sluice_reingests":{index},"#), 1)
    };
    let payloads: Vec<_> = (0..5).map(payload).chain([event(5)]).collect();
    for (max, put_back) in [("3", vec![2, 3, 1]), ("0", vec![]), ("2", vec![2, 1])] {
        let variables = [
            ("RESPONSE_BUDGET_BYTES", &*budget),
            ("AWS_ENDPOINT_URL", &endpoint.url),
            ("MAX_REINGESTS", max),
        ];
        let before = endpoint.payloads().len();
        let observed = Binary::new(&variables).await.invoke(direct_put(&payloads)).await;
        let dropped = results(&observed).iter().filter(|result| *result == "Dropped").count();
        assert_eq!(dropped, put_back.len());
        let (_, (count, _)) = &failures(&observed)[0];
        assert_eq!(*count, 5 - put_back.len() as u64);
        assert_eq!(failures(&observed)[0].0, "reingest_limit");
        let counts: Vec<_> = endpoint.payloads()[before..]
            .iter()
            .map(|payload| {
                let payload: Value = serde_json::from_slice(payload).unwrap();
                payload["__sluice_reingests"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(counts, put_back, "MAX_REINGESTS={max}");
    }
}

#[tokio::test]
async fn a_record_of_more_than_1000_kib_is_not_put_back() {
    const FIREHOSE_RECORD_BYTES: usize = 1_024_000;
    let endpoint = Endpoint::replying([]).await;
    let variables =
        [("RESPONSE_BUDGET_BYTES", "1400000"), ("AWS_ENDPOINT_URL", endpoint.url.as_str())];
    let mut binary = Binary::new(&variables).await;
    let payload = |bytes: usize| format!(r#"{{"id":1,"a":"{}"}}"#, "x".repeat(bytes - 15));
    let with_count = counted(&payload(100), 1).len() - 100;
    let payloads = [
        payload(1_000_000),
        payload(FIREHOSE_RECORD_BYTES - with_count),
        payload(FIREHOSE_RECORD_BYTES - with_count + 1),
    ];
    let observed = binary.invoke(direct_put(&payloads)).await;
    assert_eq!(results(&observed), ["Dropped", "ProcessingFailed"]);
    assert_eq!(failures(&observed), failure("reingest_too_large", 1, 2));
    let lengths: Vec<_> = endpoint.payloads().iter().map(Vec::len).collect();
    assert_eq!(lengths, [FIREHOSE_RECORD_BYTES]);
}

#[tokio::test]
async fn a_call_takes_at_most_500_records() {
    let endpoint = Endpoint::replying([Reply::Except((0..500).filter(|at| at % 2 == 0).collect())]);
    let endpoint = endpoint.await;
    let mut binary = binary(&endpoint, 1_201, LONG).await;
    let observed = binary.invoke(direct_put(&events(1_201))).await;
    let dropped = results(&observed).iter().filter(|result| *result == "Dropped").count();
    assert_eq!(dropped, 1_200);
    let sizes: Vec<_> = endpoint.calls().iter().map(|call| call.payloads.len()).collect();
    // The 250 that failed come again first.
    assert_eq!(sizes, [500, 500, 450]);
    let again = &endpoint.calls()[1].payloads;
    assert_eq!(again[..2], [counted(&event(1), 1), counted(&event(3), 1)]);
    assert_eq!(again[250], counted(&event(501), 1));
}

#[tokio::test]
async fn a_call_takes_at_most_4_mib() {
    let endpoint = Endpoint::replying([]).await;
    let variables =
        [("RESPONSE_BUDGET_BYTES", "200000"), ("AWS_ENDPOINT_URL", endpoint.url.as_str())];
    let mut binary = Binary::new(&variables).await;
    let payload = |index: usize| format!(r#"{{"id":"e-{index}","a":"{}"}}"#, "x".repeat(100_000));
    let payloads: Vec<_> = (0..46).map(payload).collect();
    let observed = binary.invoke(direct_put(&payloads)).await;
    assert_eq!(results(&observed), ["Dropped"; 45]);
    let bytes: Vec<usize> =
        endpoint.calls().iter().map(|call| call.payloads.iter().map(Vec::len).sum()).collect();
    assert_eq!(bytes.len(), 2);
    assert!(bytes[0] <= 4 * 1_048_576, "{bytes:?}");
    assert!(bytes[0] + endpoint.calls()[1].payloads[0].len() > 4 * 1_048_576, "{bytes:?}");
    let expected: Vec<_> = payloads[1..].iter().map(|payload| counted(payload, 1)).collect();
    assert!(endpoint.payloads() == expected, "each once, in order");
}

#[tokio::test]
async fn the_budget_is_counted_to_the_byte() {
    let payloads = events(4);
    let request = direct_put(&payloads);
    let whole = Binary::new(&[]).await.invoke(request.clone()).await;
    let length = whole.body().len();
    let endpoint = Endpoint::replying([]).await;
    let with_budget = async |budget: usize| {
        let budget = budget.to_string();
        let variables = [("RESPONSE_BUDGET_BYTES", &*budget), ("AWS_ENDPOINT_URL", &*endpoint.url)];
        Binary::new(&variables).await.invoke(request.clone()).await
    };

    let same = with_budget(length).await;
    assert_eq!(same.body().len(), length);
    assert_eq!(same.metrics()["RecordsOk"], 4);
    assert_eq!(endpoint.calls(), []);

    let less = with_budget(length - 1).await;
    assert!(less.body().len() < length);
    let results: Vec<_> =
        Answer::read(less.body()).records.into_iter().map(|record| record.result).collect();
    assert_eq!(results, ["Ok", "Ok", "Ok", "Dropped"]);
    assert_eq!(endpoint.payloads(), [counted(&event(3), 1)]);
}

#[tokio::test]
async fn a_budget_below_the_bare_answer_fails_the_invocation() {
    let endpoint = Endpoint::replying([]).await;
    let variables = [("RESPONSE_BUDGET_BYTES", "1000"), ("AWS_ENDPOINT_URL", &*endpoint.url)];
    let mut binary = Binary::new(&variables).await;
    let observed = binary.invoke(direct_put(&events(20))).await;
    let error = observed.answer.as_ref().unwrap_err();
    assert_eq!(error.error_type(), "BudgetTooSmall");
    let bare = r#"{"recordId":"","result":"ProcessingFailed"},"#.len() + record_id(0).len();
    let needed = r#"{"records":[]}"#.len() + 20 * bare - 1;
    assert_eq!(
        error.message(),
        format!(
            "the answer needs {needed} bytes without any data, but RESPONSE_BUDGET_BYTES is 1000"
        )
    );
    assert_eq!(endpoint.calls(), []);
    assert_eq!(observed.metrics()["RecordsIn"], 0);
}

#[tokio::test]
async fn a_document_that_alone_exceeds_the_budget_fails_and_is_not_put_back() {
    let endpoint = Endpoint::replying([]).await;
    let variables = [("RESPONSE_BUDGET_BYTES", "1000"), ("AWS_ENDPOINT_URL", &*endpoint.url)];
    let mut binary = Binary::new(&variables).await;
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(700));
    let observed = binary.invoke(direct_put(&[event(0), large])).await;
    assert_eq!(results(&observed), ["ProcessingFailed"]);
    assert_eq!(failures(&observed), failure("document_too_large", 1, 1));
    assert_eq!(endpoint.calls(), []);
}
