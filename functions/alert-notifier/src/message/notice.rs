//! A notice as a card.

use super::Writer;
use super::card::{Card, header};
use crate::links;
use crate::moment;
use crate::notice::{Notice, State};
use crate::text::{cut, line};

/// Maximum number of links.
const MAX_LINKS: usize = 8;

/// Maximum size of a link's text, in bytes.
const MAX_LINK_TEXT_BYTES: usize = 200;

impl Card {
    pub(super) fn of_notice(notice: &Notice, writer: &Writer) -> Self {
        let time = |at_ms: u64| moment::shown(at_ms, &writer.zone);
        let details = notice.text.as_deref().map(|text| writer.text(text));
        let first = [
            ("Details", details),
            ("At", notice.at_ms().map(time)),
            ("Since", notice.since_ms().map(time)),
        ];
        let first = first.into_iter().filter_map(|(label, text)| Some((label.to_owned(), text?)));
        let facts = notice.facts.iter().map(|fact| {
            // A value is masked by its label too.
            let label = line(&writer.text(&fact.label));
            let prefix = format!("{label}: ");
            let masked = writer.text(&format!("{prefix}{}", fact.value));
            let value = masked.strip_prefix(&prefix).unwrap_or(&masked);
            (label, value.to_owned())
        });
        let links = notice
            .links
            .iter()
            .flatten()
            .filter(|link| links::is_url(&link.url) && writer.text(&link.url) == link.url);
        let shown_lines = notice.lines.iter().flatten().map(|text| writer.text(text));
        Self {
            title: title(notice, writer),
            subtitle: header(&format!("{} · {}", notice.source, notice.kind)),
            rows: first.chain(facts).filter(|(_, text)| !text.is_empty()).collect(),
            lines_header: "Lines".to_owned(),
            lines: shown_lines.filter(|line| !line.is_empty()).collect(),
            buttons: links
                .take(MAX_LINKS)
                .map(|link| {
                    let text = line(&link.text);
                    (cut(&text, MAX_LINK_TEXT_BYTES).into_owned(), link.url.clone())
                })
                .collect(),
        }
    }
}

/// Returns `🔴 Query 7 takes 75 minutes`.
pub(super) fn title(notice: &Notice, writer: &Writer) -> String {
    let sign = match notice.state {
        State::Alarm => "🔴",
        State::Ok => "🟢",
        State::Info => "🔵",
    };
    header(&format!("{sign} {}", writer.text(&notice.title)))
}
