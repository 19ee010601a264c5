//! The functions that write to OpenSearch: whether they write the same documents, and what they
//! take from the heap for it.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::bulk_api::{Action, BulkApi};
use crate::compare::difference;
use crate::functions::Function;
use crate::invoke::Running;
use crate::pinned::Cores;
use crate::request::Request;
use crate::runtime_api::Invocation;
use crate::valgrind::{Heap, Valgrind};

/// How many messages of a batch: what a batch costs by itself, what most do, and the most that the
/// event source mapping sends.
pub const BATCHES: [usize; 3] = [10, 1_000, 10_000];

/// The first invocation grows the buffers; from the second on it is the steady state.
const WARM_UPS: usize = 1;
const INVOCATIONS: usize = 2;

/// Functions that write to this OpenSearch.
#[must_use]
pub fn writing_to(functions: &[Function], opensearch: &BulkApi) -> Vec<Function> {
    let endpoint = format!("http://{}", opensearch.address);
    let functions = functions.iter().cloned();
    functions.map(|function| function.with("OPENSEARCH_ENDPOINT", &endpoint)).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    batch_item_failures: Vec<Value>,
}

/// Compares what every function writes for these batches with what the naive one does, which must
/// be among them; all messages must be done. Gives the number of documents compared, and what
/// differs.
///
/// # Errors
/// When a function fails.
pub fn check(
    functions: &[Function],
    batches: &[Request],
    cores: Cores,
) -> Result<(usize, Vec<String>), Error> {
    let opensearch = BulkApi::recording()?;
    let functions = writing_to(functions, &opensearch);
    let naive = functions.iter().find(|function| function.name == "naive-consumer");
    let naive = naive.ok_or("the check compares with naive-consumer")?;
    let (mut compared, mut differences) = (0, Vec::new());
    for batch in batches {
        let expected = written(naive, batch, cores, &opensearch)?;
        for function in functions.iter().filter(|function| function.name != naive.name) {
            let documents = written(function, batch, cores, &opensearch)?;
            if documents.len() != expected.len() {
                differences.push(format!("{}: {} documents", function.name, documents.len()));
            }
            let pairs = expected.iter().zip(&documents);
            let differing =
                pairs.filter_map(|(naive, other)| one_difference(naive, other, function));
            compared += documents.len();
            differences.extend(
                differing.map(|it| format!("naive (left) and {} (right): {it}", function.name)),
            );
        }
    }
    Ok((compared, differences))
}

/// The documents that a function writes for a batch, in order.
fn written(
    function: &Function,
    batch: &Request,
    cores: Cores,
    opensearch: &BulkApi,
) -> Result<Vec<(Action, Value)>, Error> {
    let invoked = Running::start(function, cores)?.invoke(&Invocation::new(&batch.body)?)?;
    let answer: Answer = serde_json::from_slice(&invoked.answer)?;
    let documents = opensearch.take()?;
    if !answer.batch_item_failures.is_empty() || documents.len() != batch.records {
        return Err(format!(
            "{}: {} of {} documents, {} failures",
            function.name,
            documents.len(),
            batch.records,
            answer.batch_item_failures.len()
        )
        .into());
    }
    Ok(documents)
}

fn one_difference(
    naive: &(Action, Value),
    other: &(Action, Value),
    function: &Function,
) -> Option<String> {
    let ((naive_action, naive), (action, document)) = (naive, other);
    if naive_action != action {
        return Some(format!("{naive_action:?} and {action:?}"));
    }
    difference(naive, document, function.numbers)
}

/// What one function takes from the heap for one batch.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// The function.
    pub function: &'static str,
    /// In the steady state, for one batch.
    pub heap: Heap,
}

/// What every compiled function takes from the heap for a batch, in the steady state, as Valgrind
/// counts it for the whole process; scripts have a heap of their own. Memcheck's reports go to
/// `folder`.
///
/// # Errors
/// When a function fails, or Valgrind cannot run it.
pub fn taken(
    valgrind: &Valgrind,
    functions: &[Function],
    batch: &Request,
    cores: Cores,
    folder: &Path,
) -> Result<Vec<Taken>, Error> {
    let invocation = Invocation::new(&batch.body)?;
    let compiled = functions.iter().filter(|function| function.binary_bytes.is_some());
    let taken = compiled.map(|function| {
        let count = |invocations: usize| {
            let report = folder.join(format!("memcheck.{}-{invocations}.log", function.name));
            let invocations = std::iter::repeat_n(&invocation, invocations);
            valgrind.heap(function, cores, invocations, &report)
        };
        let (warm, all) = (count(WARM_UPS)?, count(WARM_UPS + INVOCATIONS)?);
        let of_one = |all: u64, warm: u64| all.saturating_sub(warm) / INVOCATIONS as u64;
        let allocations = of_one(all.allocations, warm.allocations);
        let heap = Heap { allocations, bytes: of_one(all.bytes, warm.bytes) };
        Ok(Taken { function: function.name, heap })
    });
    taken.collect()
}
