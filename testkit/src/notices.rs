//! Notices that functions publish to SNS.

use serde_json::Value;

use crate::{Call, Endpoint, Reply};

/// The topic of the alerts.
pub const ALERTS_TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:sluice-dev-alerts";

/// A notice that was published, or that SNS rejected.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The subject of the email.
    pub subject: String,
    /// The message that email subscribers receive.
    pub mail: String,
    /// The message that alert-notifier receives.
    pub notice: Value,
}

/// The notices that were sent to [`ALERTS_TOPIC`] at an endpoint, accepted or not. Fails the test
/// if one is invalid for SNS or alert-notifier.
#[must_use]
pub fn published(endpoint: &Endpoint) -> Vec<Published> {
    endpoint.calls().iter().filter_map(Published::of).collect()
}

/// Whether the call is SNS `Publish`.
#[must_use]
pub fn is_publish(call: &Call) -> bool {
    call.form().get("Action").is_some_and(|action| action == "Publish")
}

impl Published {
    /// The notice of a call to `Publish`; `None` for any other call.
    fn of(call: &Call) -> Option<Self> {
        if !is_publish(call) {
            return None;
        }
        let form = call.form();
        assert_eq!((&*form["TopicArn"], &*form["MessageStructure"]), (ALERTS_TOPIC, "json"));
        let message: Value = serde_json::from_str(&form["Message"]).unwrap();
        assert_eq!(message["default"], message["email"]);
        let json = message["lambda"].as_str().unwrap();
        assert!(json.len() <= 32_000);
        let subject = form["Subject"].clone();
        let is_printable = subject.bytes().all(|byte| (32..127).contains(&byte));
        assert!((1..100).contains(&subject.len()) && is_printable);
        Some(Self {
            subject,
            mail: message["email"].as_str().unwrap().to_owned(),
            notice: serde_json::from_str(json).unwrap(),
        })
    }
}

impl Reply {
    /// The answer of SNS to an accepted message.
    #[must_use]
    pub fn published() -> Self {
        let answer = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
                      </PublishResponse>";
        Self::new(200, "text/xml", answer)
    }

    /// The error of a service that uses the Query protocol, such as SNS.
    #[must_use]
    pub fn query_error(status: u16, code: &str) -> Self {
        let error = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        Self::new(status, "text/xml", format!("<ErrorResponse>{error}</ErrorResponse>"))
    }
}
