//! What was measured, as tables in Markdown.

use std::fmt::Write;
use std::time::Duration;

use crate::functions::OURS;
use crate::measure::{Cost, Spread, Start};
use crate::request::Request;

/// A table of what every function took for one request.
#[must_use]
pub fn costs(request: &Request, costs: &[Cost]) -> String {
    let ours = costs.iter().find(|cost| cost.function == OURS).or(costs.first());
    let mut table = format!(
        "### {}: {} records, {:.2} MB\n\n\
         | function | CPU ms (min-max) | times | wall ms (min-max) | peak memory MB |\n\
         |---|--:|--:|--:|--:|\n",
        request.name,
        request.records,
        megabytes(request.body.len() as u64)
    );
    for cost in costs {
        let times = ours.map_or(1.0, |ours| ratio(cost.cpu.median, ours.cpu.median));
        row(
            &mut table,
            &[
                cost.function.to_owned(),
                spread(cost.cpu),
                format!("{times:.1}"),
                spread(cost.wall),
                format!("{:.1}", megabytes(cost.peak_memory_bytes)),
            ],
        );
    }
    table
}

/// A table of what it took every function to start.
#[must_use]
pub fn starts(starts: &[Start]) -> String {
    let mut table = "### Cold start, up to the first request for an invocation\n\n\
         | function | wall ms (min-max) | CPU ms (min-max) | memory MB | binary MB |\n\
         |---|--:|--:|--:|--:|\n"
        .to_owned();
    for start in starts {
        let binary = start.binary_bytes.map(|bytes| format!("{:.2}", megabytes(bytes)));
        row(
            &mut table,
            &[
                start.function.to_owned(),
                spread(start.wall),
                spread(start.cpu),
                format!("{:.1}", megabytes(start.memory_bytes)),
                binary.unwrap_or_default(),
            ],
        );
    }
    table
}

/// A table of several requests, one a row, with each function's CPU time for a byte, and how it
/// compares with that for the reference request.
#[must_use]
pub fn per_byte(
    title: &str,
    reference: &(Request, Vec<Cost>),
    measured: &[(Request, Vec<Cost>)],
) -> String {
    let mut table = format!("### {title}\n\n| request | records | MB |");
    for cost in &reference.1 {
        let name = cost.function;
        table.extend([" ", name, " CPU ms | ns/byte | times |"]);
    }
    table.push_str("\n|---|--:|--:|");
    table.extend(reference.1.iter().map(|_| "--:|--:|--:|"));
    table.push('\n');
    for (request, costs) in measured {
        let mut cells = vec![
            request.name.clone(),
            request.records.to_string(),
            format!("{:.2}", megabytes(request.body.len() as u64)),
        ];
        for (cost, ordinary) in costs.iter().zip(&reference.1) {
            let nanos = nanos_per_byte(request, cost);
            let times = nanos / nanos_per_byte(&reference.0, ordinary);
            cells.push(milliseconds(cost.cpu.median));
            cells.push(format!("{nanos:.2}"));
            cells.push(format!("{times:.2}"));
        }
        row(&mut table, &cells);
    }
    table
}

fn row(table: &mut String, cells: &[String]) {
    // Writing to a string cannot fail.
    writeln!(table, "| {} |", cells.join(" | ")).ok();
}

fn spread(spread: Spread) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(milliseconds);
    format!("{median} ({min}-{max})")
}

/// With three significant digits.
fn milliseconds(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1_000.0;
    match ms {
        ..10.0 => format!("{ms:.2}"),
        ..100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

fn ratio(one: Duration, other: Duration) -> f64 {
    one.as_secs_f64() / other.as_secs_f64()
}

fn nanos_per_byte(request: &Request, cost: &Cost) -> f64 {
    cost.cpu.median.as_secs_f64() * 1e9 / as_f64(request.body.len() as u64)
}

fn megabytes(bytes: u64) -> f64 {
    as_f64(bytes) / 1e6
}

/// Exact for everything that fits into this machine's memory.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        let text = |micros| milliseconds(Duration::from_micros(micros));
        assert_eq!(
            [text(7), text(1_234), text(12_345), text(123_456)],
            ["0.01", "1.23", "12.3", "123"]
        );
    }

    #[test]
    fn costs_are_compared_with_ours() {
        let cost = |function, ms| {
            let spread = Spread::of(vec![Duration::from_millis(ms)]);
            Cost { function, cpu: spread, wall: spread, peak_memory_bytes: 2_000_000 }
        };
        let request = Request::of("two", [vec![1], vec![2]]);
        let table = costs(&request, &[cost(OURS, 2), cost("other", 25)]);
        let expected = "| other | 25.0 (25.0-25.0) | 12.5 | 25.0 (25.0-25.0) | 2.0 |";
        assert_eq!(table.lines().last(), Some(expected));
    }
}
