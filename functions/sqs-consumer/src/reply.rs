//! What OpenSearch answers to a bulk request.
//!
//! Nothing of an answer is believed that it does not say: a document is in the index only if
//! the item in its place names its id and says so. Whatever is missing or makes no sense means
//! that the document is sent again, which does no harm: it is created under its id or found
//! there.

use std::borrow::Cow;

use shared::json::{self, Kind, Scanner, Span};
use shared::opensearch::{Answer, Error};

use crate::bulk::Bulk;
use crate::outcome::{Reason, Retry};

/// The longest code of a refusal that is taken from an answer, in bytes.
const MAX_CODE_BYTES: usize = 128;

/// The longest detail that is kept, in bytes: no more of it is sent.
const MAX_DETAIL_BYTES: usize = 1_024;

/// What an answer means for the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each document has a fate of its own.
    Items(Vec<Fate>),
    /// The request is too large, or something in it makes OpenSearch refuse it: with fewer
    /// documents it may not, and a single one is refused for this.
    Halve(Reason),
    /// All documents share a fate.
    Retry(Retry, Trouble),
}

/// What became of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was not in the index, and now it is.
    Indexed,
    /// It was there before.
    Duplicate,
    /// It can never be.
    Refused(Reason),
    /// It is to be sent again.
    Retry(Retry),
}

/// What is wrong with the whole of OpenSearch, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No answer came.
    NoAnswer(Error),
    /// An answer with this status, and the type of the error if it is OpenSearch that tells it.
    Status(u16, Option<String>),
    /// An answer with this status that is none of OpenSearch.
    NotOpenSearch(u16),
}

/// Judges the answer to the pending request of `bulk`.
#[must_use]
pub fn judge(reply: &Result<Answer, Error>, bulk: &Bulk) -> Verdict {
    let Answer { status, body } = match reply {
        Err(error) => return Verdict::Retry(Retry::NoAnswer, Trouble::NoAnswer(error.clone())),
        Ok(answer) => answer,
    };
    if matches!(status, 200..=299) {
        return items(body, bulk).map_or_else(
            || Verdict::Retry(Retry::OddAnswer, Trouble::NotOpenSearch(*status)),
            Verdict::Items,
        );
    }
    let error = error_of(body);
    let code = error.as_ref().map(|reason| reason.code.clone().into_owned());
    let retry = |retry| Verdict::Retry(retry, Trouble::Status(*status, code));
    match *status {
        413 => Verdict::Halve(Reason {
            code: Cow::Borrowed("document_too_large"),
            detail: Cow::Borrowed("OpenSearch takes no request of this size (413)"),
        }),
        // A proxy's page about the request, not OpenSearch's word on the documents in it.
        400 if body.trim_ascii_start().starts_with(b"<") => {
            Verdict::Retry(Retry::Rejected, Trouble::NotOpenSearch(400))
        }
        400 => Verdict::Halve(error.unwrap_or(Reason {
            code: Cow::Borrowed("bad_request"),
            detail: Cow::Borrowed("OpenSearch refuses the request (400)"),
        })),
        401 | 403 => retry(Retry::Denied),
        429 => retry(Retry::Throttled),
        500.. => retry(Retry::Unavailable),
        _ => retry(Retry::Rejected),
    }
}

/// The fates of the pending documents of `bulk`; `None` for what is no answer to a bulk request.
fn items(body: &[u8], bulk: &Bulk) -> Option<Vec<Fate>> {
    let operations = bulk.pending().unwrap_or_default();
    let mut fates = Vec::with_capacity(operations.len());
    let mut found = false;
    std::str::from_utf8(body).ok()?;
    let mut scanner = Scanner::new(body);
    scanner.skip_white_space();
    let read = scanner.object(|scanner, key| {
        if key.span.of(body) != b"items" || scanner.peek() != Some(b'[') {
            return scanner.value(1).map(drop);
        }
        found = true;
        fates.clear();
        scanner.array(|scanner| {
            let item = Item::read(body, scanner)?;
            if let Some(operation) = operations.get(fates.len()) {
                fates.push(item.fate(body, bulk.id(operation)));
            }
            Ok(())
        })
    });
    scanner.skip_white_space();
    if read.is_err() || scanner.peek().is_some() || !found {
        return None;
    }
    fates.resize(operations.len(), Fate::Retry(Retry::OddAnswer));
    Some(fates)
}

/// One item of an answer, as far as it matters.
#[derive(Default)]
struct Item {
    create: bool,
    /// The content of `_id`.
    id: Option<Span>,
    /// `status`, a number as written.
    status: Option<Span>,
    /// `error`
    error: Option<Span>,
}

impl Item {
    /// Reads `{"create":{…}}`.
    fn read(body: &[u8], scanner: &mut Scanner<'_>) -> Result<Self, json::Error> {
        let mut item = Self::default();
        if scanner.peek() != Some(b'{') {
            return scanner.value(2).map(|_| item);
        }
        scanner.object(|scanner, key| {
            if key.span.of(body) != b"create" || scanner.peek() != Some(b'{') {
                return scanner.value(3).map(drop);
            }
            item = Self { create: true, ..Self::default() };
            scanner.object(|scanner, key| {
                let start = scanner.position();
                let kind = scanner.scalar()?;
                if matches!(kind, Kind::Array | Kind::Object) {
                    scanner.value(4)?;
                }
                let value = Span { start, end: scanner.position() };
                match (key.span.of(body), kind) {
                    (b"_id", Kind::String) => {
                        item.id = Some(Span { start: start + 1, end: value.end - 1 });
                    }
                    (b"status", Kind::Number) => item.status = Some(value),
                    (b"error", kind) if kind != Kind::Null => item.error = Some(value),
                    _ => {}
                }
                Ok(())
            })
        })?;
        Ok(item)
    }

    /// What this says of the document of this id, as written.
    fn fate(&self, body: &[u8], id: &[u8]) -> Fate {
        let of_this_document = self.create && self.id.is_some_and(|said| same(said.of(body), id));
        let status = self.status.and_then(|status| std::str::from_utf8(status.of(body)).ok());
        let status = status.and_then(|status| status.parse::<u16>().ok());
        let Some(status) = status.filter(|_| of_this_document) else {
            return Fate::Retry(Retry::OddAnswer);
        };
        match status {
            // Both cannot be true.
            200..=299 if self.error.is_some() => Fate::Retry(Retry::OddAnswer),
            200..=299 => Fate::Indexed,
            409 => Fate::Duplicate,
            401 | 403 => Fate::Retry(Retry::Denied),
            404 => Fate::Retry(Retry::NoIndex),
            429 => Fate::Retry(Retry::Throttled),
            400..=499 => {
                let reason = self.error.and_then(|error| reason(error.of(body)));
                Fate::Refused(reason.unwrap_or_else(|| Reason {
                    code: Cow::Borrowed("refused"),
                    detail: Cow::Owned(format!("OpenSearch refuses the document ({status})")),
                }))
            }
            500..=599 => Fate::Retry(Retry::Unavailable),
            _ => Fate::Retry(Retry::OddAnswer),
        }
    }
}

/// Whether two strings, as written, mean the same.
fn same(one: &[u8], other: &[u8]) -> bool {
    one == other || json::unescaped(one).is_some_and(|one| Some(one) == json::unescaped(other))
}

/// The error that a whole answer tells.
fn error_of(body: &[u8]) -> Option<Reason> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    reason_of(answer.get("error")?)
}

fn reason(error: &[u8]) -> Option<Reason> {
    reason_of(&serde_json::from_slice(error).ok()?)
}

/// Type and reason of an error, with the reason of what caused it, which tells the field.
fn reason_of(error: &serde_json::Value) -> Option<Reason> {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let code = text(error.get("type")?)?;
    let well_formed = (1..=MAX_CODE_BYTES).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let mut detail = error.get("reason").and_then(text).unwrap_or_default();
    if let Some(cause) = error.pointer("/caused_by/reason").and_then(text) {
        detail = format!("{detail}: {cause}");
    }
    detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
    let code = if well_formed { Cow::Owned(code) } else { Cow::Borrowed("refused") };
    Some(Reason { code, detail: Cow::Owned(detail) })
}

#[cfg(test)]
mod tests;
