//! The golden answers in `events/sqs-consumer/answers/`.

use std::collections::BTreeMap;

use local::opensearch::Fault;
use local::opensearch::embedded::Which;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

/// The expected answer and effects, with the settings that they require.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Golden {
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default, rename = "opensearch")]
    fault: Option<Planned>,
    pub(crate) error_type: Option<String>,
    pub(crate) error_message: Option<String>,
    /// The ids of the messages to redeliver, in the order of the answer.
    #[serde(default)]
    pub(crate) batch_item_failures: Vec<String>,
    /// The receipt handles of the messages whose visibility is changed.
    #[serde(default)]
    pub(crate) visibility_changed: Vec<String>,
    /// Index and document, in the order of the index.
    #[serde(default)]
    pub(crate) documents: Vec<Value>,
    /// `Entries` of the calls to quarantine, without their ids.
    #[serde(default)]
    pub(crate) quarantine: Vec<Value>,
    /// The reasons, each with the number of messages and the first one.
    #[serde(default)]
    pub(crate) reasons: BTreeMap<String, (u64, String)>,
    #[serde(default)]
    pub(crate) metrics: BTreeMap<String, u64>,
}

/// A fault of OpenSearch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum Planned {
    /// Every request is rejected with this status.
    Status(u16),
    /// Documents that contain a text are rejected with a status.
    Documents { containing: String, status: u16 },
    /// Every answer is truncated.
    Truncated,
    /// Every answer is the page of a proxy.
    Page,
    /// The documents are answered with these items, with the requested `_id` if they have none.
    /// Nothing is written.
    Items(Vec<Value>),
}

impl Golden {
    /// The planned fault of OpenSearch.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Some(match self.fault.clone()? {
            Planned::Status(status) => Fault::Status(status),
            Planned::Documents { containing, status } => {
                Fault::Items { status, which: Which::Containing(containing) }
            }
            Planned::Truncated => Fault::Truncate,
            Planned::Page => Fault::Garbage,
            Planned::Items(_) => return None,
        })
    }

    /// An OpenSearch that answers with the items of this fixture, if it has any.
    pub(crate) async fn answering(&self) -> Option<Endpoint> {
        let Some(Planned::Items(items)) = self.fault.clone() else { return None };
        Some(Endpoint::start(move |call| answer(call, &items)).await)
    }
}

fn answer(call: &Call, items: &[Value]) -> Reply {
    let text = std::str::from_utf8(&call.body).unwrap();
    let ids = text.lines().step_by(2).map(|action| {
        let action: Value = serde_json::from_str(action).unwrap();
        action["create"]["_id"].clone()
    });
    let ids: Vec<_> = ids.collect();
    assert_eq!(ids.len(), items.len());
    let item = |(id, item): (Value, &Value)| {
        let mut item = item.clone();
        let members = item.as_object_mut().unwrap();
        members.entry("_id").or_insert(id);
        json!({"create": item})
    };
    let items: Vec<_> = ids.into_iter().zip(items).map(item).collect();
    Reply::json(200, &json!({"took": 1, "errors": true, "items": items}))
}
