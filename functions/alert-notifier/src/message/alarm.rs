//! An alarm as a card.

use super::Writer;
use super::card::{Card, header};
use crate::alarm::{ALARM, Alarm, Metric, OK};
use crate::context::Context;
use crate::links;
use crate::logs::LogLine;
use crate::moment;
use crate::text::line;

/// Maximum number of metrics, dimensions or children that are shown.
const SHOWN: usize = 20;

impl Card {
    pub(super) fn of_alarm(alarm: &Alarm, context: &Context, writer: &Writer) -> Self {
        let rows = [
            ("Alarm", Some(line(&alarm.name))),
            ("Metrics of another account", other_accounts(alarm)),
            ("What", what(alarm, writer)),
            ("Contributor", contributor(alarm)),
            ("Value", alarm.reading.shown()),
            ("Since", alarm.changed_ms.map(|at_ms| moment::shown(at_ms, &writer.zone))),
            ("Was in alarm for", lasted(alarm, context)),
            ("Reason", alarm.reason.as_deref().map(|reason| writer.text(reason))),
            ("Description", alarm.description.as_deref().map(|text| writer.text(text))),
        ];
        let rows = rows.into_iter().filter_map(|(label, text)| Some((label.to_owned(), text?)));
        let shown = |line: &LogLine| {
            let time = moment::time_of_day(line.at_ms, &writer.zone);
            format!("{time} {}", writer.text(&line.text))
        };
        let found = context.lines.iter().map(shown);
        let sent = alarm.lines.iter().map(|text| writer.text(text));
        let log_group = context.log_group.as_deref();
        Self {
            title: title(alarm),
            subtitle: subtitle(alarm),
            rows: rows.filter(|(_, text)| !text.is_empty()).collect(),
            lines_header: match log_group {
                Some(group) => format!("Last errors in {group}"),
                None => "Log lines".to_owned(),
            },
            lines: sent.chain(found).collect(),
            buttons: buttons(alarm, log_group, writer),
        }
    }
}

/// Returns `🔴 ALARM: plays-errors`.
pub(super) fn title(alarm: &Alarm) -> String {
    let state = alarm.state.as_deref().unwrap_or_default();
    let sign = match state {
        ALARM => "🔴",
        OK => "🟢",
        _ => "⚪",
    };
    header(&format!("{sign} {state}: {}", alarm.name))
}

/// Returns `eu-west-1 · 123456789012`.
pub(super) fn subtitle(alarm: &Alarm) -> String {
    let region = alarm.place.region.as_ref().or(alarm.place.region_name.as_ref());
    let parts: Vec<&str> =
        region.into_iter().chain(&alarm.place.account).map(String::as_str).collect();
    header(&parts.join(" · "))
}

fn other_accounts(alarm: &Alarm) -> Option<String> {
    let others: Vec<String> = alarm.other_accounts().into_iter().take(SHOWN).map(line).collect();
    let own = alarm.place.account.as_deref().map(line);
    let own = own.map_or_else(String::new, |own| format!(" (the alarm is in {own})"));
    (!others.is_empty()).then(|| format!("{}{own}", others.join(", ")))
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

fn buttons(alarm: &Alarm, log_group: Option<&str>, writer: &Writer) -> Vec<(String, String)> {
    let runbook = alarm.description.as_deref().and_then(links::runbook);
    // A link must not show a secret.
    let runbook = runbook.filter(|url| writer.text(url) == *url);
    let links = [
        ("Alarm", links::alarm(&alarm.place, &alarm.name)),
        ("Logs", log_group.and_then(|group| links::logs(&alarm.place, group))),
        ("Runbook", runbook),
    ];
    links.into_iter().filter_map(|(text, url)| Some((text.to_owned(), url?))).collect()
}
