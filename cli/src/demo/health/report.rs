//! The report: the failures, the metrics and the messages.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

use super::emitted::{Emitted, Metrics};
use super::faulty::{self, Caused};
use super::{LAMBDA_METRICS, LOG_METRICS, alarm};
use crate::demo::card::Card;
use crate::layout::row;

#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) caused: Caused,
    /// From Lambda's lines in the log.
    pub(super) log_metrics: Emitted,
    /// From Lambda's metrics.
    pub(super) lambda_metrics: Emitted,
    /// The messages posted to Google Chat.
    pub(super) messages: Vec<Value>,
}

impl Report {
    /// Returns the failures that were not caused, counted or reported.
    pub(super) fn differences(&self) -> Vec<String> {
        let Caused { succeeded, failed, timed_out, out_of_memory, throttled } = self.caused;
        let outcomes = [
            ("succeeded", succeeded),
            ("failed", failed),
            ("timed out", timed_out),
            ("ran out of memory", out_of_memory),
            ("was throttled", throttled),
        ];
        let missing = outcomes.iter().filter(|(_, number)| *number == 0);
        let log_metrics = [
            ("UnhandledErrors", count(failed)),
            ("Timeouts", count(timed_out)),
            ("OutOfMemory", count(out_of_memory)),
        ];
        let (errors, invocations) = (self.caused.errors(), self.caused.invocations());
        let lambda_metrics = [
            ("Errors", count(errors)),
            ("Throttles", count(throttled)),
            ("ErrorRate", percent(errors, invocations)),
            ("ThrottleRate", percent(throttled, invocations + throttled)),
        ];
        let mut all: Vec<_> =
            missing.map(|(outcome, _)| format!("no invocation {outcome}")).collect();
        all.extend(differences(LOG_METRICS, &self.log_metrics, &log_metrics));
        all.extend(differences(LAMBDA_METRICS, &self.lambda_metrics, &lambda_metrics));
        all.extend(self.message_difference());
        all
    }

    fn message_difference(&self) -> Option<String> {
        let [message] = &self.messages[..] else {
            return Some(format!("{} messages were posted instead of 1", self.messages.len()));
        };
        let (title, text) = (Card(message).title(), Card(message).to_string());
        if !(title.contains("ALARM") && title.contains(alarm::NAME)) {
            return Some(format!("the message is not about the alarm: {title}"));
        }
        let has_lines = text.contains("signal: killed");
        (!has_lines).then(|| "the message does not have the error lines of the log".to_owned())
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    count(part) * 100.0 / count(whole.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Compares metrics with their expected values.
fn differences(function: &str, emitted: &Emitted, expected: &[(&str, f64)]) -> Vec<String> {
    let mut differences = Vec::new();
    for (scope, metrics) in [("the function", &emitted.of_the_function), ("all", &emitted.of_all)] {
        for (name, expected) in expected {
            let value = metrics.get(*name).map(|measured| measured.value);
            if !value.is_some_and(|value| (value - expected).abs() < 0.01) {
                let value = value.map_or_else(|| "missing".to_owned(), |value| value.to_string());
                differences.push(format!(
                    "{function}: {name} of {scope} is {value} instead of {expected}"
                ));
            }
        }
    }
    differences
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Caused { succeeded, failed, timed_out, out_of_memory, throttled } = self.caused;
        writeln!(
            out,
            "A function that fails -> {LOG_METRICS}, {LAMBDA_METRICS} -> alert-notifier\n"
        )?;
        let note = format!("of the function {}", faulty::NAME);
        row(out, "Invocations", self.caused.invocations(), &note)?;
        row(out, "Succeeded", succeeded, "returned a result")?;
        row(out, "Failed", failed, "returned an error")?;
        row(out, "Timed out", timed_out, "after 2 seconds")?;
        row(out, "Killed", out_of_memory, "as Lambda does it when memory runs out")?;
        row(out, "Throttled", throttled, "rejected while another one ran")?;
        writeln!(out, "\n{LOG_METRICS}, from the platform's lines in the log:")?;
        metrics(out, &self.log_metrics.of_the_function)?;
        writeln!(out, "\n{LAMBDA_METRICS}, from the metrics of Lambda:")?;
        metrics(out, &self.lambda_metrics.of_the_function)?;
        for message in &self.messages {
            writeln!(out, "\nalert-notifier, in Google Chat:\n{}", Card(message))?;
        }
        match self.differences().len() {
            0 => writeln!(out, "Every failure was counted and reported."),
            differences => writeln!(out, "{differences} differences."),
        }
    }
}

fn metrics(out: &mut Formatter<'_>, metrics: &Metrics) -> fmt::Result {
    for (name, measured) in metrics {
        let unit = match &*measured.unit {
            "Count" => "",
            "Percent" => " %",
            "Milliseconds" => " ms",
            unit => unit,
        };
        writeln!(out, "  {name:<24}{:>9}{unit}", (measured.value * 10.0).round() / 10.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::health::emitted::Measured;
    use serde_json::json;

    fn emitted(values: &[(&str, f64)]) -> Emitted {
        let measured = |&(name, value): &(&str, f64)| {
            (name.to_owned(), Measured { value, unit: "Count".to_owned() })
        };
        let metrics: Metrics = values.iter().map(measured).collect();
        Emitted { of_the_function: metrics.clone(), of_all: metrics }
    }

    fn report() -> Report {
        let lines = json!([{"textParagraph": {"text": "Error: signal: killed"}}]);
        let title = format!("ALARM: {}", alarm::NAME);
        let rates = [("ErrorRate", 75.0), ("ThrottleRate", 20.0)];
        Report {
            caused: Caused {
                succeeded: 1,
                failed: 1,
                timed_out: 1,
                out_of_memory: 1,
                throttled: 1,
            },
            log_metrics: emitted(
                &["UnhandledErrors", "Timeouts", "OutOfMemory"].map(|name| (name, 1.0)),
            ),
            lambda_metrics: emitted(&[&[("Errors", 3.0), ("Throttles", 1.0)], &rates[..]].concat()),
            messages: vec![json!({"cardsV2": [{"card": {
                "header": {"title": title}, "sections": [{"widgets": lines}],
            }}]})],
        }
    }

    #[test]
    fn differences_are_reported() {
        let mut report = report();
        assert_eq!(report.differences(), [""; 0]);
        assert!(report.to_string().ends_with("Every failure was counted and reported.\n"));
        report.messages[0]["cardsV2"][0]["card"]["sections"] = json!([]);
        let expected = ["the message does not have the error lines of the log"];
        assert_eq!(report.differences(), expected);

        report.caused.timed_out = 0;
        report.lambda_metrics.of_all.remove("Throttles");
        report.messages.clear();
        assert_eq!(
            report.differences(),
            [
                "no invocation timed out",
                "log-metrics: Timeouts of the function is 1 instead of 0",
                "log-metrics: Timeouts of all is 1 instead of 0",
                "lambda-metrics: Errors of the function is 3 instead of 2",
                "lambda-metrics: ErrorRate of the function is 75 instead of 66.66666666666667",
                "lambda-metrics: ThrottleRate of the function is 20 instead of 25",
                "lambda-metrics: Errors of all is 3 instead of 2",
                "lambda-metrics: Throttles of all is missing instead of 1",
                "lambda-metrics: ErrorRate of all is 75 instead of 66.66666666666667",
                "lambda-metrics: ThrottleRate of all is 20 instead of 25",
                "0 messages were posted instead of 1",
            ]
        );
        assert!(report.to_string().ends_with("11 differences.\n"));
    }
}
