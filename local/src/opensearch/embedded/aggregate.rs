//! Aggregations: `terms` and `date_histogram`.

use super::date::{self, SECOND};
use super::mapping::Mapping;
use super::query::{Term, single, terms};
use super::reply::Failure;
use super::store::Document;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many buckets `terms` answers unless it is told.
const DEFAULT_SIZE: usize = 10;

/// The most buckets of an answer (`search.max_buckets`).
const MAX_BUCKETS: i64 = 65_535;

/// Answers one aggregation over the documents that were found.
pub(super) fn answer(
    aggregation: &Value,
    found: &[(&Mapping, &Document)],
) -> Result<Value, Failure> {
    let (name, body) = single(aggregation)?;
    let field = body.get("field").and_then(Value::as_str);
    let field = field.ok_or_else(|| Failure::illegal_argument("Required one of fields [field]"))?;
    match name {
        "terms" => {
            let size = body.get("size").and_then(Value::as_u64);
            let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(DEFAULT_SIZE);
            Ok(top(field, size, found))
        }
        "date_histogram" => {
            let mut interval = ["fixed_interval", "calendar_interval"].iter();
            let interval = interval.find_map(|name| body.get(name)?.as_str());
            let interval = interval.and_then(nanoseconds);
            let interval = interval.ok_or_else(|| {
                Failure::illegal_argument("date_histogram needs an interval of days or less")
            })?;
            histogram(field, interval, found)
        }
        _ => Err(Failure::parsing(&format!("Unknown aggregation type [{name}]"))),
    }
}

/// The most frequent values: a document counts once for each of its values.
fn top(field: &str, size: usize, found: &[(&Mapping, &Document)]) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (mapping, document) in found {
        let keys = terms(&document.json, mapping, field).into_iter().map(|term| match term {
            Term::Text(text) => text,
            Term::Number(number) => number.to_string(),
            Term::Time(nanoseconds) => date::text(nanoseconds),
        });
        for key in keys.collect::<std::collections::BTreeSet<_>>() {
            *counts.entry(key).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    // The sort is stable: equal counts stay in the order of their keys.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
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
fn histogram(
    field: &str,
    interval: i64,
    found: &[(&Mapping, &Document)],
) -> Result<Value, Failure> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for (mapping, document) in found {
        for term in terms(&document.json, mapping, field) {
            if let Term::Time(nanoseconds) = term {
                *counts.entry(nanoseconds / interval).or_default() += 1;
            }
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
            "key_as_string": date::text(start),
            "key": start / 1_000_000,
            "doc_count": counts.get(&bucket).copied().unwrap_or_default(),
        })
    });
    Ok(json!({ "buckets": buckets.collect::<Vec<_>>() }))
}

/// An interval of fixed length: `30s`, `5m`, `1h`, `1d`, `minute`, `hour`, `day`.
fn nanoseconds(interval: &str) -> Option<i64> {
    let (number, unit) = match interval {
        "second" => (1, "s"),
        "minute" => (1, "m"),
        "hour" => (1, "h"),
        "day" => (1, "d"),
        _ => {
            let unit = interval.find(|c: char| !c.is_ascii_digit())?;
            let (number, unit) = interval.split_at(unit);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_intervals() {
        assert_eq!(nanoseconds("30s"), Some(30 * SECOND));
        assert_eq!(nanoseconds("1h"), nanoseconds("hour"));
        assert_eq!(nanoseconds("2d"), Some(172_800 * SECOND));
        for wrong in ["", "1", "0s", "month", "1M", "x", "99999999999d"] {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
    }
}
