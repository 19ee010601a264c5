//! Evaluates the answer to a bulk request.
//!
//! Nothing is assumed that the answer does not state: a document is in the index only if the item
//! at its position has its id and says so. If anything is missing or invalid, the document is sent
//! again, which does no harm: it is created under its id or already exists.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::HashSet;

use super::bulk::{Bulk, Operation};
use super::errors::{About, KnownError, UNKNOWN};
use super::retry::{Retry, Trouble};
use crate::aws::Answer;
use crate::event::Reason;
use crate::json::{self, Scanner, Span};
use crate::opensearch::Error;

/// Maximum length of a refusal's code from an answer, in bytes.
const MAX_CODE_BYTES: usize = 128;

/// Maximum length of a detail, in bytes: no more of it is sent to quarantine.
const MAX_DETAIL_BYTES: usize = 1_024;

/// The meaning of an answer for the request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Each document has a separate fate.
    Items(Vec<Fate>),
    /// The request is too large, or OpenSearch rejects it for something in it: fewer documents may
    /// succeed, and a single document is refused for this reason.
    Halve(Reason),
    /// All documents share a fate.
    Retry(Retry, Trouble),
}

/// The result of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was created in the index.
    Indexed,
    /// It is in the index, under an `_id` that an ingest pipeline chose.
    IndexedElsewhere,
    /// It was in the index before.
    Duplicate,
    /// It can never be in the index.
    Refused(Reason),
    /// It has to be sent again.
    Retry(Retry),
    /// It has to be sent again, after the cause of this error is fixed; with the error's `type`.
    SetUp(&'static KnownError, String),
}

impl Bulk {
    /// Processes the answer to the pending request: calls `each` with each document that has a
    /// fate, and returns what is wrong with OpenSearch. A request that was too large is sent again
    /// in halves.
    pub fn settle(
        &mut self,
        reply: &Result<Answer, Error>,
        mut each: impl FnMut(Operation, &[u8], Fate),
    ) -> Option<Trouble> {
        let verdict = judge(reply, self);
        let range = self.answered();
        let mut settled = |bulk: &Self, index, fate| {
            let operation = bulk.operation(index);
            each(operation, bulk.document(&operation), fate);
        };
        let mut trouble = None;
        match verdict {
            Verdict::Items(fates) => {
                for (index, fate) in range.zip(fates) {
                    settled(self, index, fate);
                }
            }
            Verdict::Halve(_) if range.len() > 1 => self.halve(&range),
            Verdict::Halve(reason) => settled(self, range.start, Fate::Refused(reason)),
            Verdict::Retry(retry, of) => {
                range.for_each(|index| settled(self, index, Fate::Retry(retry)));
                trouble = Some(of);
            }
        }
        trouble
    }
}

/// Evaluates the answer to the pending request of `bulk`.
fn judge(reply: &Result<Answer, Error>, bulk: &Bulk) -> Verdict {
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
    let set_up = error.as_ref().and_then(set_up);
    let retry = |retry| Verdict::Retry(retry, Trouble::Status(*status, code));
    if let (400 | 403 | 429, Some(set_up)) = (*status, set_up) {
        return retry(Retry::SetUp(set_up));
    }
    match *status {
        413 => Verdict::Halve(Reason {
            code: Cow::Borrowed("document_too_large"),
            detail: Cow::Borrowed("OpenSearch takes no request of this size (413)"),
            advice: "",
        }),
        // A proxy's page about the request, not OpenSearch's verdict on its documents.
        400 if body.trim_ascii_start().starts_with(b"<") => {
            Verdict::Retry(Retry::Rejected, Trouble::NotOpenSearch(400))
        }
        400 => Verdict::Halve(error.unwrap_or(Reason {
            code: Cow::Borrowed("bad_request"),
            detail: Cow::Borrowed("OpenSearch refuses the request (400)"),
            advice: "",
        })),
        401 | 403 => retry(Retry::Denied),
        429 => retry(Retry::Throttled),
        500.. => retry(Retry::Unavailable),
        _ => retry(Retry::Rejected),
    }
}

/// The fates of the pending documents of `bulk`; `None` if this is not an answer to a bulk request.
fn items(body: &[u8], bulk: &Bulk) -> Option<Vec<Fate>> {
    let operations = bulk.pending().unwrap_or_default();
    let mut items = Vec::with_capacity(operations.len());
    let (mut found, mut count) = (false, 0);
    std::str::from_utf8(body).ok()?;
    let mut scanner = Scanner::new(body);
    scanner.skip_white_space();
    let read = scanner.object(|scanner, key| {
        if key.span.of(body) != b"items" {
            return scanner.value(1).map(drop);
        }
        if found || scanner.peek() != Some(b'[') {
            return Err(json::Error::Invalid);
        }
        found = true;
        scanner.array(|scanner| {
            let item = Item::read(body, scanner)?;
            count += 1;
            if items.len() < operations.len() {
                items.push(item);
            }
            Ok(())
        })
    });
    scanner.skip_white_space();
    if read.is_err() || scanner.peek().is_some() || !found {
        return None;
    }
    let is_for_each = count == operations.len();
    let all_sent = LazyCell::new(|| {
        operations.iter().map(|operation| meaning(bulk.id(operation))).collect::<HashSet<_>>()
    });
    let is_sent = |id: &[u8]| all_sent.contains(&meaning(id));
    let pairs = items.iter().zip(operations);
    let fate =
        |(item, operation): (&Item, _)| item.fate(body, bulk.id(operation), is_for_each, is_sent);
    let mut fates: Vec<_> = pairs.map(fate).collect();
    fates.resize(operations.len(), Fate::Retry(Retry::OddAnswer));
    Some(fates)
}

/// The relevant values of one item of an answer, as written.
#[derive(Default)]
struct Item {
    /// Whether it contains only `create`, and has no duplicate members.
    is_clear: bool,
    id: Option<Span>,
    status: Option<Span>,
    error: Option<Span>,
}

impl Item {
    /// Reads `{"create":{…}}`.
    fn read(body: &[u8], scanner: &mut Scanner<'_>) -> Result<Self, json::Error> {
        let mut item = Self::default();
        if scanner.peek() != Some(b'{') {
            return scanner.value(2).map(|_| item);
        }
        let mut operations = 0;
        scanner.object(|scanner, key| {
            operations += 1;
            let is_create = key.span.of(body) == b"create" && scanner.peek() == Some(b'{');
            item.is_clear = is_create && operations == 1;
            if !item.is_clear {
                return scanner.value(3).map(drop);
            }
            scanner.object(|scanner, key| {
                let start = scanner.position();
                scanner.value(4)?;
                let value = Span { start, end: scanner.position() };
                let member = match key.span.of(body) {
                    b"_id" => &mut item.id,
                    b"status" => &mut item.status,
                    b"error" => &mut item.error,
                    _ => return Ok(()),
                };
                if member.replace(value).is_some() {
                    item.is_clear = false;
                }
                Ok(())
            })
        })?;
        item.error = item.error.filter(|error| error.of(body) != b"null");
        Ok(item)
    }

    /// Returns the fate of the document at this item's place. Unless the answer has exactly one item for
    /// each document, the item counts only if it has the document's id.
    fn fate(
        &self,
        body: &[u8],
        sent: &[u8],
        is_for_each: bool,
        is_sent: impl Fn(&[u8]) -> bool,
    ) -> Fate {
        const ODD: Fate = Fate::Retry(Retry::OddAnswer);
        let status = self.status.and_then(|status| std::str::from_utf8(status.of(body)).ok());
        let status = status.and_then(|status| status.parse::<u16>().ok());
        let (Some(status), true) = (status, self.is_clear) else { return ODD };
        // An `_id` is a non-empty text.
        let id = self.id.filter(|id| body[id.start] == b'"' && id.length() > 2);
        let id = id.map(|id| id.inside().of(body));
        let Some(id) = id.or_else(|| sent.is_empty().then_some(sent)) else { return ODD };
        let is_own = !sent.is_empty() && (id == sent || meaning(id) == meaning(sent));
        if !is_own && !is_for_each {
            return ODD;
        }
        // A document that is sent without an id has the one that OpenSearch chooses.
        if !is_own && !sent.is_empty() {
            // The id was chosen by an ingest pipeline, or belongs to another document.
            return match status {
                _ if is_sent(id) => ODD,
                200..=299 if self.error.is_none() => Fate::IndexedElsewhere,
                409 => Fate::Duplicate,
                _ => ODD,
            };
        }
        let reason = || self.error.and_then(|error| reason(error.of(body)));
        match status {
            // Both cannot be true.
            200..=299 if self.error.is_some() => ODD,
            200..=299 => Fate::Indexed,
            409 => Fate::Duplicate,
            404 => Fate::Retry(Retry::NoIndex),
            401 | 403 | 429 => {
                let reason = reason();
                let other = if status == 429 { Retry::Throttled } else { Retry::Denied };
                let known = reason.and_then(|reason| Some((set_up(&reason)?, reason.code)));
                known.map_or(Fate::Retry(other), |(known, code)| {
                    Fate::SetUp(known, code.into_owned())
                })
            }
            413 => Fate::Refused(reason().unwrap_or_else(|| untyped(status))),
            400..=499 => reason().map_or_else(|| Fate::Refused(untyped(status)), refused),
            500..=599 => Fate::Retry(Retry::Unavailable),
            _ => ODD,
        }
    }
}

/// The fate of a document that is rejected with a typed error.
fn refused(reason: Reason) -> Fate {
    let error = KnownError::find(&reason.code, &reason.detail).unwrap_or(&UNKNOWN);
    match error.about {
        About::Document => Fate::Refused(Reason { advice: error.advice, ..reason }),
        About::SetUp => Fate::SetUp(error, reason.code.into_owned()),
    }
}

/// The reason of a rejection without a typed error.
fn untyped(status: u16) -> Reason {
    Reason {
        code: Cow::Borrowed("refused"),
        detail: Cow::Owned(format!("OpenSearch refuses the document ({status})")),
        advice: "",
    }
}

/// The error in the table, if it is about the configuration.
fn set_up(reason: &Reason) -> Option<&'static KnownError> {
    let error = KnownError::find(&reason.code, &reason.detail)?;
    (error.about == About::SetUp).then_some(error)
}

/// What the content of a string means.
fn meaning(content: &[u8]) -> Cow<'_, [u8]> {
    if !content.contains(&b'\\') {
        return Cow::Borrowed(content);
    }
    let mut meaning = Vec::new();
    json::unescape(content, &mut meaning);
    Cow::Owned(meaning)
}

/// The error of a whole answer.
fn error_of(body: &[u8]) -> Option<Reason> {
    std::str::from_utf8(body).ok()?;
    let [error] = members(body, ["error"])?;
    reason(error?)
}

/// Type and reason of an error, with the reason of its cause, which names the field.
fn reason(error: &[u8]) -> Option<Reason> {
    let text =
        |value: Option<&[u8]>| json::unescaped(value?.strip_prefix(b"\"")?.strip_suffix(b"\"")?);
    let [error_type, reason, cause] = members(error, ["type", "reason", "caused_by"])?;
    let code = text(error_type)?;
    let well_formed = (1..=MAX_CODE_BYTES).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let mut detail = text(reason).unwrap_or_default();
    if let Some([cause]) = cause.and_then(|cause| members(cause, ["reason"]))
        && let Some(cause) = text(cause)
    {
        detail = format!("{detail}: {cause}");
    }
    detail.truncate(detail.floor_char_boundary(MAX_DETAIL_BYTES));
    let code = if well_formed { Cow::Owned(code) } else { Cow::Borrowed("refused") };
    Some(Reason { code, detail: Cow::Owned(detail), advice: "" })
}

/// The members of an object with these names, as they are written. The others are only passed: an
/// answer may be as large as the function's memory allows, and a tree of it is many times larger.
fn members<'a, const N: usize>(
    object: &'a [u8],
    names: [&str; N],
) -> Option<[Option<&'a [u8]>; N]> {
    let mut values = [None; N];
    let read = Scanner::new(object).only_object(|scanner, key| {
        let start = scanner.position();
        scanner.value(1)?;
        if let Some(at) = names.iter().position(|name| name.as_bytes() == key.span.of(object)) {
            values[at] = Some(&object[start..scanner.position()]);
        }
        Ok(())
    });
    read.is_ok().then_some(values)
}

#[cfg(test)]
mod tests;
