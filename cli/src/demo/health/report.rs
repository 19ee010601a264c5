//! The report: what was caused, what came out of it, and what did not.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

use super::card::Card;
use super::emitted::{Emitted, Metrics};
use super::faulty::{self, Caused};
use super::{LAMBDA_METRICS, LOG_METRICS, alarm};
use crate::layout::row;

/// The report of one run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) caused: Caused,
    /// From the platform's lines in the log.
    pub(super) log_metrics: Emitted,
    /// From what CloudWatch counts.
    pub(super) lambda_metrics: Emitted,
    /// What was posted to the space.
    pub(super) messages: Vec<Value>,
}

impl Report {
    /// What was caused and did not come out.
    pub(super) fn missing(&self) -> Vec<String> {
        let Caused { succeeded, failed, timed_out, out_of_memory, throttled } = self.caused;
        let not_caused = [
            ("went well", succeeded),
            ("failed", failed),
            ("timed out", timed_out),
            ("ran out of memory", out_of_memory),
            ("was throttled", throttled),
        ]
        .into_iter()
        .filter(|(_, number)| *number == 0)
        .map(|(fate, _)| format!("no invocation {fate}"));
        let logs = [
            ("UnhandledErrors", count(failed)),
            ("Timeouts", count(timed_out)),
            ("OutOfMemory", count(out_of_memory)),
        ];
        let errors = self.caused.errors();
        let asked = self.caused.invocations() + throttled;
        let counts = [
            ("Errors", count(errors)),
            ("Throttles", count(throttled)),
            ("ErrorRate", percent(errors, self.caused.invocations())),
            ("ThrottleRate", percent(throttled, asked)),
        ];
        let mut missing: Vec<String> = not_caused.collect();
        missing.extend(differences(LOG_METRICS, &self.log_metrics, &logs));
        missing.extend(differences(LAMBDA_METRICS, &self.lambda_metrics, &counts));
        missing.extend(self.missing_message());
        missing
    }

    fn missing_message(&self) -> Option<String> {
        let [message] = &self.messages[..] else {
            return Some(format!("{} messages in the space instead of one", self.messages.len()));
        };
        let (title, text) = (Card(message).title(), Card(message).to_string());
        if !(title.contains("ALARM") && title.contains(alarm::NAME)) {
            return Some(format!("the message does not tell of the alarm: {title}"));
        }
        let told = text.contains("signal: killed");
        (!told).then(|| "the message does not have the error lines of the log".to_owned())
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    count(part) * 100.0 / count(whole.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a handful")]
fn count(number: u64) -> f64 {
    number as f64
}

/// Which of these values are other ones, of the function or of all.
fn differences(function: &str, emitted: &Emitted, expected: &[(&str, f64)]) -> Vec<String> {
    let of = [("the function", &emitted.of_the_function), ("all", &emitted.of_all)];
    of.iter()
        .flat_map(|(whose, metrics)| {
            expected.iter().filter_map(move |&(name, expected)| {
                let value = metrics.get(name).map(|measured| measured.value);
                let same = value.is_some_and(|value| (value - expected).abs() < 0.01);
                let shown = value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
                (!same).then(|| {
                    format!("{function} tells {name} of {whose} as {shown} instead of {expected}")
                })
            })
        })
        .collect()
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
        row(out, "Succeeded", succeeded, "answered")?;
        row(out, "Failed", failed, "answered with an error")?;
        row(out, "Timed out", timed_out, "after 2 seconds")?;
        row(out, "Killed", out_of_memory, "as Lambda does it when memory runs out")?;
        row(out, "Throttled", throttled, "refused while another one ran")?;
        writeln!(out, "\n{LOG_METRICS}, from the platform's lines in the log:")?;
        metrics(out, &self.log_metrics.of_the_function)?;
        writeln!(out, "\n{LAMBDA_METRICS}, from what CloudWatch counts:")?;
        metrics(out, &self.lambda_metrics.of_the_function)?;
        for message in &self.messages {
            writeln!(out, "\nalert-notifier, in Google Chat:\n{}", Card(message))?;
        }
        let missing = self.missing().len();
        match missing {
            0 => writeln!(out, "Every failure that was caused was counted, and told."),
            missing => writeln!(out, "{missing} things did not come out."),
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
        Report {
            caused: Caused {
                succeeded: 1,
                failed: 1,
                timed_out: 1,
                out_of_memory: 1,
                throttled: 1,
            },
            log_metrics: emitted(&[
                ("UnhandledErrors", 1.0),
                ("Timeouts", 1.0),
                ("OutOfMemory", 1.0),
            ]),
            lambda_metrics: emitted(&[
                ("Errors", 3.0),
                ("Throttles", 1.0),
                ("ErrorRate", 75.0),
                ("ThrottleRate", 20.0),
            ]),
            messages: vec![json!({"cardsV2": [{"card": {
                "header": {"title": title}, "sections": [{"widgets": lines}],
            }}]})],
        }
    }

    #[test]
    fn nothing_is_missing_where_all_came_out() {
        assert_eq!(report().missing(), Vec::<String>::new());
        assert!(report().to_string().ends_with("was counted, and told.\n"));
    }

    #[test]
    fn what_does_not_come_out_is_named() {
        let mut report = report();
        report.caused.timed_out = 0;
        report.lambda_metrics.of_all.remove("Throttles");
        report.messages.clear();
        assert_eq!(
            report.missing(),
            [
                "no invocation timed out",
                "log-metrics tells Timeouts of the function as 1 instead of 0",
                "log-metrics tells Timeouts of all as 1 instead of 0",
                "lambda-metrics tells Errors of the function as 3 instead of 2",
                "lambda-metrics tells ErrorRate of the function as 75 instead of \
                 66.66666666666667",
                "lambda-metrics tells ThrottleRate of the function as 20 instead of 25",
                "lambda-metrics tells Errors of all as 3 instead of 2",
                "lambda-metrics tells Throttles of all as nothing instead of 1",
                "lambda-metrics tells ErrorRate of all as 75 instead of 66.66666666666667",
                "lambda-metrics tells ThrottleRate of all as 20 instead of 25",
                "0 messages in the space instead of one",
            ]
        );
        assert!(report.to_string().ends_with("11 things did not come out.\n"));
    }

    #[test]
    fn a_message_needs_the_error_lines() {
        let mut report = report();
        report.messages[0]["cardsV2"][0]["card"]["sections"] = json!([]);
        assert_eq!(report.missing(), ["the message does not have the error lines of the log"]);
    }
}
