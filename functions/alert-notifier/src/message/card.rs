//! A card of Google Chat (source: Google Chat API, "Card v2").

use serde_json::{Value, json};

use crate::text::CUT;
use crate::text::{cut, html, inert, line};

/// A card shows at most 100 widgets (source: Google Chat API, "Section"): the last of these rows
/// and the last of these lines contain all that follow.
const MAX_ROWS: usize = 40;
const MAX_LINES: usize = 50;

/// Maximum size of a title, which is one line.
const MAX_TITLE_BYTES: usize = 1_000;

/// The contents of a card, as plain text that is not escaped yet.
#[derive(Debug, Default)]
pub(super) struct Card {
    pub(super) title: String,
    pub(super) subtitle: String,
    /// Labels and texts.
    pub(super) rows: Vec<(String, String)>,
    /// The header of the lines.
    pub(super) lines_header: String,
    pub(super) lines: Vec<String>,
    /// Texts and URLs.
    pub(super) buttons: Vec<(String, String)>,
}

impl Card {
    /// Returns the card with texts of at most `max` bytes, and a note if any was cut.
    pub(super) fn json(&self, max: usize) -> Value {
        let row = |(label, text): &(String, String)| format!("{label}: {text}");
        let rows = self.rows.iter().take(MAX_ROWS).cloned();
        let mut rows: Vec<(String, String)> = rows.collect();
        if let Some(rest @ [_, ..]) = self.rows.get(MAX_ROWS..) {
            let rest: Vec<_> = rest.iter().map(row).collect();
            rows.push(("More".to_owned(), rest.join("\n")));
        }
        let mut lines: Vec<String> = self.lines.iter().take(MAX_LINES).cloned().collect();
        lines.extend(
            self.lines.get(MAX_LINES..).filter(|rest| !rest.is_empty()).map(|rest| rest.join("\n")),
        );

        let is_long = |text: &String| text.len() > max;
        let labelled = rows.iter().flat_map(|(label, text)| [label, text]);
        let buttons = self.buttons.iter().map(|(text, _)| text);
        let texts = [&self.title, &self.subtitle, &self.lines_header].into_iter();
        let is_cut = texts.chain(labelled).chain(&lines).chain(buttons).any(is_long);

        let row = |(label, text): &(String, String)| {
            let text = html(&cut(text, max));
            json!({"decoratedText": {"topLabel": cut(label, max), "text": text, "wrapText": true}})
        };
        let paragraph = |text: &str| json!({"textParagraph": {"text": html(&cut(text, max))}});
        let mut sections = vec![json!({"widgets": rows.iter().map(row).collect::<Vec<_>>()})];
        if !lines.is_empty() {
            sections.push(json!({
                "header": html(&cut(&self.lines_header, max)),
                "widgets": lines.iter().map(|line| paragraph(line)).collect::<Vec<_>>(),
            }));
        }
        if is_cut {
            sections.push(json!({"widgets": [{"textParagraph": {"text": CUT}}]}));
        }
        if !self.buttons.is_empty() {
            let button = |(text, url): &(String, String)| json!({"text": cut(text, max), "onClick": {"openLink": {"url": url}}});
            let buttons: Vec<_> = self.buttons.iter().map(button).collect();
            sections.push(json!({"widgets": [{"buttonList": {"buttons": buttons}}]}));
        }
        let header = json!({"title": cut(&self.title, max), "subtitle": cut(&self.subtitle, max)});
        json!({"header": header, "sections": sections})
    }
}

/// Returns a text as a card's header shows it. Whether a header's markup is read is not documented.
pub(super) fn header(text: &str) -> String {
    cut(&inert(&line(text)), MAX_TITLE_BYTES).into_owned()
}
