//! What was measured, as tables in Markdown.

use std::fmt::Write;
use std::time::Duration;

use crate::consumers::Taken;
use crate::functions::{CONSUMER, COUNTER, OURS};
use crate::measure::{Cost, Spread, Start};
use crate::price::{self, Price};
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

/// A table of what every function took for one batch of messages.
#[must_use]
pub fn batches(request: &Request, costs: &[Cost], taken: &[Taken]) -> String {
    let ours = costs.iter().find(|cost| cost.function == CONSUMER).or(costs.first());
    let mut table = format!(
        "### {}: an event of {:.2} MB\n\n\
         | function | CPU ms (min-max) | us a message | times | peak memory MB | above idle MB | \
         allocations | of MB |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|\n",
        request.name,
        megabytes(request.body.len() as u64)
    );
    for cost in costs {
        let per_message = cost.cpu.median.as_secs_f64() * 1e6 / as_f64(request.records as u64);
        let above_idle = cost.peak_memory_bytes.saturating_sub(cost.idle_memory_bytes);
        let heap = taken.iter().find(|taken| taken.function == cost.function).map(|it| it.heap);
        row(
            &mut table,
            &[
                cost.function.to_owned(),
                spread(cost.cpu),
                format!("{per_message:.2}"),
                tenths(ours.map_or(1.0, |ours| ratio(cost.cpu.median, ours.cpu.median))),
                tenths(megabytes(cost.peak_memory_bytes)),
                tenths(megabytes(above_idle)),
                heap.map(|heap| grouped(heap.allocations)).unwrap_or_default(),
                heap.map(|heap| tenths(megabytes(heap.bytes))).unwrap_or_default(),
            ],
        );
    }
    table
}

/// A table of what every function took for one batch of log events.
#[must_use]
pub fn log_events(request: &Request, costs: &[Cost]) -> String {
    let ours = costs.iter().find(|cost| cost.function == COUNTER).or(costs.first());
    let mut table = format!(
        "### {} log events in {:.2} MB; {}\n\n\
         | function | CPU ms (min-max) | times | peak memory MB | above idle MB |\n\
         |---|--:|--:|--:|--:|\n",
        grouped(request.records as u64),
        megabytes(request.body.len() as u64),
        request.name,
    );
    for cost in costs {
        let above_idle = cost.peak_memory_bytes.saturating_sub(cost.idle_memory_bytes);
        row(
            &mut table,
            &[
                cost.function.to_owned(),
                spread(cost.cpu),
                tenths(ours.map_or(1.0, |ours| ratio(cost.cpu.median, ours.cpu.median))),
                tenths(megabytes(cost.peak_memory_bytes)),
                tenths(megabytes(above_idle)),
            ],
        );
    }
    table
}

/// A table of what a month of [`price::EVENTS`] a day costs with every function, where each
/// invocation brings this request: a row for each step of the sum.
#[must_use]
pub fn prices(request: &Request, costs: &[Cost], memory_megabytes: u64) -> String {
    let of = |cost: &Cost| Price::of(request.records, cost.cpu.median, memory_megabytes);
    let mut table = format!(
        "### {} events a day on Lambda, in batches as above: US dollars a month\n\n| |",
        grouped(price::EVENTS)
    );
    table.extend(costs.iter().flat_map(|cost| [" ", cost.function, " |"]));
    table.push_str("\n|---|");
    table.extend(costs.iter().map(|_| "--:|"));
    table.push('\n');
    let mut step = |what: String, value: &dyn Fn(&Cost, &Price) -> String| {
        let values = costs.iter().map(|cost| value(cost, &of(cost)));
        row(&mut table, &[what].into_iter().chain(values).collect::<Vec<_>>());
    };
    step("CPU ms of an invocation, median".to_owned(), &|cost, _| milliseconds(cost.cpu.median));
    step(
        format!(
            "ms billed at {memory_megabytes} MB: x {} / {memory_megabytes}",
            grouped(price::MEGABYTES_PER_CPU)
        ),
        &|_, price| grouped(price.billed_ms),
    );
    step(
        format!("invocations a day: {} records each", grouped(request.records as u64)),
        &|_, price| grouped(price.invocations),
    );
    step(format!("GB-seconds in {} days", price::DAYS), &|_, price| {
        format!("{:.0}", price.gb_seconds)
    });
    step(format!("for these, at {:.10} $", price::USD_PER_GB_SECOND), &|_, price| {
        format!("{:.3}", price.duration_usd)
    });
    step(
        format!("for invocations, at {:.2} $ a million", price::USD_PER_MILLION_REQUESTS),
        &|_, price| format!("{:.3}", price.requests_usd),
    );
    step("**together**".to_owned(), &|_, price| format!("**{:.3}**", price.total_usd()));
    table.push_str(
        "\nAn estimate: CPU as measured here stands for Graviton's; a function with less memory than\n\
         1,769 MB has that share of a CPU; all batches are full. Not in it: Lambda's free tier, cold\n\
         starts (a few a day), the bytes' way through Lambda, Firehose, logs. US East, arm64.\n",
    );
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

/// With a comma after every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let (head, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
    groups.fold(head.to_owned(), |text, group| text + "," + &group)
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

fn tenths(number: f64) -> String {
    format!("{number:.1}")
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
pub(crate) fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::valgrind::Heap;

    #[test]
    fn three_significant_digits() {
        let text = |micros| milliseconds(Duration::from_micros(micros));
        assert_eq!(
            [text(7), text(1_234), text(12_345), text(123_456)],
            ["0.01", "1.23", "12.3", "123"]
        );
    }

    fn cost(function: &'static str, ms: u64) -> Cost {
        let spread = Spread::of(vec![Duration::from_millis(ms)]);
        Cost {
            function,
            cpu: spread,
            wall: spread,
            peak_memory_bytes: 5_000_000,
            idle_memory_bytes: 2_000_000,
        }
    }

    #[test]
    fn numbers_are_grouped() {
        let numbers = [0, 12, 999, 1_000, 12_345, 5_000_000].map(grouped);
        assert_eq!(numbers, ["0", "12", "999", "1,000", "12,345", "5,000,000"]);
    }

    #[test]
    fn prices_show_every_step() {
        let request = Request::of("of 2,000", vec![vec![1]; 2_000]);
        let table = prices(&request, &[cost(OURS, 5), cost("other", 50)], 256);
        for row in [
            "| | firehose-transform | other |",
            "| CPU ms of an invocation, median | 5.00 | 50.0 |",
            "| ms billed at 256 MB: x 1,769 / 256 | 35 | 346 |",
            "| invocations a day: 2,000 records each | 2,500 | 2,500 |",
            "| GB-seconds in 30 days | 656 | 6488 |",
            "| for these, at 0.0000133334 $ | 0.009 | 0.087 |",
            "| for invocations, at 0.20 $ a million | 0.015 | 0.015 |",
            "| **together** | **0.024** | **0.102** |",
        ] {
            assert!(table.lines().any(|line| line == row), "{row} is not in\n{table}");
        }
    }

    #[test]
    fn batches_tell_what_a_message_takes() {
        let request = Request::of("of 2,000", vec![vec![1]; 2_000]);
        let heap = Heap { allocations: 1_234, bytes: 2_500_000 };
        let taken = [Taken { function: CONSUMER, heap }];
        let table = batches(&request, &[cost(CONSUMER, 4), cost("other", 50)], &taken);
        for row in [
            "| sqs-consumer | 4.00 (4.00-4.00) | 2.00 | 1.0 | 5.0 | 3.0 | 1,234 | 2.5 |",
            "| other | 50.0 (50.0-50.0) | 25.00 | 12.5 | 5.0 | 3.0 |  |  |",
        ] {
            assert!(table.lines().any(|line| line == row), "{row} is not in\n{table}");
        }
    }

    #[test]
    fn costs_are_compared_with_ours() {
        let request = Request::of("two", [vec![1], vec![2]]);
        let table = costs(&request, &[cost(OURS, 2), cost("other", 25)]);
        let expected = "| other | 25.0 (25.0-25.0) | 12.5 | 25.0 (25.0-25.0) | 5.0 |";
        assert_eq!(table.lines().last(), Some(expected));
    }
}
