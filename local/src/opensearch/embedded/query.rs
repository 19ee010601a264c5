//! Which documents a query finds.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::fields::{Mapping, Term};
use super::json::Json;
use super::reply::Failure;

/// Whether `query` finds a document: an error for what is not a query, whatever the document.
pub(super) fn finds(query: &Value, document: &Json, mapping: &Mapping) -> Result<bool, Failure> {
    let (name, body) = single(query)?;
    let malformed = || Failure::parsing(&format!("[{name}] query malformed"));
    match name {
        "match_all" => Ok(true),
        "exists" => {
            let field = body["field"].as_str().ok_or_else(malformed)?;
            Ok(!mapping.terms(document, field).is_empty())
        }
        "term" | "terms" => {
            let (field, value) = single(body)?;
            let values = match name {
                "terms" => value.as_array().ok_or_else(malformed)?,
                _ => std::slice::from_ref(value.get("value").unwrap_or(value)),
            };
            let terms = mapping.terms(document, field);
            let mut wanted = values.iter().filter_map(|value| mapping.wanted(field, value));
            Ok(wanted.any(|wanted| terms.contains(&wanted)))
        }
        "range" => {
            let (field, bounds) = single(body)?;
            let mut limits = Vec::new();
            for (bound, value) in bounds.as_object().ok_or_else(malformed)? {
                let holds = match bound.as_str() {
                    "gt" => Ordering::is_gt,
                    "gte" => Ordering::is_ge,
                    "lt" => Ordering::is_lt,
                    "lte" => Ordering::is_le,
                    _ => return Err(malformed()),
                };
                limits.push((holds, mapping.wanted(field, value)));
            }
            let within = |term: &Term| {
                limits.iter().all(|(holds, limit)| {
                    limit.as_ref().and_then(|limit| term.partial_cmp(limit)).is_some_and(holds)
                })
            };
            Ok(mapping.terms(document, field).iter().any(within))
        }
        "bool" => {
            let (mut every, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
            for (clause, queries) in body.as_object().ok_or_else(malformed)? {
                let list = match clause.as_str() {
                    "must" | "filter" => &mut every,
                    "should" => &mut any,
                    "must_not" => &mut none,
                    _ => return Err(malformed()),
                };
                for query in many(queries) {
                    list.push(finds(query, document, mapping)?);
                }
            }
            // Without a clause that must hold, one of those that should has to.
            let enough = any.is_empty() || !every.is_empty() || any.contains(&true);
            Ok(enough && !every.contains(&false) && !none.contains(&true))
        }
        _ => Err(Failure::parsing(&format!("unknown query [{name}]"))),
    }
}

/// The only member of an object: how queries and aggregations name what they are.
pub(super) fn single(value: &Value) -> Result<(&str, &Value), Failure> {
    let mut members = value.as_object().into_iter().flat_map(Map::iter);
    match (members.next(), members.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err(Failure::parsing("expected an object with one member")),
    }
}

/// The items of a list, or the value itself.
pub(super) fn many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}
