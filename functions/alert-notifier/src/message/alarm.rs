//! An alarm as a card.

use serde_json::{Value, json};

use super::{CUT, Context, Writer};
use crate::alarm::{ALARM, Alarm, Metric, OK};
use crate::links;
use crate::logs::log_group;
use crate::moment;
use crate::text::{cut, html, inert, line};

/// At most so many of a list are shown.
const SHOWN: usize = 20;

/// A title is one line.
const MAX_TITLE_BYTES: usize = 1_000;

/// What a card shows: text as it is to be read, not escaped yet.
#[derive(Debug)]
pub(super) struct Card {
    title: String,
    subtitle: String,
    rows: Vec<(&'static str, String)>,
    log_group: Option<String>,
    lines: Vec<String>,
    buttons: Vec<(&'static str, String)>,
}

impl Card {
    pub(super) fn of(alarm: &Alarm, context: &Context, writer: &Writer) -> Self {
        let mut rows = Vec::new();
        let mut row = |label, text: Option<String>| {
            rows.extend(text.filter(|text| !text.is_empty()).map(|text| (label, text)));
        };
        row("Alarm", Some(line(&alarm.name)));
        row("What", what(alarm, writer));
        row("Contributor", contributor(alarm));
        row("Value", alarm.reading.shown());
        row("Since", alarm.changed_ms.map(|at_ms| moment::shown(at_ms, &writer.zone)));
        row("Was in alarm for", lasted(alarm, context));
        row("Reason", alarm.reason.as_deref().map(|reason| writer.text(reason)));
        row("Description", alarm.description.as_deref().map(|text| writer.text(text)));
        let log_group = alarm.function().map(log_group);
        let shown = |line: &crate::logs::Line| {
            let time = moment::time_of_day(line.at_ms, &writer.zone);
            format!("{time} {}", writer.text(&line.text))
        };
        Self {
            title: title(alarm),
            subtitle: subtitle(alarm),
            rows,
            lines: context.lines.iter().map(shown).collect(),
            buttons: buttons(alarm, log_group.as_deref(), writer),
            log_group,
        }
    }

    /// The card with texts of at most `max` bytes, and whether any was cut.
    pub(super) fn json(&self, max: usize) -> (Value, bool) {
        let is_cut = [&self.title, &self.subtitle].iter().any(|text| text.len() > max)
            || self.rows.iter().any(|(_, text)| text.len() > max)
            || self.lines.iter().any(|text| text.len() > max);
        let row = |(label, text): &(&str, String)| {
            let text = html(&cut(text, max));
            json!({"decoratedText": {"topLabel": label, "text": text, "wrapText": true}})
        };
        let mut sections = vec![json!({"widgets": self.rows.iter().map(row).collect::<Vec<_>>()})];
        if !self.lines.is_empty() {
            let group = self.log_group.as_deref().unwrap_or_default();
            let line = |line: &String| json!({"textParagraph": {"text": html(&cut(line, max))}});
            sections.push(json!({
                "header": html(&format!("Last errors in {group}")),
                "widgets": self.lines.iter().map(line).collect::<Vec<_>>(),
            }));
        }
        if is_cut {
            sections.push(json!({"widgets": [{"textParagraph": {"text": CUT}}]}));
        }
        if !self.buttons.is_empty() {
            let button = |(text, url): &(&str, String)| json!({"text": text, "onClick": {"openLink": {"url": url}}});
            let buttons: Vec<_> = self.buttons.iter().map(button).collect();
            sections.push(json!({"widgets": [{"buttonList": {"buttons": buttons}}]}));
        }
        let header = json!({"title": cut(&self.title, max), "subtitle": cut(&self.subtitle, max)});
        (json!({"header": header, "sections": sections}), is_cut)
    }
}

/// `🔴 ALARM: plays-errors`
pub(super) fn title(alarm: &Alarm) -> String {
    let state = alarm.state.as_deref().unwrap_or_default();
    let sign = match state {
        ALARM => "🔴",
        OK => "🟢",
        _ => "⚪",
    };
    let title = format!("{sign} {}: {}", line(state), line(&alarm.name));
    // Nobody documents whether a header's markup is read.
    cut(&inert(&title), MAX_TITLE_BYTES).into_owned()
}

/// `eu-west-1 · 123456789012`
fn subtitle(alarm: &Alarm) -> String {
    let region = alarm.place.region.as_ref().or(alarm.place.region_name.as_ref());
    let parts: Vec<&str> =
        region.into_iter().chain(&alarm.place.account).map(String::as_str).collect();
    cut(&inert(&line(&parts.join(" · "))), MAX_TITLE_BYTES).into_owned()
}

fn what(alarm: &Alarm, writer: &Writer) -> Option<String> {
    let mut lines: Vec<String> =
        alarm.metrics.iter().take(SHOWN).flat_map(|metric| metric_lines(metric, writer)).collect();
    lines.extend(alarm.rule.as_deref().map(|rule| writer.text(rule)));
    let children = alarm.children.iter().take(SHOWN);
    lines.extend(children.map(|arn| format!("triggered by {}", line(arn))));
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn metric_lines(metric: &Metric, writer: &Writer) -> Vec<String> {
    let how = [
        metric.statistic.as_deref().map(line),
        metric.period_s.map(|period_s| format!("over {}", moment::duration(period_s))),
    ];
    let how: Vec<String> = how.into_iter().flatten().collect();
    let how = if how.is_empty() { String::new() } else { format!(" ({})", how.join(" ")) };
    let name: Vec<String> =
        [&metric.namespace, &metric.name].into_iter().flatten().map(|text| line(text)).collect();
    let expression = metric.expression.as_deref().map(|expression| {
        let label = metric.label.as_deref().map(|label| format!("{}: ", line(label)));
        format!("{}{}{how}", label.unwrap_or_default(), writer.text(expression))
    });
    let own = expression.unwrap_or_else(|| format!("{}{how}", name.join(" ")));
    std::iter::once(own).chain(pairs(&metric.dimensions)).collect()
}

fn contributor(alarm: &Alarm) -> Option<String> {
    let contributor = alarm.contributor.as_ref()?;
    let id = contributor.id.as_deref().map(|id| format!("id: {}", line(id)));
    Some(pairs(&contributor.attributes).chain(id).collect::<Vec<_>>().join("\n"))
}

fn pairs(pairs: &[(String, String)]) -> impl Iterator<Item = String> {
    pairs.iter().take(SHOWN).map(|(name, value)| format!("{}: {}", line(name), line(value)))
}

fn lasted(alarm: &Alarm, context: &Context) -> Option<String> {
    let seconds = alarm.changed_ms?.checked_sub(context.began_ms?)? / 1_000;
    Some(moment::duration(seconds))
}

fn buttons(alarm: &Alarm, log_group: Option<&str>, writer: &Writer) -> Vec<(&'static str, String)> {
    let runbook = alarm.description.as_deref().and_then(links::runbook);
    // A link with a secret in it is no link for everybody.
    let runbook = runbook.filter(|url| writer.text(url) == *url);
    let links = [
        ("Alarm", links::alarm(&alarm.place, &alarm.name)),
        ("Logs", log_group.and_then(|group| links::logs(&alarm.place, group))),
        ("Runbook", runbook),
    ];
    links.into_iter().filter_map(|(text, url)| Some((text, url?))).collect()
}
