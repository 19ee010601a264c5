//! Index templates, indices and their documents, in memory.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::Value;

use super::fields::Mapping;
use super::json::Json;
use super::reply::Failure;

const MAX_NAME_BYTES: usize = 255;

/// A document, unchanged and parsed.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) source: Bytes,
    pub(super) json: Json,
}

/// An index. Its documents are in the order in which their ids were first used.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) mapping: Mapping,
    pub(super) documents: Vec<Document>,
    places: HashMap<String, usize>,
}

/// The state of the server.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) templates: BTreeMap<String, Value>,
    indices: BTreeMap<String, Index>,
    ids: u64,
}

impl Store {
    pub(super) fn put_template(&mut self, name: &str, body: &[u8]) -> Result<(), Failure> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|_| Failure::illegal_argument("the body is not JSON"))?;
        if body.get("index_patterns").is_none() {
            return Err(Failure::illegal_argument("Required [index_patterns]"));
        }
        self.templates.insert(name.to_owned(), body);
        Ok(())
    }

    /// Writes a document, and creates the index if it does not exist. Returns its id and whether
    /// the id is new.
    pub(super) fn write(
        &mut self,
        index: &str,
        id: Option<String>,
        source: Bytes,
        create: bool,
    ) -> Result<(String, bool), Failure> {
        check_name(index)?;
        let id = id.unwrap_or_else(|| self.new_id());
        if id.is_empty() {
            return Err(Failure::illegal_argument("if _id is specified it must not be empty"));
        }
        let index = self.index_or_new(index);
        if create && index.places.contains_key(&id) {
            let reason = format!("[{id}]: version conflict, document already exists");
            return Err(Failure::new(409, "version_conflict_engine_exception", &reason));
        }
        let json = index.mapping.read(&source)?;
        let document = Document { id: id.clone(), source, json };
        if let Some(place) = index.places.get(&id) {
            index.documents[*place] = document;
            return Ok((id, false));
        }
        index.places.insert(id.clone(), index.documents.len());
        index.documents.push(document);
        Ok((id, true))
    }

    /// Ids that the server generates: 20 characters, as in the real one.
    fn new_id(&mut self) -> String {
        self.ids += 1;
        format!("embedded-{:011}", self.ids)
    }

    fn index_or_new(&mut self, name: &str) -> &mut Index {
        let templates = &self.templates;
        self.indices.entry(name.to_owned()).or_insert_with(|| {
            let template = best_template(templates, name);
            let mapping = template.map(Mapping::of_template).unwrap_or_default();
            Index { mapping, documents: Vec::new(), places: HashMap::new() }
        })
    }

    /// The indices of an expression: names and patterns, separated by commas.
    pub(super) fn resolve(&self, expression: &str) -> Result<Vec<(&str, &Index)>, Failure> {
        let mut found = BTreeMap::new();
        for part in expression.split(',') {
            let mut matching = self.indices.iter().filter(|(name, _)| matches(part, name));
            if !part.contains('*') && matching.clone().next().is_none() {
                let reason = format!("no such index [{part}]");
                return Err(Failure::new(404, "index_not_found_exception", &reason));
            }
            found.extend(matching.by_ref().map(|(name, index)| (name.as_str(), index)));
        }
        Ok(found.into_iter().collect())
    }

    pub(super) fn delete(&mut self, expression: &str, ignore_missing: bool) -> Result<(), Failure> {
        let names: Vec<_> = match self.resolve(expression) {
            Ok(found) => found.into_iter().map(|(name, _)| name.to_owned()).collect(),
            Err(_) if ignore_missing => Vec::new(),
            Err(failure) => return Err(failure),
        };
        for name in names {
            self.indices.remove(&name);
        }
        Ok(())
    }
}

/// The matching template with the highest priority.
pub(super) fn best_template<'a>(
    templates: &'a BTreeMap<String, Value>,
    name: &str,
) -> Option<&'a Value> {
    let fits = |template: &&Value| {
        let patterns = template.get("index_patterns");
        let patterns = patterns.and_then(Value::as_array).into_iter().flatten();
        patterns.filter_map(Value::as_str).any(|pattern| matches(pattern, name))
    };
    let priority = |template: &&Value| template.get("priority").and_then(Value::as_u64);
    templates.values().filter(fits).max_by_key(priority)
}

/// Whether `name` matches `pattern`, which may end with `*` for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_allowed = |c: char| !c.is_uppercase() && !" \"*\\<|,>/?#:".contains(c);
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.starts_with(['_', '-', '+'])
        && name.chars().all(is_allowed);
    if is_name {
        return Ok(());
    }
    let reason = format!("Invalid index name [{name}]");
    Err(Failure::new(400, "invalid_index_name_exception", &reason))
}
