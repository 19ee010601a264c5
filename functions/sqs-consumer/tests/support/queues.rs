//! A scripted SQS: `SendMessageBatch` and `ChangeMessageVisibilityBatch`.
//!
//! Source: Amazon SQS API reference.

use serde_json::{Value, json};
use testkit::{Call, Endpoint, Reply};

/// The reaction of SQS to a call.
#[derive(Clone, Debug, Default)]
pub(crate) enum Act {
    /// It executes all of it.
    #[default]
    Do,
    /// It executes all except the entries at these positions.
    Except(Vec<usize>),
    /// It executes all of it, but the answer contains only the first few entries.
    Mention(usize),
    /// The call fails with this status and error code.
    Error(u16, &'static str),
    /// It does not answer.
    Never,
}

/// An SQS that reacts like this, call by call, and then executes everything.
pub(crate) async fn sqs(acts: impl IntoIterator<Item = Act>) -> Endpoint {
    Endpoint::replying(acts, reply).await
}

/// The entries of a call.
pub(crate) fn entries(call: &Call) -> Vec<Value> {
    call.json()["Entries"].as_array().unwrap().clone()
}

fn reply(call: &Call, act: Act) -> Reply {
    assert_eq!(call.headers["x-amz-target"], format!("AmazonSQS.{}", call.operation));
    let answer = |failing: &[usize], mentioned| {
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for (at, entry) in entries(call).iter().enumerate().take(mentioned) {
            let id = &entry["Id"];
            if failing.contains(&at) {
                let code = "InternalError";
                failed.push(json!({"Id": id, "Code": code, "SenderFault": false, "Message": "no"}));
            } else {
                successful.push(json!({"Id": id, "MessageId": "q", "MD5OfMessageBody": ""}));
            }
        }
        Reply::json(200, &json!({"Successful": successful, "Failed": failed}))
    };
    match act {
        Act::Do => answer(&[], usize::MAX),
        Act::Except(failing) => answer(&failing, usize::MAX),
        Act::Mention(mentioned) => answer(&[], mentioned),
        Act::Error(status, code) => Reply::aws_error(status, &format!("com.amazonaws.sqs#{code}")),
        Act::Never => Reply::Never,
    }
}
