//! The notices of events.

use jiff::Timestamp;
use serde_json::Value;
use shared::mask::mask;
use shared::notice::{Fact, Link, Notice, State};
use shared::text;
use shared::time::duration;

use crate::event::{Event, Subject};
use crate::prefect::{Failure, FlowRun, Record};

/// The name of this function in its notices.
pub(crate) const SOURCE: &str = "pipeline-alerts";

/// Maximum length of a state's message, and of a record of a log, in characters.
const MAX_MESSAGE: usize = 2_000;

/// Maximum length of an event that is shown as JSON, and of a body, in characters.
pub(crate) const MAX_TEXT: usize = 4_000;

/// The notice of an event about a run.
pub(crate) fn of_run(
    event: Event<'_>,
    kind: &str,
    state: State,
    at: Timestamp,
    ui_url: Option<&str>,
) -> Notice {
    let flow = event.related("flow").find_map(|(_, name)| name);
    let (what, path) = match event.subject() {
        Subject::TaskRun => ("Task", "task-run"),
        _ => ("Flow", "flow-run"),
    };
    let own = Some(event.resource_name());
    let (run, task) = match event.subject() {
        Subject::TaskRun => (event.related("flow-run").find_map(|(_, name)| name), own),
        _ => (own, None),
    };
    let names: Vec<_> = [flow, run, task].into_iter().flatten().collect();
    let tags: Vec<_> = event.related("tag").map(|(tag, _)| tag).collect();
    let attempt = Some(event.run_count()).filter(|count| *count > 1);
    let facts = [
        ("Flow", flow.map(str::to_owned)),
        ("Deployment", event.related("deployment").find_map(|(_, name)| name).map(str::to_owned)),
        ("Run", run.map(str::to_owned)),
        ("Task", task.map(str::to_owned)),
        ("State", Some(event.state_name().to_owned())),
        ("Attempt", attempt.map(|count| count.to_string())),
        ("Tags", (!tags.is_empty()).then(|| tags.join(", "))),
    ];
    let link = ui_url
        .zip(event.run_id())
        .map(|(ui, id)| Link { text: "Run".to_owned(), url: format!("{ui}/runs/{path}/{id}") });
    Notice {
        source: SOURCE.to_owned(),
        kind: kind.to_owned(),
        state,
        title: format!("{what} run {}: {}", names.join("/"), event.state_name()),
        thread: thread(event),
        at: at.to_string(),
        since: None,
        text: event.text("state-message").map(|text| beginning(&masked(text), MAX_MESSAGE)),
        facts: facts
            .into_iter()
            .filter_map(|(label, value)| Some(Fact::new(label, value?)))
            .collect(),
        lines: Vec::new(),
        links: link.into_iter().collect(),
    }
}

/// The notice of any other event.
pub(crate) fn of_other(event: Event<'_>, at: Timestamp) -> Notice {
    Notice {
        source: SOURCE.to_owned(),
        kind: "prefect-event".to_owned(),
        state: State::Info,
        title: format!("{}: {}", event.name(), event.resource_name()),
        thread: format!("prefect/{}", event.resource_id()),
        at: at.to_string(),
        since: None,
        text: Some(beginning(&masked(&event.json()), MAX_TEXT)),
        facts: Vec::new(),
        lines: Vec::new(),
        links: Vec::new(),
    }
}

/// Adds the failure from which a run recovered.
pub(crate) fn add_failure(notice: &mut Notice, failure: &Failure, ended: Timestamp) {
    let seconds = ended.duration_since(failure.ended).as_secs();
    let before = duration(u64::try_from(seconds).unwrap_or_default());
    let state = &failure.state_name;
    notice.since = Some(failure.ended.to_string());
    notice.text = Some(match &failure.run {
        Some(run) => format!("The run before, {run}, ended {state} {before} before."),
        None => format!("This run itself had ended {state} {before} before."),
    });
}

/// Lines such as `14:06:58 message`, in UTC.
pub(crate) fn lines(records: Vec<Record>) -> Vec<String> {
    let line = |record: Record| {
        let message = without_middle(&masked(record.message.as_deref().unwrap_or_default()));
        let at = record.timestamp.and_then(|at| at.parse::<Timestamp>().ok());
        match at {
            Some(at) => format!("{} {message}", at.strftime("%H:%M:%S")),
            None => message,
        }
    };
    records.into_iter().map(line).collect()
}

/// The thread of a run and of its tasks: that of the deployment, or of the flow.
fn thread(event: Event<'_>) -> String {
    for role in ["deployment", "flow"] {
        if let Some((id, _)) = event.related(role).next() {
            return format!("prefect/{role}/{id}");
        }
    }
    format!("prefect/{}", event.resource_id())
}

/// The thread of a flow run of the API.
pub(crate) fn thread_of(run: &FlowRun) -> String {
    match (run.deployment_id, run.flow_id) {
        (Some(id), _) => format!("prefect/deployment/{id}"),
        (None, Some(id)) => format!("prefect/flow/{id}"),
        (None, None) => format!("prefect/prefect.flow-run.{}", run.id),
    }
}

/// Masks secrets. This must happen before a text is cut, because a part of a secret is not
/// recognized.
pub(crate) fn masked(text: &str) -> String {
    mask(text, &[])
}

/// At most this many characters of a text.
pub(crate) fn beginning(text: &str, characters: usize) -> String {
    if text::beginning(text, characters).len() == text.len() {
        return text.to_owned();
    }
    format!("{}…", text::beginning(text, characters.saturating_sub(1)))
}

/// At most 2,000 characters, without the middle: the error of a traceback is at its end.
fn without_middle(text: &str) -> String {
    const GAP: &str = "\n…\n";
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= MAX_MESSAGE {
        return text.to_owned();
    }
    let head = MAX_MESSAGE / 4;
    let tail = MAX_MESSAGE - head - GAP.chars().count();
    let start = characters[..head].iter();
    let end = characters[characters.len() - tail..].iter();
    start.copied().chain(GAP.chars()).chain(end.copied()).collect()
}

/// The text of the first of these members that has one.
pub(crate) fn first_text<'a>(value: &'a Value, names: &[&str]) -> Option<&'a str> {
    let texts = names.iter().filter_map(|name| value[*name].as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_without_flow_and_deployment_has_a_thread_of_its_own() {
        for (id, run, title) in [
            ("prefect.flow-run.1", "nightly", "Flow run nightly: Failed"),
            ("prefect.task-run.1", "load", "Task run load: Failed"),
            ("prefect.flow-run.1", "", "Flow run prefect.flow-run.1: Failed"),
        ] {
            let event = json!({
                "event": "prefect.flow-run.Failed",
                "resource": {"prefect.resource.id": id, "prefect.resource.name": run},
                "related": [{"prefect.resource.id": "prefect.flow.1"}],
            });
            let event = Event::parse(&event).unwrap();
            let ui = Some("https://prefect.test");
            let notice = of_run(event, "kind", State::Alarm, Timestamp::UNIX_EPOCH, ui);
            assert_eq!((notice.title, notice.thread), (title.to_owned(), format!("prefect/{id}")));
            // Its id is not one of Prefect, so there is nothing to link to.
            assert!(notice.links.is_empty() && notice.text.is_none());
        }
    }

    #[test]
    fn a_line_has_the_time_of_its_record_if_that_is_one() {
        let records = json!([
            {"level": 40, "timestamp": "2026-11-27T14:06:57.851600+02:00", "message": "a"},
            {"level": 40, "timestamp": "today", "message": "password=hush b"},
            {"level": 40, "timestamp": null, "message": null},
        ]);
        let records: Vec<Record> = serde_json::from_value(records).unwrap();
        assert_eq!(lines(records), ["12:06:57 a", "password=*** b", ""]);
    }

    #[test]
    fn a_thread_of_the_api_is_that_of_an_event() {
        let id = "fb1424a4-9c94-414f-ace3-0e8ae6b3e070";
        for (deployment, flow, thread) in [
            (json!(id), json!(id), format!("prefect/deployment/{id}")),
            (json!(null), json!(id), format!("prefect/flow/{id}")),
            (json!(null), json!(null), format!("prefect/prefect.flow-run.{id}")),
        ] {
            let run = json!({"id": id, "deployment_id": deployment, "flow_id": flow});
            assert_eq!(thread_of(&serde_json::from_value(run).unwrap()), thread);
        }
    }

    #[test]
    fn long_texts_are_cut_at_their_end_or_in_the_middle() {
        assert_eq!(beginning("재생 실패", 5), "재생 실패");
        assert_eq!(beginning("재생 실패!", 5), "재생 실…");
        let text = format!("{}KeyError: 'x'", "가".repeat(3_000));
        let cut = without_middle(&text);
        assert_eq!(cut.chars().count(), 2_000);
        assert!(cut.starts_with("가가") && cut.ends_with("가KeyError: 'x'"), "{cut}");
        assert_eq!(without_middle(&cut), cut);
    }
}
