//! Recognizes envelopes by their members.

use std::sync::LazyLock;

use base64_simd::STANDARD;
use memchr::memmem::Finder;

use super::{Error, Said, scanner};
use crate::json::{self, Span};

/// The members of an object that an envelope may have: as written, in the order of [`NAMES`].
#[derive(Debug, Default)]
pub(super) struct Fields<'a>([Option<&'a [u8]>; NAMES.len()]);

const NAMES: [&str; 18] = [
    "Type",
    "Message",
    "MessageId",
    "TopicArn",
    "Subject",
    "Timestamp",
    "detail-type",
    "detail",
    "id",
    "source",
    "type",
    "time",
    "account",
    "region",
    "resources",
    "specversion",
    "data",
    "data_base64",
];

/// An envelope and its data.
pub(super) struct Opened<'a> {
    pub(super) kind: &'static str,
    pub(super) said: Said<'a>,
    pub(super) content: Content<'a>,
}

/// The content of an envelope.
pub(super) enum Content<'a> {
    /// A JSON value.
    Value(&'a [u8]),
    /// A string whose unescaped text is the content.
    Text(&'a [u8]),
    /// A string that is base64.
    Base64(&'a [u8]),
}

impl<'a> Fields<'a> {
    /// Reads the members of the object in `text`; `None` if it is not a valid object or cannot be
    /// an envelope.
    pub(super) fn of(text: &'a [u8], cuts: &mut Vec<Span>) -> Option<Self> {
        static MARKS: LazyLock<[Finder<'_>; 4]> = LazyLock::new(|| {
            // The last mark finds escaped names: the names are ASCII, without characters that have
            // short escapes.
            ["\"Notification\"", "\"detail-type\"", "\"specversion\"", "\\u00"].map(Finder::new)
        });
        // Most events are not envelopes: these are not read a second time.
        if text.first() != Some(&b'{') || !MARKS.iter().any(|mark| mark.find(text).is_some()) {
            return None;
        }
        let mut fields = Self::default();
        let mut scanner = scanner(text, cuts);
        let mut unescaped = Vec::new();
        let read = scanner.object(|scanner, key| {
            let start = scanner.position();
            scanner.value(1)?;
            let name = json::meaning(key.span.of(text), &mut unescaped);
            if let Some(at) = NAMES.iter().position(|known| known.as_bytes() == name) {
                fields.0[at] = Some(&text[start..scanner.position()]);
            }
            Ok(())
        });
        let whole = read.is_ok() && scanner.peek().is_none();
        *cuts = scanner.cuts;
        whole.then_some(fields)
    }

    /// The envelope with these members, if there is one.
    pub(super) fn envelope(&self) -> Option<Opened<'a>> {
        let [
            kind,
            message,
            message_id,
            topic,
            subject,
            timestamp,
            detail_type,
            detail,
            id,
            source,
            kind_of_event,
            time,
            account,
            region,
            resources,
            version,
            data,
            base64,
        ] = self.0;
        let text = |value: Option<&'a [u8]>| value.filter(|value| value[0] == b'"');
        let is = |value: Option<&'a [u8]>, wanted: &[u8]| {
            let content = text(value).map(|value| &value[1..value.len() - 1]);
            content.is_some_and(|content| json::meaning(content, &mut Vec::new()) == wanted)
        };
        if let Some(message) = text(message).filter(|_| is(kind, b"Notification")) {
            let said = [message_id, topic, subject, timestamp, None, None, None];
            return Some(Opened { kind: "sns", said, content: Content::Text(message) });
        }
        let said = |kind| [id, source, kind, time, account, region, resources];
        if let Some((kind, detail)) = text(detail_type).zip(detail) {
            let content = Content::Value(detail);
            return Some(Opened { kind: "eventbridge", said: said(Some(kind)), content });
        }
        let required = text(id).and(text(source)).and(text(kind_of_event));
        if !is(version, b"1.0") || required.is_none() {
            return None;
        }
        let said = [id, source, kind_of_event, time, None, None, None];
        let data = data.filter(|data| *data != b"null").map(Content::Value);
        let content = data.or_else(|| text(base64).map(Content::Base64))?;
        Some(Opened { kind: "cloudevents", said, content })
    }
}

impl Content<'_> {
    /// Appends the content of an envelope.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::Value(value) => out.extend_from_slice(value),
            Self::Text(string) => json::unescape(&string[1..string.len() - 1], out),
            Self::Base64(string) => {
                json::unescape(&string[1..string.len() - 1], out);
                let decoded = STANDARD.decode_inplace(out).map_err(|_| Error::InvalidBase64)?;
                let length = decoded.len();
                out.truncate(length);
            }
        }
        Ok(())
    }
}
