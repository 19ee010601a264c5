//! What is put back and what is not, and how much of it at once.

use serde_json::Value;
use testkit::{Binary, Endpoint, Observed};

use crate::support::request::{Answer, direct_put, record_id};
use crate::support::source::{Act, calls, source};
use crate::{
    BINARY, LONG, assert_failed, binary, budget_for_one, counted, event, events, failure, failures,
    put_back, results,
};

/// Invokes the binary with this budget, and other variables, and these payloads.
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
async fn putting_back_can_be_off() {
    let endpoint = source([]).await;
    let variables = [("REINGEST", "off")];
    let observed = with_budget(&endpoint, budget_for_one(3), &variables, &events(3)).await;
    assert_failed(&observed, "reingest_off");
    assert_eq!(endpoint.calls().len(), 0);
}

#[tokio::test]
async fn a_request_that_does_not_tell_its_source_puts_nothing_back() {
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
async fn a_call_takes_at_most_500_records() {
    let even = (0..500).filter(|at| at % 2 == 0).collect();
    let (observed, endpoint) = put_back(1_201, [Act::Except(even)], LONG).await;
    let dropped = results(&observed).iter().filter(|result| *result == "Dropped").count();
    assert_eq!(dropped, 1_200);
    let calls = calls(&endpoint);
    let sizes: Vec<_> = calls.iter().map(Vec::len).collect();
    // The 250 that failed come again first.
    assert_eq!(sizes, [500, 500, 450]);
    assert_eq!(calls[1][..2], [counted(&event(1), 1), counted(&event(3), 1)]);
    assert_eq!(calls[1][250], counted(&event(501), 1));
}

#[tokio::test]
async fn a_call_takes_at_most_4_mib() {
    let endpoint = source([]).await;
    let payload = |index: usize| format!(r#"{{"id":"e-{index}","a":"{}"}}"#, "x".repeat(100_000));
    let payloads: Vec<_> = (0..46).map(payload).collect();
    let observed = with_budget(&endpoint, 200_000, &[], &payloads).await;
    assert_eq!(results(&observed), ["Dropped"; 45]);
    let bytes: Vec<usize> =
        calls(&endpoint).iter().map(|call| call.iter().map(Vec::len).sum()).collect();
    assert_eq!(bytes.len(), 2);
    assert!(bytes[0] <= 4 * 1_048_576, "{bytes:?}");
    assert!(bytes[0] + calls(&endpoint)[1][0].len() > 4 * 1_048_576, "{bytes:?}");
    let expected: Vec<_> = payloads[1..].iter().map(|payload| counted(payload, 1)).collect();
    assert!(calls(&endpoint).concat() == expected, "each once, in order");
}

#[tokio::test]
async fn the_budget_is_counted_to_the_byte() {
    let payloads = events(4);
    let endpoint = source([]).await;
    let whole = with_budget(&endpoint, 6_000_000, &[], &payloads).await;
    let length = whole.body().len();

    let same = with_budget(&endpoint, length, &[], &payloads).await;
    assert_eq!(same.body().len(), length);
    assert_eq!(same.metrics()["RecordsOk"], 4);
    assert_eq!(endpoint.calls().len(), 0);

    let less = with_budget(&endpoint, length - 1, &[], &payloads).await;
    assert!(less.body().len() < length);
    let results: Vec<_> =
        Answer::read(less.body()).records.into_iter().map(|record| record.result).collect();
    assert_eq!(results, ["Ok", "Ok", "Ok", "Dropped"]);
    assert_eq!(calls(&endpoint).concat(), [counted(&event(3), 1)]);
}

#[tokio::test]
async fn a_budget_below_the_bare_answer_fails_the_invocation() {
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
