//! Searches: query, order, page, aggregations.

use super::aggregate;
use super::mapping::Mapping;
use super::query::{Query, Term, single, terms};
use super::reply::{Failure, Reply};
use super::store::{Document, Store};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;
use std::fmt::Write;

/// How many documents a page has unless it is told.
const DEFAULT_SIZE: u64 = 10;

/// The end of the last page (`index.max_result_window`).
const MAX_WINDOW: u64 = 10_000;

/// Parameters of a search that are taken, and make no difference here.
const IGNORED: [&str; 4] = ["_source", "track_total_hits", "timeout", "stored_fields"];

/// What a search asks for.
#[derive(Debug)]
struct Search {
    query: Query,
    size: u64,
    from: u64,
    /// Field, and whether the largest comes first.
    sort: Vec<(String, bool)>,
    aggregations: Map<String, Value>,
}

/// How many documents of `expression` a count's body, if it has one, finds.
pub(super) fn count(store: &Store, expression: &str, body: &[u8]) -> Result<Reply, Failure> {
    let search = Search::parse(body)?;
    let mut count = 0;
    for (_, index) in store.resolve(expression)? {
        let finds = |document: &&Document| search.query.finds(document, &index.mapping);
        count += index.documents.iter().filter(finds).count();
    }
    Ok(Reply::ok(&json!({ "count": count, "_shards": shards() })))
}

/// Answers a search over the indices of `expression`.
pub(super) fn answer(store: &Store, expression: &str, body: &[u8]) -> Result<Reply, Failure> {
    let search = Search::parse(body)?;
    let mut found: Vec<(&str, &Mapping, &Document)> = Vec::new();
    for (name, index) in store.resolve(expression)? {
        let documents = index.documents.iter();
        let documents = documents.filter(|document| search.query.finds(document, &index.mapping));
        found.extend(documents.map(|document| (name, &*index.mapping, document)));
    }
    let for_aggregation: Vec<_> =
        found.iter().map(|(_, mapping, document)| (*mapping, *document)).collect();
    let mut aggregations = Map::new();
    for (name, aggregation) in &search.aggregations {
        aggregations.insert(name.clone(), aggregate::answer(aggregation, &for_aggregation)?);
    }
    let total = found.len();
    search.order(&mut found);
    let page = found.into_iter().skip(usize_of(search.from)).take(usize_of(search.size));
    // Documents go out as they came in, so the answer is written as text.
    let mut hits = String::new();
    for (name, _, document) in page {
        let comma = if hits.is_empty() { "" } else { "," };
        let (name, id) = (Value::from(name), Value::from(document.id.as_str()));
        let source = String::from_utf8_lossy(&document.source);
        let hit = format_args!(
            r#"{comma}{{"_index":{name},"_id":{id},"_score":1.0,"_source":{source}}}"#
        );
        hits.write_fmt(hit).map_err(|_| Failure::illegal_argument("out of memory"))?;
    }
    let aggregations = if aggregations.is_empty() {
        String::new()
    } else {
        format!(r#","aggregations":{}"#, Value::Object(aggregations))
    };
    Ok(Reply::raw(format!(
        r#"{{"took":0,"timed_out":false,"_shards":{},"hits":{{"total":{{"value":{total},"relation":"eq"}},"max_score":null,"hits":[{hits}]}}{aggregations}}}"#,
        shards(),
    )))
}

fn shards() -> Value {
    json!({ "total": 1, "successful": 1, "skipped": 0, "failed": 0 })
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Search {
    fn parse(body: &[u8]) -> Result<Self, Failure> {
        let mut search = Self {
            query: Query::All,
            size: DEFAULT_SIZE,
            from: 0,
            sort: Vec::new(),
            aggregations: Map::new(),
        };
        if body.is_empty() {
            return Ok(search);
        }
        let body: Value = serde_json::from_slice(body).map_err(|_| Failure::malformed_json())?;
        for (name, value) in
            body.as_object().ok_or_else(|| Failure::parsing("expected an object"))?
        {
            let number = || {
                value.as_u64().ok_or_else(|| Failure::parsing(&format!("[{name}] takes a number")))
            };
            match name.as_str() {
                "query" => search.query = Query::parse(value)?,
                "size" => search.size = number()?,
                "from" => search.from = number()?,
                "sort" => search.sort = sort(value)?,
                "aggs" | "aggregations" => {
                    let aggregations = value.as_object().cloned();
                    search.aggregations =
                        aggregations.ok_or_else(|| Failure::parsing("expected aggregations"))?;
                }
                ignored if IGNORED.contains(&ignored) => {}
                _ => return Err(Failure::parsing(&format!("unknown key [{name}]"))),
            }
        }
        if search.from.saturating_add(search.size) > MAX_WINDOW {
            return Err(Failure::illegal_argument("Result window is too large, at most 10000"));
        }
        Ok(search)
    }

    fn order(&self, found: &mut [(&str, &Mapping, &Document)]) {
        let key = |(_, mapping, document): &(&str, &Mapping, &Document), field: &str| {
            terms(&document.json, mapping, field).into_iter().next()
        };
        found.sort_by(|one, other| {
            let orders = self.sort.iter().map(|(field, descending)| {
                compare(key(one, field), key(other, field), *descending)
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
    }
}

/// Documents without the field come last, whatever the direction.
fn compare(one: Option<Term>, other: Option<Term>, descending: bool) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => {
            let order = one.compare(&other).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

/// `"field"`, `{"field":"desc"}` or `{"field":{"order":"desc"}}`, or a list of those.
fn sort(value: &Value) -> Result<Vec<(String, bool)>, Failure> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    let one = |entry: &Value| {
        if let Some(field) = entry.as_str() {
            return Ok((field.to_owned(), false));
        }
        let (field, order) = single(entry)?;
        match order.get("order").unwrap_or(order).as_str() {
            Some("asc") => Ok((field.to_owned(), false)),
            Some("desc") => Ok((field.to_owned(), true)),
            _ => Err(Failure::parsing("the order is asc or desc")),
        }
    };
    list.iter().map(one).collect()
}
