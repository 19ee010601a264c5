//! Searches: all documents, or those with a term; one page of them, and their most frequent terms.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::fields::Mapping;
use super::reply::{Failure, Reply};
use super::store::{Document, Store};

/// Maximum end of a page (`index.max_result_window`).
const MAX_WINDOW: usize = 10_000;

/// The parameters of a search.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Search {
    query: Query,
    size: usize,
    aggs: BTreeMap<String, Aggregation>,
}

impl Default for Search {
    fn default() -> Self {
        Self { query: Query::MatchAll {}, size: default_size(), aggs: BTreeMap::new() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Query {
    MatchAll {},
    /// The name of a keyword field, and its text.
    Term(BTreeMap<String, String>),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Aggregation {
    Terms {
        field: String,
        #[serde(default = "default_size")]
        size: usize,
    },
}

/// Number of documents on a page, and of buckets of `terms`, unless the search specifies it.
fn default_size() -> usize {
    10
}

/// A document, with the name and the mapping of its index.
type Found<'a> = (&'a str, &'a Mapping, &'a Document);

pub(super) fn count(store: &Store, expression: &str) -> Result<Reply, Failure> {
    let indices = store.resolve(expression)?;
    let count: usize = indices.iter().map(|(_, index)| index.documents.len()).sum();
    Ok(Reply::ok(&json!({ "count": count, "_shards": shards() })))
}

pub(super) fn answer(store: &Store, expression: &str, body: &[u8]) -> Result<Reply, Failure> {
    let body = if body.is_empty() { b"{}" } else { body };
    let search: Search = serde_json::from_slice(body)
        .map_err(|error| Failure::new(400, "parsing_exception", &error.to_string()))?;
    if search.size > MAX_WINDOW {
        return Err(Failure::illegal_argument("Result window is too large, at most 10000"));
    }
    let mut found = Vec::new();
    for (name, index) in store.resolve(expression)? {
        let documents = index.documents.iter().map(|document| (name, &index.mapping, document));
        found.extend(documents.filter(|found| search.query.finds(found)));
    }
    let aggregations: BTreeMap<_, _> =
        search.aggs.iter().map(|(name, aggregation)| (name, aggregation.answer(&found))).collect();
    // Documents are returned unchanged, so the answer is written as text.
    let hits = found.iter().take(search.size).map(|(name, _, document)| {
        let (name, id) = (json!(name), json!(document.id));
        let source = String::from_utf8_lossy(&document.source);
        format!(r#"{{"_index":{name},"_id":{id},"_score":1.0,"_source":{source}}}"#)
    });
    Ok(Reply::raw(format!(
        r#"{{"took":0,"timed_out":false,"_shards":{},"hits":{{"total":{{"value":{},"relation":"eq"}},"max_score":null,"hits":[{}]}},"aggregations":{}}}"#,
        shards(),
        found.len(),
        hits.collect::<Vec<_>>().join(","),
        json!(aggregations),
    )))
}

fn shards() -> Value {
    json!({ "total": 1, "successful": 1, "skipped": 0, "failed": 0 })
}

impl Query {
    fn finds(&self, (_, mapping, document): &Found<'_>) -> bool {
        match self {
            Self::MatchAll {} => true,
            Self::Term(terms) => terms
                .iter()
                .all(|(field, text)| mapping.terms(&document.json, field).contains(&text.as_str())),
        }
    }
}

impl Aggregation {
    /// The most frequent values: a document counts once for each of its values.
    fn answer(&self, found: &[Found<'_>]) -> Value {
        let Self::Terms { field, size } = self;
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, mapping, document) in found {
            for term in mapping.terms(&document.json, field).into_iter().collect::<BTreeSet<_>>() {
                *counts.entry(term).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        // The sort is stable: equal counts stay in the order of their keys.
        counts.sort_by_key(|(_, count)| Reverse(*count));
        let others: u64 = counts.iter().skip(*size).map(|(_, count)| count).sum();
        let buckets = counts.iter().take(*size);
        let buckets = buckets.map(|(key, count)| json!({ "key": key, "doc_count": count }));
        json!({
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": others,
            "buckets": buckets.collect::<Vec<_>>(),
        })
    }
}
