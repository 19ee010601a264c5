//! Formats measurements as Markdown tables.

use std::fmt::Write;
use std::time::Duration;

use crate::functions::{CONSUMER, COUNTER, LOADER, OURS, POINTS};
use crate::measure::{Cost, Spread};
use crate::numbers::{as_f64, grouped};
use crate::price::{self, Price};
use crate::request::Request;

/// A table of the costs of every function for one request.
pub(crate) fn costs(request: &Request, costs: &[Cost]) -> String {
    let title = format!("{}: {} records, {} MB", request.name, request.records, size(request));
    let header = "function | CPU ms (min-max) | times | wall ms (min-max) | peak memory MB";
    table(&title, header, costs, |cost| {
        let [times, peak, _] = common(cost, costs, OURS);
        vec![name(cost), spread(cost.cpu), times, spread(cost.wall), peak]
    })
}

/// A table of the costs of every function for one batch of messages.
pub(crate) fn batches(request: &Request, costs: &[Cost]) -> String {
    let title = format!("{}: an event of {} MB", request.name, size(request));
    let header = "function | CPU ms (min-max) | us a message | times | peak memory MB | \
         above idle MB | allocations | of MB";
    table(&title, header, costs, |cost| {
        let [times, peak, above_idle] = common(cost, costs, CONSUMER);
        let heap = cost.heap.map(|heap| [grouped(heap.allocations), tenths(megabytes(heap.bytes))]);
        let [allocations, bytes] = heap.unwrap_or_default();
        let cpu = spread(cost.cpu);
        vec![
            name(cost),
            cpu,
            per_record(request, cost),
            times,
            peak,
            above_idle,
            allocations,
            bytes,
        ]
    })
}

/// A table of the costs of every function for loading one object.
pub(crate) fn objects(request: &Request, costs: &[Cost]) -> String {
    let header =
        "function | CPU ms (min-max) | us a record | times | peak memory MB | above idle MB";
    table(&request.name, header, costs, |cost| {
        let [times, peak, above_idle] = common(cost, costs, LOADER);
        vec![name(cost), spread(cost.cpu), per_record(request, cost), times, peak, above_idle]
    })
}

/// A table of the costs of every function for one batch of log events.
pub(crate) fn log_events(request: &Request, costs: &[Cost]) -> String {
    let log_events = grouped(request.records as u64);
    let title = format!("{log_events} log events in {} MB; {}", size(request), request.name);
    let header = "function | CPU ms (min-max) | times | peak memory MB | above idle MB";
    table(&title, header, costs, |cost| {
        let [times, peak, above_idle] = common(cost, costs, COUNTER);
        vec![name(cost), spread(cost.cpu), times, peak, above_idle]
    })
}

/// A table of the costs of every function for writing the points of one batch.
pub(crate) fn points(request: &Request, costs: &[Cost]) -> String {
    let header =
        "function | CPU ms (min-max) | us a record | times | peak memory MB | above idle MB";
    table(&request.name, header, costs, |cost| {
        let [times, peak, above_idle] = common(cost, costs, POINTS);
        vec![name(cost), spread(cost.cpu), per_record(request, cost), times, peak, above_idle]
    })
}

/// A table of the costs of each function for scanning its account.
pub(crate) fn accounts(resources: usize, costs: &[Cost]) -> String {
    let title = format!("Accounts of {} resources", grouped(resources as u64));
    let header = "function | CPU ms (min-max) | wall ms (min-max) | peak memory MB";
    table(&title, header, costs, |cost| {
        let peak = tenths(megabytes(cost.peak_memory_bytes));
        vec![name(cost), spread(cost.cpu), spread(cost.wall), peak]
    })
}

/// A table of the price of [`price::EVENTS`] per day for a month with every function, if each
/// invocation has this request. Each step of the computation has a row.
pub(crate) fn prices(request: &Request, costs: &[Cost], memory_megabytes: u64) -> String {
    let events = grouped(price::EVENTS);
    let title = format!("{events} events a day on Lambda, in batches as above: US dollars a month");
    let one_cpu = grouped(price::MEGABYTES_PER_CPU);
    let steps = [
        "CPU ms of an invocation, median".to_owned(),
        format!("ms billed at {memory_megabytes} MB: x {one_cpu} / {memory_megabytes}"),
        format!("invocations a day: {} records each", grouped(request.records as u64)),
        format!("GB-seconds in {} days", price::DAYS),
        format!("for these, at {:.10} $", price::USD_PER_GB_SECOND),
        format!("for invocations, at {:.2} $ a million", price::USD_PER_MILLION_REQUESTS),
        "**together**".to_owned(),
    ];
    let of = |cost: &Cost| {
        let price = Price::of(request.records, cost.cpu.median, memory_megabytes);
        [
            milliseconds(cost.cpu.median),
            grouped(price.billed_ms),
            grouped(price.invocations),
            format!("{:.0}", price.gb_seconds),
            format!("{:.3}", price.duration_usd),
            format!("{:.3}", price.requests_usd),
            format!("**{:.3}**", price.total_usd()),
        ]
    };
    let columns: Vec<_> = [steps].into_iter().chain(costs.iter().map(of)).collect();
    let header = costs.iter().fold(String::new(), |header, it| header + " | " + it.function.name);
    let rows: Vec<_> = (0..columns[0].len()).collect();
    let table = table(&title, &header, &rows, |&row| {
        columns.iter().map(|column| column[row].clone()).collect()
    });
    table
        + "\nAn estimate: CPU as measured here stands for Graviton's; a function with less memory than\n\
         1,769 MB has that share of a CPU; all batches are full. Not in it: Lambda's free tier, cold\n\
         starts (a few a day), the bytes' way through Lambda, Firehose, logs. US East, arm64.\n"
}

/// A table of the costs of starting every function.
pub(crate) fn starts(starts: &[Cost]) -> String {
    let title = "Cold start, up to the first request for an invocation";
    let header = "function | wall ms (min-max) | CPU ms (min-max) | memory MB | binary MB";
    table(title, header, starts, |start| {
        let binary = start.function.binary_bytes.map(|bytes| format!("{:.2}", megabytes(bytes)));
        let memory = tenths(megabytes(start.peak_memory_bytes));
        let (wall, cpu) = (spread(start.wall), spread(start.cpu));
        vec![name(start), wall, cpu, memory, binary.unwrap_or_default()]
    })
}

/// A table of several requests, one per row, with each function's CPU time per byte, and its ratio
/// to that of the reference request.
pub(crate) fn per_byte(
    title: &str,
    reference: &(Request, Vec<Cost>),
    measured: &[(Request, Vec<Cost>)],
) -> String {
    let functions = reference.1.iter().map(|cost| cost.function.name);
    let header = functions.fold("request | records | MB".to_owned(), |header, name| {
        format!("{header} | {name} CPU ms | ns/byte | times")
    });
    table(title, &header, measured, |(request, costs)| {
        let mut cells = vec![request.name.clone(), request.records.to_string(), size(request)];
        for (cost, ordinary) in costs.iter().zip(&reference.1) {
            let nanos = nanos_per_byte(request, cost);
            let times = nanos / nanos_per_byte(&reference.0, ordinary);
            cells.push(milliseconds(cost.cpu.median));
            cells.extend([nanos, times].map(|number| format!("{number:.2}")));
        }
        cells
    })
}

/// A table with a row for each item; the first column is text.
fn table<T>(title: &str, header: &str, items: &[T], row: impl Fn(&T) -> Vec<String>) -> String {
    let numbers = "--:|".repeat(header.matches('|').count());
    let mut table = format!("### {title}\n\n| {header} |\n|---|{numbers}\n");
    for item in items {
        // Writing to a string cannot fail.
        writeln!(table, "| {} |", row(item).join(" | ")).ok();
    }
    table
}

fn name(cost: &Cost) -> String {
    cost.function.name.to_owned()
}

/// The ratio of the CPU time to that of `ours`, the maximum memory in MB, and that above idle.
fn common(cost: &Cost, costs: &[Cost], ours: &str) -> [String; 3] {
    let ours = costs.iter().find(|cost| cost.function.name == ours).or(costs.first());
    let ours = ours.map_or(cost.cpu, |ours| ours.cpu).median;
    let above_idle = cost.peak_memory_bytes.saturating_sub(cost.idle_memory_bytes);
    let times = cost.cpu.median.as_secs_f64() / ours.as_secs_f64();
    [times, megabytes(cost.peak_memory_bytes), megabytes(above_idle)].map(tenths)
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

/// In microseconds.
fn per_record(request: &Request, cost: &Cost) -> String {
    format!("{:.2}", cost.cpu.median.as_secs_f64() * 1e6 / as_f64(request.records as u64))
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}

fn nanos_per_byte(request: &Request, cost: &Cost) -> f64 {
    cost.cpu.median.as_secs_f64() * 1e9 / as_f64(request.body.len() as u64)
}

/// Size of the body, in MB.
fn size(request: &Request) -> String {
    format!("{:.2}", megabytes(request.body.len() as u64))
}

fn megabytes(bytes: u64) -> f64 {
    as_f64(bytes) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::Function;
    use crate::valgrind::Heap;

    fn cost(function: &'static str, ms: u64) -> Cost {
        let spread = Spread::of(vec![Duration::from_millis(ms)]);
        Cost {
            function: Function::new(function, "/".into()),
            cpu: spread,
            wall: spread,
            peak_memory_bytes: 5_000_000,
            idle_memory_bytes: 2_000_000,
            heap: None,
        }
    }

    fn assert_rows(table: &str, rows: &[&str]) {
        for row in rows {
            assert!(table.lines().any(|line| line == *row), "{row} is not in\n{table}");
        }
    }

    #[test]
    fn numbers_are_grouped_and_have_three_significant_digits() {
        let numbers = [0, 12, 999, 1_000, 12_345, 5_000_000].map(grouped);
        assert_eq!(numbers, ["0", "12", "999", "1,000", "12,345", "5,000,000"]);
        let texts =
            [7, 1_234, 12_345, 123_456].map(|micros| milliseconds(Duration::from_micros(micros)));
        assert_eq!(texts, ["0.01", "1.23", "12.3", "123"]);
    }

    #[test]
    fn prices_show_every_step() {
        let request = Request::of("of 2,000", vec![vec![1]; 2_000]);
        let table = prices(&request, &[cost(OURS, 5), cost("other", 50)], 256);
        let rows = [
            "|  | firehose-transform | other |",
            "| CPU ms of an invocation, median | 5.00 | 50.0 |",
            "| ms billed at 256 MB: x 1,769 / 256 | 35 | 346 |",
            "| invocations a day: 2,000 records each | 2,500 | 2,500 |",
            "| GB-seconds in 30 days | 656 | 6488 |",
            "| for these, at 0.0000133334 $ | 0.009 | 0.087 |",
            "| for invocations, at 0.20 $ a million | 0.015 | 0.015 |",
            "| **together** | **0.024** | **0.102** |",
        ];
        assert_rows(&table, &rows);
    }

    #[test]
    fn batches_tell_what_a_message_takes() {
        let request = Request::of("of 2,000", vec![vec![1]; 2_000]);
        let heap = Some(Heap { allocations: 1_234, bytes: 2_500_000 });
        let ours = Cost { heap, ..cost(CONSUMER, 4) };
        let rows = [
            "| sqs-consumer | 4.00 (4.00-4.00) | 2.00 | 1.0 | 5.0 | 3.0 | 1,234 | 2.5 |",
            "| other | 50.0 (50.0-50.0) | 25.00 | 12.5 | 5.0 | 3.0 |  |  |",
        ];
        assert_rows(&batches(&request, &[ours, cost("other", 50)]), &rows);
    }

    #[test]
    fn costs_are_compared_with_ours() {
        let request = Request::of("two", [vec![1], vec![2]]);
        let table = costs(&request, &[cost(OURS, 2), cost("other", 25)]);
        let expected = "| other | 25.0 (25.0-25.0) | 12.5 | 25.0 (25.0-25.0) | 5.0 |";
        assert_eq!(table.lines().last(), Some(expected));
    }
}
