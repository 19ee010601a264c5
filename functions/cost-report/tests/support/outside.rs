//! A Cost Explorer with given costs, and SNS.

use std::collections::{BTreeMap, VecDeque};

use local::account::Costs;
use testkit::{Call, Endpoint, Reply};

/// Replies of an operation before its answers.
pub(crate) type Script = (&'static str, Vec<Reply>);

/// Starts the services. The operations are those of Cost Explorer, and `Publish`.
pub(crate) async fn start(costs: Costs, scripts: impl IntoIterator<Item = Script>) -> Endpoint {
    let mut scripts: BTreeMap<_, VecDeque<_>> =
        scripts.into_iter().map(|(name, replies)| (name, VecDeque::from(replies))).collect();
    Endpoint::start(move |call| {
        let operation = if call.operation.is_empty() { "Publish" } else { &*call.operation };
        let scripted = scripts.get_mut(operation).and_then(VecDeque::pop_front);
        scripted.unwrap_or_else(|| match operation {
            "Publish" => Reply::published(),
            _ => Reply::json(200, &costs.answer(operation, &call.json()).unwrap()),
        })
    })
    .await
}

/// Operations of Cost Explorer that were called.
pub(crate) fn asked(endpoint: &Endpoint) -> Vec<Call> {
    endpoint.calls().into_iter().filter(|call| !call.operation.is_empty()).collect()
}
