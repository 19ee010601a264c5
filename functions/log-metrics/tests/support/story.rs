//! Sequences of invocations, with their lines in text and in JSON.

use proptest::prelude::*;
use serde_json::{Value, json};

/// The result of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Success,
    Timeout,
    OutOfMemory,
    /// Only the end of the runtime shows it; the report has an exit error.
    Killed,
    Error,
    /// The start before it failed, in both phases.
    NoStart,
    /// The start before it timed out, in both phases.
    LateStart,
    /// The start timed out, and the second attempt succeeded.
    SecondStart,
}

/// One invocation.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    pub(crate) fate: Fate,
    /// Megabytes used of 128.
    used: u64,
    cold: bool,
    /// Whether it is a retry of the previous request.
    again: bool,
}

/// Invocations of one environment.
pub(crate) fn story() -> impl Strategy<Value = Vec<Invocation>> {
    let fate = prop_oneof![
        6 => Just(Fate::Success),
        1 => Just(Fate::Timeout),
        1 => Just(Fate::OutOfMemory),
        1 => Just(Fate::Killed),
        1 => Just(Fate::Error),
        1 => Just(Fate::NoStart),
        1 => Just(Fate::LateStart),
        1 => Just(Fate::SecondStart),
    ];
    let invocation = (fate, 1..=128_u64, any::<bool>(), prop::bool::weighted(0.2))
        .prop_map(|(fate, used, cold, again)| Invocation { fate, used, cold, again });
    prop::collection::vec(invocation, 0..8)
}

impl Fate {
    /// Its status and error type.
    const fn status(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Success | Self::SecondStart => ("success", None),
            Self::Timeout | Self::LateStart => ("timeout", None),
            Self::OutOfMemory => ("error", Some("Runtime.OutOfMemory")),
            Self::Killed | Self::Error | Self::NoStart => ("error", Some("Runtime.ExitError")),
        }
    }

    /// Phases of the reported starts, with status and error type.
    const fn starts(self) -> &'static [(&'static str, &'static str, Option<&'static str>)] {
        const ERROR: Option<&str> = Some("Runtime.ExitError");
        match self {
            Self::NoStart => &[("init", "error", ERROR), ("invoke", "error", ERROR)],
            Self::LateStart => &[("init", "timeout", None), ("invoke", "timeout", None)],
            Self::SecondStart => &[("init", "timeout", None)],
            _ => &[],
        }
    }

    /// The metric in which it is counted.
    pub(crate) const fn counted(self) -> Option<&'static str> {
        match self {
            Self::Success => None,
            Self::Timeout => Some("Timeouts"),
            Self::OutOfMemory | Self::Killed => Some("OutOfMemory"),
            Self::Error => Some("UnhandledErrors"),
            Self::NoStart | Self::LateStart | Self::SecondStart => Some("InitFailures"),
        }
    }
}

/// The log events of a story in text, with lines of applications.
pub(crate) fn as_text(story: &[Invocation], start_ms: u64) -> Vec<(u64, String)> {
    events(story, start_ms, |id, invocation, lines| {
        let (status, error_type) = invocation.fate.status();
        let with_type = |error_type: Option<&str>| {
            error_type.map_or_else(String::new, |error_type| format!("\tError Type: {error_type}"))
        };
        for (phase, status, error_type) in invocation.fate.starts() {
            let error_type = with_type(*error_type);
            lines.push(format!(
                "INIT_REPORT Init Duration: 9.5 ms\tPhase: {phase}\tStatus: {status}{error_type}\n"
            ));
        }
        lines.push(format!("START RequestId: {id} Version: $LATEST\n"));
        lines.push("played 3 songs\n".to_owned());
        if status == "timeout" {
            lines
                .push(format!("2024-03-01T12:34:56.789Z {id} Task timed out after 3.00 seconds\n"));
        }
        lines.extend(killed(id, invocation.fate));
        let init = if invocation.cold { "Init Duration: 166.62 ms\t" } else { "" };
        let status = match status {
            "success" => String::new(),
            status => format!("Status: {status}{}", with_type(error_type)),
        };
        lines.push(format!(
            "REPORT RequestId: {id}\tDuration: 9.5 ms\tBilled Duration: 10 ms\tMemory Size: 128 \
             MB\tMax Memory Used: {} MB\t{init}{status}\n",
            invocation.used
        ));
    })
}

/// The log events of a story in JSON, with lines of applications.
pub(crate) fn as_json(story: &[Invocation], start_ms: u64) -> Vec<(u64, String)> {
    let event = |kind: &str, mut record: Value, error_type: Option<&str>| {
        if let Some(error_type) = error_type {
            record["errorType"] = error_type.into();
        }
        let time = "2024-03-01T12:34:56.789Z";
        json!({"time": time, "type": format!("platform.{kind}"), "record": record}).to_string()
    };
    events(story, start_ms, |id, invocation, lines| {
        let (status, error_type) = invocation.fate.status();
        for (phase, status, error_type) in invocation.fate.starts() {
            let record = json!({"phase": phase, "status": status, "metrics": {"durationMs": 9.5}});
            lines.push(event("initReport", record, *error_type));
        }
        lines.push(event("start", json!({"requestId": id, "version": "$LATEST"}), None));
        lines.push(json!({"level": "INFO", "message": "played 3 songs"}).to_string());
        lines.extend(killed(id, invocation.fate));
        let done = json!({"requestId": id, "status": status});
        lines.push(event("runtimeDone", done, error_type));
        let mut metrics =
            json!({"durationMs": 9.5, "memorySizeMB": 128, "maxMemoryUsedMB": invocation.used});
        if invocation.cold {
            metrics["initDurationMs"] = 166.62.into();
        }
        let record = json!({"requestId": id, "status": status, "metrics": metrics});
        lines.push(event("report", record, error_type));
    })
}

fn killed(id: &str, fate: Fate) -> Option<String> {
    let line = format!(
        "RequestId: {id} Error: Runtime exited with error: signal: killed\nRuntime.ExitError\n"
    );
    (fate == Fate::Killed).then_some(line)
}

/// One invocation per second, whose lines are a millisecond apart.
fn events(
    story: &[Invocation],
    start_ms: u64,
    lines_of: impl Fn(&str, &Invocation, &mut Vec<String>),
) -> Vec<(u64, String)> {
    let (mut events, mut request) = (Vec::new(), 0);
    for (at_ms, invocation) in (start_ms..).step_by(1_000).zip(story) {
        request += usize::from(!invocation.again);
        let mut lines = Vec::new();
        lines_of(&format!("8f507cfc-6a1d-4a1b-9c39-{request:012}"), invocation, &mut lines);
        events.extend((at_ms..).zip(lines));
    }
    events
}
