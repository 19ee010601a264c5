//! Searches: query, order, page, aggregations.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::fields::{Mapping, Term};
use super::json::Json;
use super::query::{finds, many, single};
use super::reply::{Failure, Reply};
use super::store::{Document, Store};
use crate::clock::utc;

/// Documents of a page, and buckets of `terms`, unless the search says otherwise.
const DEFAULT_SIZE: u64 = 10;

/// The end of the last page (`index.max_result_window`).
const MAX_WINDOW: u64 = 10_000;

/// Maximum buckets of an answer (`search.max_buckets`).
const MAX_BUCKETS: i64 = 65_535;

/// Parameters of a search that are taken, and make no difference here.
const IGNORED: [&str; 4] = ["_source", "track_total_hits", "timeout", "stored_fields"];

const SECOND: i64 = 1_000_000_000;

/// A time from 1970 on, as a histogram's key has it: UTC, milliseconds.
const TIME: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

/// What a search asks for.
#[derive(Debug)]
struct Search {
    query: Value,
    size: u64,
    from: u64,
    /// Field, and whether the largest comes first.
    sort: Vec<(String, bool)>,
    aggregations: Map<String, Value>,
}

/// A document, its index's name and mapping.
type Found<'a> = (&'a str, &'a Mapping, &'a Document);

/// Number of documents of `expression` that a count's body, if it has one, finds.
pub(super) fn count(store: &Store, expression: &str, body: &[u8]) -> Result<Reply, Failure> {
    let count = Search::parse(body)?.found(store, expression)?.len();
    Ok(Reply::ok(&json!({ "count": count, "_shards": shards() })))
}

/// Answers a search over the indices of `expression`.
pub(super) fn answer(store: &Store, expression: &str, body: &[u8]) -> Result<Reply, Failure> {
    let search = Search::parse(body)?;
    let mut found = search.found(store, expression)?;
    let mut aggregations = Map::new();
    for (name, aggregation) in &search.aggregations {
        aggregations.insert(name.clone(), aggregate(aggregation, &found)?);
    }
    let total = found.len();
    search.order(&mut found);
    let page = found.into_iter().skip(usize_of(search.from)).take(usize_of(search.size));
    // Documents go out as they came in, so the answer is written as text.
    let hits = page.map(|(name, _, document)| {
        let (name, id) = (Value::from(name), Value::from(document.id.as_str()));
        let source = String::from_utf8_lossy(&document.source);
        format!(r#"{{"_index":{name},"_id":{id},"_score":1.0,"_source":{source}}}"#)
    });
    let hits = hits.collect::<Vec<_>>().join(",");
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
            query: json!({ "match_all": {} }),
            size: DEFAULT_SIZE,
            from: 0,
            sort: Vec::new(),
            aggregations: Map::new(),
        };
        let body = if body.is_empty() { b"{}" } else { body };
        let body: Value = serde_json::from_slice(body).map_err(|_| Failure::malformed_json())?;
        let members = body.as_object().ok_or_else(|| Failure::parsing("expected an object"))?;
        for (name, value) in members {
            let invalid = || Failure::parsing(&format!("invalid value of [{name}]"));
            match name.as_str() {
                "query" => search.query = value.clone(),
                "size" => search.size = value.as_u64().ok_or_else(invalid)?,
                "from" => search.from = value.as_u64().ok_or_else(invalid)?,
                "sort" => search.sort = many(value).iter().map(sort).collect::<Result<_, _>>()?,
                "aggs" | "aggregations" => {
                    search.aggregations.clone_from(value.as_object().ok_or_else(invalid)?);
                }
                ignored if IGNORED.contains(&ignored) => {}
                _ => return Err(Failure::parsing(&format!("unknown key [{name}]"))),
            }
        }
        if search.from.saturating_add(search.size) > MAX_WINDOW {
            return Err(Failure::illegal_argument("Result window is too large, at most 10000"));
        }
        // Also where there is no document yet.
        finds(&search.query, &Json::Null, &Mapping::Dynamic)?;
        Ok(search)
    }

    fn found<'a>(&self, store: &'a Store, expression: &str) -> Result<Vec<Found<'a>>, Failure> {
        let mut found = Vec::new();
        for (name, index) in store.resolve(expression)? {
            for document in &index.documents {
                if finds(&self.query, &document.json, &index.mapping)? {
                    found.push((name, &index.mapping, document));
                }
            }
        }
        Ok(found)
    }

    fn order(&self, found: &mut [Found<'_>]) {
        let key = |(_, mapping, document): &Found<'_>, field: &str| {
            mapping.terms(&document.json, field).into_iter().next()
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
            let order = one.partial_cmp(&other).unwrap_or(Ordering::Equal);
            if descending { order.reverse() } else { order }
        }
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

/// `"field"`, `{"field":"desc"}` or `{"field":{"order":"desc"}}`.
fn sort(entry: &Value) -> Result<(String, bool), Failure> {
    if let Some(field) = entry.as_str() {
        return Ok((field.to_owned(), false));
    }
    let (field, order) = single(entry)?;
    match order.get("order").unwrap_or(order).as_str() {
        Some("asc") => Ok((field.to_owned(), false)),
        Some("desc") => Ok((field.to_owned(), true)),
        _ => Err(Failure::parsing("the order is asc or desc")),
    }
}

/// Answers one aggregation over the documents that were found.
fn aggregate(aggregation: &Value, found: &[Found<'_>]) -> Result<Value, Failure> {
    let (name, body) = single(aggregation)?;
    let field = body["field"].as_str();
    let field = field.ok_or_else(|| Failure::illegal_argument("Required one of fields [field]"))?;
    let values = found.iter().map(|(_, mapping, document)| mapping.terms(&document.json, field));
    match name {
        "terms" => Ok(top(values, usize_of(body["size"].as_u64().unwrap_or(DEFAULT_SIZE)))),
        "date_histogram" => {
            let interval = body["fixed_interval"].as_str().or(body["calendar_interval"].as_str());
            let interval = interval.and_then(nanoseconds).ok_or_else(|| {
                Failure::illegal_argument("date_histogram needs an interval of days or less")
            })?;
            histogram(values, interval)
        }
        _ => Err(Failure::parsing(&format!("Unknown aggregation type [{name}]"))),
    }
}

/// The most frequent values: a document counts once for each of its values.
fn top(values: impl Iterator<Item = Vec<Term>>, size: usize) -> Value {
    let key = |term: Term| match term {
        Term::Text(text) => text,
        Term::Number(number) => number.to_string(),
        Term::Time(nanoseconds) => time(nanoseconds),
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for terms in values {
        for key in terms.into_iter().map(key).collect::<BTreeSet<_>>() {
            *counts.entry(key).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // The sort is stable: equal counts stay in the order of their keys.
    counts.sort_by_key(|(_, count)| Reverse(*count));
    let others: u64 = counts.iter().skip(size).map(|(_, count)| count).sum();
    let buckets = counts.iter().take(size);
    let buckets = buckets.map(|(key, count)| json!({ "key": key, "doc_count": count }));
    json!({
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": others,
        "buckets": buckets.collect::<Vec<_>>(),
    })
}

/// A count for each interval from the first to the last that has a document.
fn histogram(values: impl Iterator<Item = Vec<Term>>, interval: i64) -> Result<Value, Failure> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for term in values.flatten() {
        if let Term::Time(nanoseconds) = term {
            *counts.entry(nanoseconds / interval).or_default() += 1;
        }
    }
    let (Some(first), Some(last)) = (counts.keys().next(), counts.keys().next_back()) else {
        return Ok(json!({ "buckets": [] }));
    };
    if last - first >= MAX_BUCKETS {
        let reason = "Trying to create too many buckets";
        return Err(Failure::new(400, "too_many_buckets_exception", reason));
    }
    let buckets = (*first..=*last).map(|bucket| {
        let start = bucket * interval;
        json!({
            "key_as_string": time(start),
            "key": start / 1_000_000,
            "doc_count": counts.get(&bucket).copied().unwrap_or_default(),
        })
    });
    Ok(json!({ "buckets": buckets.collect::<Vec<_>>() }))
}

fn time(nanoseconds: i64) -> String {
    utc(nanoseconds.unsigned_abs() / 1_000_000, TIME)
}

/// An interval of fixed length: `30s`, `5m`, `1h`, `1d`, `minute`, `hour`, `day`.
fn nanoseconds(interval: &str) -> Option<i64> {
    let (number, unit) = match interval {
        "second" => (1, "s"),
        "minute" => (1, "m"),
        "hour" => (1, "h"),
        "day" => (1, "d"),
        _ => {
            let (number, unit) = interval.split_at(interval.find(|c: char| !c.is_ascii_digit())?);
            (number.parse().ok()?, unit)
        }
    };
    let seconds: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    seconds.checked_mul(number)?.checked_mul(SECOND).filter(|interval| *interval > 0)
}
