//! The posted card as text and as a web page.
//!
//! Source: Google Chat API, "Card message" (`cardsV2`).

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::console::{log, print_report, printable};
use crate::error::CliError;

/// Maximum length of a line, in characters.
const LINE: usize = 300;

const STYLE: &str = "body{margin:0;padding:16px;width:560px;background:#f1f3f4;\
     font:14px/1.45 Roboto,'Noto Sans','DejaVu Sans',sans-serif;color:#202124}\
     article{background:#fff;border:1px solid #dadce0;border-radius:12px;overflow:hidden}\
     header,section{padding:12px 16px}section{border-top:1px solid #e8eaed}\
     h1{font-size:16px;margin:0}h2{font-size:13px;margin:0 0 6px;color:#5f6368}\
     header p,dt,figcaption{margin:0;font-size:12px;color:#5f6368}dl{margin:0}figure{margin:0 0 16px}\
     dd{margin:0 0 8px;overflow-wrap:anywhere}pre{margin:0 0 4px;font-size:12px;white-space:pre-wrap;\
     overflow-wrap:anywhere}a{display:inline-block;margin-right:8px;padding:5px 14px;\
     border-radius:16px;background:#e8f0fe;color:#1967d2;text-decoration:none}\
     figcaption{padding:8px 4px 0}";

/// A message with a card.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card<'a>(pub(super) &'a Value);

/// A part of a card: a line or several.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Header(String),
    Labelled(String, String),
    Paragraph(String),
    Link(String, String),
}

impl<'a> Card<'a> {
    pub(super) fn title(self) -> String {
        plain(&self.card()["header"]["title"])
    }

    fn card(self) -> &'a Value {
        &self.0["cardsV2"][0]["card"]
    }

    fn sections(self) -> Vec<Vec<Part>> {
        items(&self.card()["sections"]).iter().map(section).collect()
    }

    fn figure(self) -> String {
        let header = &self.card()["header"];
        let [title, subtitle] = ["title", "subtitle"].map(|name| escaped(&plain(&header[name])));
        let mut sections = String::new();
        for parts in self.sections() {
            sections.push_str("<section>");
            sections.extend(parts.iter().map(html));
            sections.push_str("</section>");
        }
        format!(
            "<figure><article><header><h1>{title}</h1><p>{subtitle}</p></header>{sections}</article>\n\
             <figcaption>Rendered from the message that was posted: not a screenshot of Google Chat.\
             </figcaption></figure>\n"
        )
    }
}

/// Prints a report, and writes the cards of its messages as a web page, if there is a file for it.
pub(super) fn show(
    report: &(impl Display + Serialize),
    messages: &[Value],
    page: Option<&Path>,
    json: bool,
) -> Result<(), CliError> {
    log("");
    print_report(report, json)?;
    write_page(page, &cards(messages))
}

fn cards(messages: &[Value]) -> String {
    let figures: Vec<_> = messages.iter().map(|message| Card(message).figure()).collect();
    document("Alerts", STYLE, &figures.concat())
}

/// A web page.
pub(super) fn document(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{style}</style>\n{body}</html>\n"
    )
}

/// Writes a web page, if there is a file for it.
pub(super) fn write_page(file: Option<&Path>, page: &str) -> Result<(), CliError> {
    let Some(file) = file else { return Ok(()) };
    std::fs::write(file, page).map_err(|error| {
        CliError::failed(format_args!("failed to write {}: {error}", file.display()))
    })?;
    log(format_args!("The web page is {}.", file.display()));
    Ok(())
}

impl Display for Card<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "  {}", printable(&self.title(), LINE))?;
        writeln!(out, "  {}", printable(&plain(&self.card()["header"]["subtitle"]), LINE))?;
        for part in self.sections().iter().flatten() {
            let (label, text) = match part {
                Part::Header(text) => {
                    writeln!(out, "  {}", printable(text, LINE))?;
                    continue;
                }
                Part::Labelled(label, text) | Part::Link(label, text) => (&**label, text),
                Part::Paragraph(text) => ("", text),
            };
            for (at, line) in text.lines().enumerate() {
                let label = if at == 0 { label } else { "" };
                writeln!(out, "    {label:<11} {}", printable(line, LINE))?;
            }
        }
        Ok(())
    }
}

fn section(section: &Value) -> Vec<Part> {
    let header = section["header"].is_string().then(|| Part::Header(plain(&section["header"])));
    header.into_iter().chain(items(&section["widgets"]).iter().flat_map(widget)).collect()
}

fn widget(widget: &Value) -> Vec<Part> {
    let labelled = &widget["decoratedText"];
    let paragraph = &widget["textParagraph"]["text"];
    if labelled.is_object() {
        return vec![Part::Labelled(plain(&labelled["topLabel"]), plain(&labelled["text"]))];
    }
    if paragraph.is_string() {
        return vec![Part::Paragraph(plain(paragraph))];
    }
    let link = |button: &Value| {
        Part::Link(plain(&button["text"]), plain(&button["onClick"]["openLink"]["url"]))
    };
    items(&widget["buttonList"]["buttons"]).iter().map(link).collect()
}

fn html(part: &Part) -> String {
    match part {
        Part::Header(text) => format!("<h2>{}</h2>", escaped(text)),
        Part::Labelled(label, text) => {
            format!("<dl><dt>{}</dt><dd>{}</dd></dl>", escaped(label), escaped(text))
        }
        Part::Paragraph(text) => format!("<pre>{}</pre>", escaped(text)),
        Part::Link(text, url) => format!("<a href=\"{}\">{}</a>", escaped(url), escaped(text)),
    }
}

/// Returns a card's text without the markup that the function writes.
fn plain(text: &Value) -> String {
    let text = text.as_str().unwrap_or_default().replace("<br>", "\n");
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    named.iter().fold(text, |text, (name, character)| text.replace(name, character))
}

pub(super) fn escaped(text: &str) -> String {
    let named = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("\n", "<br>")];
    named.iter().fold(text.to_owned(), |text, (character, name)| text.replace(character, name))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message() -> Value {
        json!({"cardsV2": [{"card": {
            "header": {"title": "ALARM: plays", "subtitle": "us-east-1"},
            "sections": [
                {"widgets": [{"decoratedText": {"topLabel": "Value", "text": "3 (&gt; 0)<br>more"}}]},
                {"header": "Last errors", "widgets": [
                    {"textParagraph": {"text": "a &lt;b&gt; \u{1b}[31m"}},
                    {"buttonList": {"buttons": [
                        {"text": "Logs", "onClick": {"openLink": {"url": "https://a/?b=\"c\"&d"}}},
                    ]}},
                ]},
            ],
        }}]})
    }

    #[test]
    fn the_card_as_text() {
        assert_eq!(
            Card(&message()).to_string(),
            "  ALARM: plays\n  us-east-1\n    Value       3 (> 0)\n                more\n  Last \
             errors\n                a <b> \u{fffd}[31m\n    Logs        https://a/?b=\"c\"&d\n"
        );
    }

    #[test]
    fn markup_is_shown_as_text_in_the_page() {
        let page = cards(&[message(), message()]);
        assert_eq!(page.matches("<html").count(), 1, "{page}");
        assert_eq!(page.matches("<h1>ALARM: plays</h1>").count(), 2, "{page}");
        assert!(page.contains("<dt>Value</dt><dd>3 (&gt; 0)<br>more</dd>"), "{page}");
        assert!(page.contains("<pre>a &lt;b&gt; "), "{page}");
        assert!(page.contains("<a href=\"https://a/?b=&quot;c&quot;&amp;d\">Logs</a>"), "{page}");
        assert!(page.contains("not a screenshot of Google Chat"), "{page}");
    }
}
