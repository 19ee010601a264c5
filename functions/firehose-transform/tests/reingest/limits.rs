//! Which records are put back.

use serde_json::Value;
use testkit::{Binary, Endpoint, Observed};

use crate::support::request::{direct_put, record_id};
use crate::support::source::{calls, source};
use crate::{
    BINARY, LONG, assert_failed, binary, budget_for_one, counted, event, events, failure, failures,
    results,
};

/// Invokes the binary with this budget, other variables, and these payloads.
async fn with_budget(
    endpoint: &Endpoint,
    budget: usize,
    variables: &[(&str, &str)],
    payloads: &[String],
) -> Observed {
    let budget = budget.to_string();
    let own = [("RESPONSE_BUDGET_BYTES", &*budget), ("AWS_ENDPOINT_URL", &endpoint.url)];
    Binary::new(BINARY, &[&own, variables].concat()).await.invoke(direct_put(payloads)).await
}

#[tokio::test]
async fn reingest_off_puts_nothing_back() {
    let endpoint = source([]).await;
    let variables = [("REINGEST", "off")];
    let observed = with_budget(&endpoint, budget_for_one(3), &variables, &events(3)).await;
    assert_failed(&observed, "reingest_off");
    assert_eq!(endpoint.calls().len(), 0);
}

#[tokio::test]
async fn a_request_without_a_source_puts_nothing_back() {
    let endpoint = source([]).await;
    let mut binary = binary(&endpoint, 3, LONG).await;
    let mut request: Value = serde_json::from_slice(&direct_put(&events(3))).unwrap();
    request.as_object_mut().unwrap().remove("deliveryStreamArn").unwrap();
    let observed = binary.invoke(request.to_string()).await;
    assert_failed(&observed, "reingest_no_source");
    assert_eq!(endpoint.calls().len(), 0);
}

#[tokio::test]
async fn a_record_is_put_back_max_reingests_times() {
    let payload = |index: usize| {
        event(index).replacen('{', &format!(r#"{{"__sluice_reingests":{index},"#), 1)
    };
    let payloads: Vec<_> = (0..5).map(payload).chain([event(5)]).collect();
    for (max, put_back) in [("3", vec![2, 3, 1]), ("0", vec![]), ("2", vec![2, 1])] {
        let endpoint = source([]).await;
        let variables = [("MAX_REINGESTS", max)];
        let observed = with_budget(&endpoint, budget_for_one(6), &variables, &payloads).await;
        let dropped = results(&observed).iter().filter(|result| *result == "Dropped").count();
        assert_eq!(dropped, put_back.len());
        let (reason, (count, _)) = &failures(&observed)[0];
        assert_eq!((&**reason, *count), ("reingest_limit", 5 - put_back.len() as u64));
        let counts: Vec<_> = calls(&endpoint)
            .concat()
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
    let endpoint = source([]).await;
    let payload = |bytes: usize| format!(r#"{{"id":1,"a":"{}"}}"#, "x".repeat(bytes - 15));
    let with_count = counted(&payload(100), 1).len() - 100;
    let payloads = [
        payload(1_000_000),
        payload(FIREHOSE_RECORD_BYTES - with_count),
        payload(FIREHOSE_RECORD_BYTES - with_count + 1),
    ];
    let observed = with_budget(&endpoint, 1_400_000, &[], &payloads).await;
    assert_eq!(results(&observed), ["Dropped", "ProcessingFailed"]);
    assert_eq!(failures(&observed), failure("reingest_too_large", 1, 2));
    let lengths: Vec<_> = calls(&endpoint).concat().iter().map(Vec::len).collect();
    assert_eq!(lengths, [FIREHOSE_RECORD_BYTES]);
}

#[tokio::test]
async fn a_budget_below_ids_and_results_fails_the_invocation() {
    let endpoint = source([]).await;
    let observed = with_budget(&endpoint, 1_000, &[], &events(20)).await;
    let bare = r#"{"recordId":"","result":"ProcessingFailed"},"#.len() + record_id(0).len();
    let needed = r#"{"records":[]}"#.len() + 20 * bare - 1;
    let message = format!(
        "the answer needs {needed} bytes without any data, but RESPONSE_BUDGET_BYTES is 1000"
    );
    assert_eq!(observed.error(), ("BudgetTooSmall".to_owned(), message));
    assert_eq!(endpoint.calls().len(), 0);
    assert_eq!(observed.metrics()["RecordsIn"], 0);
}

#[tokio::test]
async fn a_document_that_alone_exceeds_the_budget_fails_and_is_not_put_back() {
    let endpoint = source([]).await;
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(700));
    let observed = with_budget(&endpoint, 1_000, &[], &[event(0), large]).await;
    assert_eq!(results(&observed), ["ProcessingFailed"]);
    assert_eq!(failures(&observed), failure("document_too_large", 1, 1));
    assert_eq!(endpoint.calls().len(), 0);
}
