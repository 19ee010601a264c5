//! Answers in XML.

/// An element around content that is XML.
pub(super) fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// An element with a text.
pub(super) fn text(name: &str, text: &str) -> String {
    element(name, &text.replace('&', "&amp;").replace('<', "&lt;"))
}

/// An element with a text, if there is one.
pub(super) fn optional(name: &str, value: Option<&str>) -> String {
    value.map(|value| text(name, value)).unwrap_or_default()
}

/// Tags, each in an element `item` with elements `key` and `value`.
pub(super) fn tags(tags: &super::Tags, [item, key, value]: [&str; 3]) -> String {
    tags.iter().map(|(name, tag)| element(item, &(text(key, name) + &text(value, tag)))).collect()
}
