//! A notice as a card.

use shared::notice::{Notice, State};

use super::Writer;
use super::card::{Card, header};
use crate::links;
use crate::moment;
use crate::text::{cut, line};

/// Maximum number of links.
const MAX_LINKS: usize = 8;

/// Maximum size of a link's text, in bytes.
const MAX_LINK_TEXT_BYTES: usize = 200;

impl Card {
    pub(super) fn of_notice(notice: &Notice, writer: &Writer) -> Self {
        let time = |text: &str| Some(moment::shown(moment::parse_ms(text)?, &writer.zone));
        let shown = notice.clone().masked(&writer.secrets);
        let first = [
            ("Details", shown.text),
            ("At", time(&notice.at)),
            ("Since", notice.since.as_deref().and_then(time)),
        ];
        let first = first.into_iter().filter_map(|(label, text)| Some((label.to_owned(), text?)));
        let facts = shown.facts.into_iter().map(|fact| (fact.label, fact.value));
        let links = shown.links.into_iter().filter(|link| links::is_url(&link.url));
        Self {
            title: title(notice, writer),
            subtitle: header(&format!("{} · {}", notice.source, notice.kind)),
            rows: first.chain(facts).filter(|(_, text)| !text.is_empty()).collect(),
            lines_header: "Lines".to_owned(),
            lines: shown.lines.into_iter().filter(|line| !line.is_empty()).collect(),
            buttons: links
                .take(MAX_LINKS)
                .map(|link| {
                    let text = line(&link.text);
                    (cut(&text, MAX_LINK_TEXT_BYTES).into_owned(), link.url)
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
