//! One bulk request: its documents, and how it is divided if it is too large for OpenSearch.

use std::ops::Range;

use super::index::IndexPattern;
use crate::event::Timestamp;
use crate::json::Span;

/// The text between the `_id` and the document; without an `_id`, after the index.
const ACTION_END: &[u8] = b"\"}}\n";

/// Maximum size of a bulk request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum size of its body, in bytes. A larger document is sent alone.
    pub bytes: usize,
    /// Maximum number of documents.
    pub documents: usize,
}

/// The index that a document goes to.
#[derive(Clone, Copy, Debug)]
pub enum Index<'a> {
    /// From this pattern and the document's `@timestamp`.
    Of(&'a IndexPattern, Timestamp),
    /// With this name, the content of a JSON string.
    Named(&'a [u8]),
}

/// One document of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its source, such as the index of a message.
    pub source: usize,
    /// Its position in the source.
    pub position: usize,
    /// The position of its `_id` in the body, the content as written; empty if OpenSearch chooses
    /// it.
    id: Span,
    /// The position of its action and its document in the body.
    lines: Span,
}

/// The documents of one request, and the parts that still have to be sent.
#[derive(Debug, Default)]
pub struct Bulk {
    body: Vec<u8>,
    operations: Vec<Operation>,
    /// The next one to send is the last.
    pending: Vec<Range<usize>>,
}

impl Bulk {
    /// Removes all documents.
    pub fn clear(&mut self) {
        self.body.clear();
        self.operations.clear();
        self.pending.clear();
    }

    /// Whether it has no documents.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// Adds a document to create. Returns `false`, without a change, if it does not fit.
    pub fn add(
        &mut self,
        limits: Limits,
        index: Index<'_>,
        (document, id): (&[u8], &[u8]),
        (source, position): (usize, usize),
    ) -> bool {
        let start = self.operations.last().map_or(0, |last| last.lines.end);
        // A panic may have left something behind it.
        self.body.truncate(start);
        let id = self.write_action(index, id);
        self.body.extend_from_slice(document);
        self.body.push(b'\n');
        let fits = self.body.len() <= limits.bytes && self.operations.len() < limits.documents;
        if !fits && !self.operations.is_empty() {
            self.body.truncate(start);
            return false;
        }
        let lines = Span { start, end: self.body.len() };
        self.operations.push(Operation { source, position, id, lines });
        true
    }

    fn write_action(&mut self, index: Index<'_>, id: &[u8]) -> Span {
        self.body.extend_from_slice(b"{\"create\":{\"_index\":\"");
        match index {
            Index::Of(pattern, time) => pattern.write(time, &mut self.body),
            Index::Named(name) => self.body.extend_from_slice(name),
        }
        if !id.is_empty() {
            self.body.extend_from_slice(b"\",\"_id\":\"");
        }
        let start = self.body.len();
        self.body.extend_from_slice(id);
        let end = self.body.len();
        self.body.extend_from_slice(ACTION_END);
        Span { start, end }
    }

    /// The size of all documents with their actions, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Keeps only these documents. Divide them into requests again before sending.
    pub fn retain(&mut self, keep: impl Fn(&Operation) -> bool) {
        let Self { body, operations, pending } = self;
        let mut end = 0;
        operations.retain_mut(|operation| {
            let kept = keep(operation);
            if kept {
                let Operation { id, lines, .. } = operation;
                body.copy_within(lines.start..lines.end, end);
                let moved = lines.start - end;
                *id = Span { start: id.start - moved, end: id.end - moved };
                *lines = Span { start: end, end: lines.end - moved };
                end = lines.end;
            }
            kept
        });
        body.truncate(end);
        pending.clear();
    }

    /// Divides the documents into requests within the limits.
    pub fn divide(&mut self, limits: Limits) {
        self.pending.clear();
        let mut first = 0;
        for (at, operation) in self.operations.iter().enumerate() {
            let bytes = operation.lines.end - self.operations[first].lines.start;
            if at > first && (bytes > limits.bytes || at - first == limits.documents) {
                self.pending.push(first..at);
                first = at;
            }
        }
        if first < self.operations.len() {
            self.pending.push(first..self.operations.len());
        }
        // The last one is sent next.
        self.pending.reverse();
    }

    /// Makes one request of all documents.
    pub fn seal(&mut self) {
        self.pending.clear();
        self.pending.push(0..self.operations.len());
    }

    /// The body of the next request to send.
    #[must_use]
    pub fn request(&self) -> Option<&[u8]> {
        let [first, .., last] = self.pending()? else {
            let [only] = self.pending()? else { return None };
            return Some(only.lines.of(&self.body));
        };
        Some(&self.body[first.lines.start..last.lines.end])
    }

    /// The documents of the next request.
    #[must_use]
    pub fn pending(&self) -> Option<&[Operation]> {
        self.pending.last().map(|range| &self.operations[range.clone()])
    }

    /// The content of a document's `_id`, as written; empty if OpenSearch chooses it.
    #[must_use]
    pub fn id(&self, operation: &Operation) -> &[u8] {
        operation.id.of(&self.body)
    }

    /// The document of an operation, without its newline.
    #[must_use]
    pub fn document(&self, operation: &Operation) -> &[u8] {
        let start = operation.id.end + ACTION_END.len();
        Span { start, end: operation.lines.end - 1 }.of(&self.body)
    }

    /// Marks the next request as answered and returns its documents.
    pub fn answered(&mut self) -> Range<usize> {
        self.pending.pop().unwrap_or_default()
    }

    /// The document at an index.
    #[must_use]
    pub fn operation(&self, index: usize) -> Operation {
        self.operations[index]
    }

    /// Sends these documents again as two requests, of half as many each.
    pub fn halve(&mut self, range: &Range<usize>) {
        let middle = range.start + range.len() / 2;
        self.pending.extend([middle..range.end, range.start..middle]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes: 250, documents: 10 };

    fn add(bulk: &mut Bulk, limits: Limits, id: &str, filler: usize) -> bool {
        let document = format!("{{\"id\":\"{id}\",\"x\":\"{}\"}}", "x".repeat(filler));
        let index = IndexPattern::parse("events-%Y").unwrap();
        let index = Index::Of(&index, Timestamp::YEAR_2000);
        bulk.add(limits, index, (document.as_bytes(), id.as_bytes()), (3, 4))
    }

    fn request(bulk: &Bulk) -> String {
        String::from_utf8(bulk.request().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn each_document_is_created_in_its_index_under_its_id() {
        let mut bulk = Bulk::default();
        assert!(bulk.is_empty());
        assert!(add(&mut bulk, LIMITS, "a", 1) && add(&mut bulk, LIMITS, r"\u0062", 0));
        bulk.seal();
        let expected = concat!(
            r#"{"create":{"_index":"events-2000","_id":"a"}}"#,
            "\n",
            r#"{"id":"a","x":"x"}"#,
            "\n",
            r#"{"create":{"_index":"events-2000","_id":"\u0062"}}"#,
            "\n",
            r#"{"id":"\u0062","x":""}"#,
            "\n"
        );
        assert_eq!(request(&bulk), expected);
        let operations = bulk.pending().unwrap();
        let ids: Vec<_> = operations.iter().map(|operation| bulk.id(operation)).collect();
        assert_eq!(ids, [&b"a"[..], br"\u0062"]);
        let documents: Vec<_> =
            operations.iter().map(|operation| bulk.document(operation)).collect();
        assert_eq!(documents, [&br#"{"id":"a","x":"x"}"#[..], br#"{"id":"\u0062","x":""}"#]);
        assert_eq!((operations[1].source, operations[1].position), (3, 4));
    }

    #[test]
    fn opensearch_may_choose_the_id() {
        let mut bulk = Bulk::default();
        assert!(add(&mut bulk, LIMITS, "", 0));
        bulk.seal();
        let expected = "{\"create\":{\"_index\":\"events-2000\"}}\n{\"id\":\"\",\"x\":\"\"}\n";
        assert_eq!(request(&bulk), expected);
        assert_eq!(bulk.id(&bulk.operation(0)), b"");
        assert_eq!(bulk.document(&bulk.operation(0)), br#"{"id":"","x":""}"#);
    }

    #[test]
    fn takes_what_fits_to_the_byte() {
        let mut bulk = Bulk::default();
        assert!(add(&mut bulk, LIMITS, "a", 40) && add(&mut bulk, LIMITS, "b", 40));
        bulk.seal();
        let length = request(&bulk).len();
        for (bytes, taken) in [(length, true), (length - 1, false)] {
            let limits = Limits { bytes, ..LIMITS };
            bulk.clear();
            assert!(add(&mut bulk, limits, "a", 40));
            assert_eq!(add(&mut bulk, limits, "b", 40), taken);
            bulk.seal();
            let expected = if taken { length } else { length / 2 };
            assert_eq!(request(&bulk).len(), expected);
        }
    }

    #[test]
    fn takes_no_more_documents_than_it_may() {
        let limits = Limits { documents: 2, ..LIMITS };
        let mut bulk = Bulk::default();
        assert!(add(&mut bulk, limits, "a", 0) && add(&mut bulk, limits, "b", 0));
        assert!(!add(&mut bulk, limits, "c", 0));
    }

    #[test]
    fn a_document_that_alone_is_larger_goes_alone() {
        let mut bulk = Bulk::default();
        assert!(add(&mut bulk, LIMITS, "a", 10_000));
        assert!(!add(&mut bulk, LIMITS, "b", 0));
    }

    #[test]
    fn documents_are_divided_into_requests_within_the_limits() {
        let mut bulk = Bulk::default();
        let all = Limits { bytes: usize::MAX, documents: usize::MAX };
        for id in ["a", "b", "c", "d", "e"] {
            assert!(add(&mut bulk, all, id, if id == "c" { 500 } else { 0 }));
        }
        let requests = |bulk: &mut Bulk| {
            bulk.divide(LIMITS);
            let mut requests = Vec::new();
            while let Some(operations) = bulk.pending() {
                let ids =
                    operations.iter().map(|of| String::from_utf8_lossy(bulk.id(of)).into_owned());
                let ids = ids.collect::<String>();
                let actions = request(bulk).matches("{\"create\":").count();
                assert_eq!(actions, ids.len());
                requests.push(ids);
                bulk.answered();
            }
            requests
        };
        assert_eq!(requests(&mut bulk), ["ab", "c", "de"]);
        // Kept documents move to the front, together with their ids.
        bulk.operations[0].position = 1;
        bulk.operations[3].position = 1;
        bulk.retain(|operation| operation.position != 1);
        assert_eq!(requests(&mut bulk), ["b", "c", "e"]);
        bulk.retain(|_| false);
        assert_eq!(requests(&mut bulk), [""; 0]);
    }

    #[test]
    fn halves_are_sent_in_order_until_single_documents() {
        let mut bulk = Bulk::default();
        for id in ["a", "b", "c", "d", "e"] {
            assert!(add(&mut bulk, Limits { bytes: 10_000, documents: 10 }, id, 0));
        }
        bulk.seal();
        let whole = request(&bulk);
        let mut singles = String::new();
        let mut requests = 0;
        while let Some(operations) = bulk.pending() {
            let single = operations.len() == 1;
            if single {
                singles += &request(&bulk);
            }
            requests += 1;
            let range = bulk.answered();
            if !single {
                bulk.halve(&range);
            }
        }
        assert_eq!((singles, requests), (whole, 9));
        assert_eq!(bulk.request(), None);
    }
}
