//! Which documents a query finds.

use super::date;
use super::json::Json;
use super::mapping::{Field, Mapping};
use super::reply::Failure;
use super::store::Document;
use serde_json::{Map, Value};

/// A field's value as it can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Term {
    Text(String),
    Number(f64),
    /// Nanoseconds since 1970.
    Time(i64),
}

/// A query that has been read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Query {
    All,
    /// One of the values.
    Terms {
        field: String,
        values: Vec<Value>,
    },
    Range {
        field: String,
        bounds: Vec<(Bound, Value)>,
    },
    Exists {
        field: String,
    },
    Bool {
        every: Vec<Query>,
        any: Vec<Query>,
        none: Vec<Query>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Above,
    From,
    Below,
    UpTo,
}

impl Query {
    pub(super) fn parse(query: &Value) -> Result<Self, Failure> {
        let (name, body) = single(query)?;
        match name {
            "match_all" => Ok(Self::All),
            "term" => {
                let (field, value) = single(body)?;
                let value = value.get("value").unwrap_or(value);
                Ok(Self::Terms { field: field.to_owned(), values: vec![value.clone()] })
            }
            "terms" => {
                let (field, values) = single(body)?;
                let values = values.as_array().ok_or_else(|| malformed(name))?;
                Ok(Self::Terms { field: field.to_owned(), values: values.clone() })
            }
            "range" => {
                let (field, bounds) = single(body)?;
                let bounds = bounds.as_object().ok_or_else(|| malformed(name))?;
                let bounds = bounds.iter().map(|(bound, value)| {
                    let bound = match bound.as_str() {
                        "gt" => Bound::Above,
                        "gte" => Bound::From,
                        "lt" => Bound::Below,
                        "lte" => Bound::UpTo,
                        _ => return Err(malformed(name)),
                    };
                    Ok((bound, value.clone()))
                });
                Ok(Self::Range {
                    field: field.to_owned(),
                    bounds: bounds.collect::<Result<_, _>>()?,
                })
            }
            "exists" => {
                let field = body.get("field").and_then(Value::as_str);
                Ok(Self::Exists { field: field.ok_or_else(|| malformed(name))?.to_owned() })
            }
            "bool" => Self::parse_bool(body),
            _ => Err(Failure::parsing(&format!("unknown query [{name}]"))),
        }
    }

    fn parse_bool(body: &Value) -> Result<Self, Failure> {
        let (mut every, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
        for (clause, queries) in body.as_object().ok_or_else(|| malformed("bool"))? {
            let list = match clause.as_str() {
                "must" | "filter" => &mut every,
                "should" => &mut any,
                "must_not" => &mut none,
                _ => return Err(malformed("bool")),
            };
            match queries {
                Value::Array(queries) => {
                    for query in queries {
                        list.push(Self::parse(query)?);
                    }
                }
                query => list.push(Self::parse(query)?),
            }
        }
        Ok(Self::Bool { every, any, none })
    }

    pub(super) fn finds(&self, document: &Document, mapping: &Mapping) -> bool {
        match self {
            Self::All => true,
            Self::Exists { field } => !terms(&document.json, mapping, field).is_empty(),
            Self::Terms { field, values } => {
                let wanted: Vec<_> =
                    values.iter().filter_map(|value| wanted(mapping, field, value)).collect();
                terms(&document.json, mapping, field).iter().any(|term| wanted.contains(term))
            }
            Self::Range { field, bounds } => {
                let terms = terms(&document.json, mapping, field);
                terms.iter().any(|term| {
                    bounds.iter().all(|(bound, limit)| {
                        wanted(mapping, field, limit).is_some_and(|limit| bound.holds(term, &limit))
                    })
                })
            }
            Self::Bool { every, any, none } => {
                let finds = |query: &Query| query.finds(document, mapping);
                // Without a clause that must hold, one of those that should has to.
                let enough = any.is_empty() || !every.is_empty() || any.iter().any(finds);
                every.iter().all(finds) && enough && !none.iter().any(finds)
            }
        }
    }
}

impl Bound {
    fn holds(self, term: &Term, limit: &Term) -> bool {
        let Some(order) = term.compare(limit) else { return false };
        match self {
            Self::Above => order.is_gt(),
            Self::From => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::UpTo => order.is_le(),
        }
    }
}

impl Term {
    pub(super) fn compare(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => one.partial_cmp(other),
            (Self::Time(one), Self::Time(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

/// The values of a field that can be found.
pub(super) fn terms(document: &Json, mapping: &Mapping, path: &str) -> Vec<Term> {
    let mut leaves = Vec::new();
    collect(document, path, &mut leaves);
    match mapping.field(path) {
        Some((field, _)) => leaves.iter().filter_map(|leaf| indexed(field, leaf)).collect(),
        None if *mapping == Mapping::Dynamic => {
            leaves.into_iter().map(|leaf| Term::Text(leaf.to_owned())).collect()
        }
        None => Vec::new(),
    }
}

/// The scalars at a dotted path; a key may itself have dots.
fn collect<'a>(value: &'a Json, path: &str, leaves: &mut Vec<&'a str>) {
    match value {
        Json::Object(members) => {
            for (key, value) in members {
                if key == path {
                    scalars(value, leaves);
                } else if let Some(rest) =
                    path.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.'))
                {
                    collect(value, rest, leaves);
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| collect(item, path, leaves)),
        _ => {}
    }
}

fn scalars<'a>(value: &'a Json, leaves: &mut Vec<&'a str>) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| scalars(item, leaves)),
        value => leaves.extend(value.scalar()),
    }
}

fn indexed(field: &Field, leaf: &str) -> Option<Term> {
    match field {
        Field::Keyword { ignore_above } => {
            (leaf.chars().count() <= *ignore_above).then(|| Term::Text(leaf.to_owned()))
        }
        Field::Number { .. } => {
            leaf.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Term::Number)
        }
        Field::Date => date::nanoseconds(leaf).map(Term::Time),
        Field::FlatObject => Some(Term::Text(leaf.to_owned())),
        Field::Disabled | Field::Group(_) => None,
    }
}

/// A query's value in the terms of the field that it is compared with.
fn wanted(mapping: &Mapping, path: &str, value: &Value) -> Option<Term> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match mapping.field(path) {
        Some((field, _)) => indexed(field, &text),
        None => Some(Term::Text(text)),
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

fn malformed(query: &str) -> Failure {
    Failure::parsing(&format!("[{query}] query malformed"))
}
