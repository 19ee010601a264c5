//! SNS, as a scripted endpoint plays it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::{Call, Endpoint, Reply};

/// A notice as it was published.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The subject of a mail.
    pub subject: String,
    /// What subscribers by e-mail receive.
    pub mail: String,
    /// What alert-notifier receives.
    pub notice: Value,
}

impl Published {
    /// Everything that was sent to SNS, published or not, in the order of the calls. Fails the test for
    /// what SNS does not accept, or another topic.
    #[must_use]
    pub fn all(endpoint: &Endpoint, topic: &str) -> Vec<Self> {
        let calls = endpoint.calls().into_iter().filter(is_publish);
        calls.map(|call| Self::of(&call, topic)).collect()
    }

    fn of(call: &Call, topic: &str) -> Self {
        let form = std::str::from_utf8(&call.body).unwrap().replace('+', " ");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let form: BTreeMap<_, _> = form
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        assert_eq!((&*form["Action"], &*form["TopicArn"]), ("Publish", topic));
        assert_eq!(form["MessageStructure"], "json");
        let message: Value = serde_json::from_str(&form["Message"]).unwrap();
        assert_eq!(message["default"], message["email"]);
        let json = message["lambda"].as_str().unwrap();
        assert!(json.len() <= 32_000);
        let subject = form["Subject"].clone();
        assert!(
            (1..100).contains(&subject.len()) && subject.bytes().all(|b| (32..127).contains(&b))
        );
        Self {
            subject,
            mail: message["email"].as_str().unwrap().to_owned(),
            notice: serde_json::from_str(json).unwrap(),
        }
    }
}

/// Whether a call is one to SNS.
#[must_use]
pub fn is_publish(call: &Call) -> bool {
    call.path == "/" && call.operation.is_empty()
}

impl Reply {
    /// SNS accepts a message.
    #[must_use]
    pub fn sns_accepts() -> Self {
        Self::new(
            200,
            "text/xml",
            "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
             </PublishResponse>",
        )
    }

    /// The error of SNS with this status and code.
    #[must_use]
    pub fn sns_error(status: u16, code: &str) -> Self {
        let body = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        );
        Self::new(status, "text/xml", body)
    }
}
