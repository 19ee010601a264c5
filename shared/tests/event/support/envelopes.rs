//! Envelopes for testing properties, and their data.

use base64_simd::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::payloads::OWN_TIMES;
use super::tree::Tree;

/// An envelope around an event.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    kind: Kind,
    /// As JSON.
    pub(crate) id: Option<&'static str>,
    /// As JSON; one of [`OWN_TIMES`], or one that is not plausible.
    pub(crate) time: Option<&'static str>,
    /// As JSON.
    more: Option<&'static str>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sns,
    EventBridge,
    CloudEvents,
}

/// The form of the event in it, if there is a choice.
#[derive(Clone, Copy, Debug)]
enum Form {
    Object,
    String,
    Base64,
}

impl Envelope {
    /// The envelope around an event.
    pub(crate) fn around(&self, event: &str) -> String {
        let string = serde_json::json!(event).to_string();
        let member = |name: &str, value: Option<&str>| {
            value.map_or_else(String::new, |value| format!("\n\"{name}\" : {value},"))
        };
        let Self { id, time, more, .. } = self;
        let (id, time) = (*id, *time);
        match (self.kind, self.form) {
            (Kind::Sns, _) => format!(
                "{{{}{}{}\"Type\":\"Notification\",\"Message\":{string}}}",
                member("MessageId", id),
                member("Timestamp", time),
                member("Subject", *more),
            ),
            (Kind::EventBridge, form) => format!(
                " {{{}\"detail-type\":\"t\",{}{}\"detail\": {} }}\n",
                member("id", id),
                member("time", time),
                member("account", *more),
                if matches!(form, Form::Object) { event } else { &string },
            ),
            (Kind::CloudEvents, form) => {
                let data = match form {
                    Form::Object => format!("\"data\":{event}"),
                    Form::String => format!("\"data\":{string}"),
                    Form::Base64 => {
                        format!("\"data_base64\":\"{}\"", STANDARD.encode_to_string(event))
                    }
                };
                format!(
                    "{{{}\"source\":\"s\",{}\"type\":\"t\",\"specversion\":\"1.0\",{data}}}",
                    member("id", id),
                    member("time", time),
                )
            }
        }
    }

    /// The group `envelope` of the document.
    pub(crate) fn group(&self) -> Tree {
        let Self { id, time, more, .. } = self;
        let members = match self.kind {
            Kind::Sns => {
                vec![("kind", Some("\"sns\"")), ("id", *id), ("type", *more), ("time", *time)]
            }
            Kind::EventBridge => vec![
                ("kind", Some("\"eventbridge\"")),
                ("id", *id),
                ("type", Some("\"t\"")),
                ("time", *time),
                ("account", *more),
            ],
            Kind::CloudEvents => vec![
                ("kind", Some("\"cloudevents\"")),
                ("id", *id),
                ("source", Some("\"s\"")),
                ("type", Some("\"t\"")),
                ("time", *time),
            ],
        };
        let said = members.into_iter().filter_map(|(name, value)| {
            let value = value.filter(|value| *value != "null")?;
            Some((name.to_owned(), Tree::Leaf(value.to_owned())))
        });
        Tree::Object(said.collect())
    }
}

/// Nested envelopes, the outermost first.
pub(crate) fn envelopes() -> impl Strategy<Value = Vec<Envelope>> {
    let kind = select(&[Kind::Sns, Kind::EventBridge, Kind::CloudEvents][..]);
    let form = select(&[Form::Object, Form::String, Form::Base64][..]);
    let id = select(&[None, Some("\"e\""), Some("\"\\u00e9\\n\""), Some("\"\""), Some("7")][..]);
    let times = [Some(OWN_TIMES[0]), Some(OWN_TIMES[2]), Some("\"soon\""), Some("null"), None];
    let more = select(&[None, Some("\"x\""), Some("5"), Some("null")][..]);
    let envelope =
        (kind, id, select(times.to_vec()), more, form).prop_map(|(kind, id, time, more, form)| {
            // A CloudEvent must have an id that is a text.
            let text = id.filter(|id| id.starts_with('"')).or(Some("\"c\""));
            let id = if kind == Kind::CloudEvents { text } else { id };
            Envelope { kind, id, time, more, form }
        });
    vec(envelope, 1..=3)
}
