//! Writes JSON as differently as producers do.

use std::fmt::Display;

/// How a producer's JSON library writes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    /// A space after `:` and `,`.
    pub(super) spaced: bool,
    /// Everything outside ASCII as `\u` escapes.
    pub(super) ascii: bool,
    /// `/` as `\/`.
    pub(super) escaped_slashes: bool,
}

/// One JSON object under construction: members stay in the order in which they were added.
#[derive(Debug)]
pub(super) struct Object {
    text: String,
    style: Style,
}

impl Object {
    pub(super) fn new(style: Style) -> Self {
        Self { text: String::from("{"), style }
    }

    /// A member whose value is a text.
    pub(super) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.quoted(value);
        self
    }

    /// A member whose value is JSON as it stands: a number, `true`, `null`.
    pub(super) fn value(mut self, name: &str, json: impl Display) -> Self {
        self.name(name);
        self.push(&json.to_string());
        self
    }

    /// A member whose value is a list of texts.
    pub(super) fn texts<'a>(
        mut self,
        name: &str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.name(name);
        self.push("[");
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.comma();
            }
            self.quoted(value);
        }
        self.push("]");
        self
    }

    /// A member whose value is an object.
    pub(super) fn object(mut self, name: &str, members: impl FnOnce(Self) -> Self) -> Self {
        self.name(name);
        let inner = members(Self::new(self.style)).finish();
        self.push(&inner);
        self
    }

    pub(super) fn finish(mut self) -> String {
        self.push("}");
        self.text
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn comma(&mut self) {
        self.push(if self.style.spaced { ", " } else { "," });
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.comma();
        }
        self.quoted(name);
        self.push(if self.style.spaced { ": " } else { ":" });
    }

    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        for character in value.chars() {
            match character {
                '"' => self.push("\\\""),
                '\\' => self.push("\\\\"),
                '\n' => self.push("\\n"),
                '\t' => self.push("\\t"),
                '/' if self.style.escaped_slashes => self.push("\\/"),
                control if control < ' ' => self.escaped(control),
                other if self.style.ascii && !other.is_ascii() => self.escaped(other),
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }

    /// UTF-16 units as `\uXXXX`: two for an emoji.
    fn escaped(&mut self, character: char) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            self.push(&format!("\\u{unit:04x}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Object, Style};

    #[test]
    fn members_in_order_with_escapes() {
        let object = Object::new(Style::default())
            .text("name", "a\"b\\c\n\u{1}/é🌊")
            .value("n", 1.5)
            .object("o", |o| o.texts("list", ["x", "y"]))
            .object("empty", |o| o);
        assert_eq!(
            object.finish(),
            r#"{"name":"a\"b\\c\n\u0001/é🌊","n":1.5,"o":{"list":["x","y"]},"empty":{}}"#
        );
    }

    #[test]
    fn styles() {
        let style = Style { spaced: true, ascii: true, escaped_slashes: true };
        let object = Object::new(style).text("a", "é/🌊").texts("b", ["c", "d"]);
        assert_eq!(object.finish(), r#"{"a": "\u00e9\/\ud83c\udf0a", "b": ["c", "d"]}"#);
    }
}
