//! The messages of producers.
//!
//! Every event has a number in its text, and so in its document, by which the simulation identifies
//! it.

use serde_json::json;

/// A message before its events have numbers.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) form: Form,
    pub(crate) events: Vec<Kind>,
    pub(crate) group: u8,
    pub(crate) attributes: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The first event alone.
    Alone,
    Lines,
    Array,
    Notification,
    Detail,
}

/// An event, by its possible results. Events do not share ids: the second would be a duplicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Good,
    /// Its id is derived from its text.
    Underived,
    /// It has no time. With daily indices it has one, because its index would be that of the day on
    /// which the message was sent, which a redrive changes.
    Timeless,
    Malformed,
    Refused,
    Toxic,
    /// OpenSearch rejects it because of its size.
    Large,
}

/// Maximum size of a request to OpenSearch.
pub(crate) const TAKES_BYTES: usize = 4_000;

/// An event with its number.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Kind {
    /// Whether it can become a document.
    pub(crate) const fn can_be_indexed(self) -> bool {
        matches!(self, Self::Good | Self::Underived | Self::Timeless)
    }
}

impl Event {
    fn new(kind: Kind, number: usize, daily: bool, form: Form) -> Self {
        let id = format!("\"event_id\":\"e{number}\",");
        let time = "\"ts\":1709290000";
        let text = match kind {
            Kind::Timeless if !daily => format!("{{{id}\"n\":{number}}}"),
            Kind::Good | Kind::Timeless => format!("{{{id}\"n\":{number},{time}}}"),
            Kind::Underived => format!("{{\"n\":{number},{time}}}"),
            // An envelope of EventBridge must be JSON.
            Kind::Malformed if form != Form::Detail && number.is_multiple_of(2) => {
                format!("{{\"n\":{number},\"x\":NaN}}")
            }
            Kind::Malformed => format!("\"n{number}\""),
            Kind::Refused => format!("{{{id}\"n\":{number},{time},\"refuse\":true}}"),
            Kind::Toxic => format!("{{{id}\"n\":{number},{time},\"toxic\":true}}"),
            Kind::Large => {
                let fill = "x".repeat(TAKES_BYTES);
                format!("{{{id}\"n\":{number},{time},\"fill\":\"{fill}\"}}")
            }
        };
        Self { kind, text }
    }
}

impl Message {
    /// The body, and the events in it, numbered from `first` on.
    pub(crate) fn written(&self, first: usize, daily: bool) -> (String, Vec<Event>) {
        let count = if self.form == Form::Alone { 1 } else { self.events.len() };
        let kinds = self.events[..count].iter().enumerate();
        let events: Vec<_> =
            kinds.map(|(at, kind)| Event::new(*kind, first + at, daily, self.form)).collect();
        let texts: Vec<_> = events.iter().map(|event| event.text.as_str()).collect();
        let body = match self.form {
            // A body that is not JSON is one event.
            Form::Alone if self.events[0] == Kind::Malformed => format!("oops {first}"),
            Form::Alone => texts[0].to_owned(),
            Form::Lines => texts.join("\n\n"),
            Form::Array => format!(" [{}]\n", texts.join(" , ")),
            Form::Notification => {
                json!({"Type": "Notification", "Message": texts.join("\r\n")}).to_string()
            }
            Form::Detail => {
                format!("{{\"detail-type\":\"play\",\"detail\":[{}]}}", texts.join(","))
            }
        };
        (body, events)
    }
}
