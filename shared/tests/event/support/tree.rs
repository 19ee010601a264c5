//! JSON as a tree that keeps each string, number and literal as it was written: a second
//! reading of the grammar, as plain as possible, to hold the fast one against.

use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// A string, number or literal, as written.
    Leaf(String),
    Array(Vec<Tree>),
    /// Unescaped keys, in order.
    Object(Vec<(String, Tree)>),
}

/// What to do with a key that an object already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicates {
    LastWins,
    Refused,
}

impl Tree {
    /// The value that `text` is, white space around it included; `None` where it is no JSON.
    pub(crate) fn parse(text: &str, duplicates: Duplicates) -> Option<Self> {
        let mut parser = Parser { rest: text, duplicates };
        let tree = parser.value()?;
        parser.white_space();
        parser.rest.is_empty().then_some(tree)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.members()?.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(crate) fn members(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// Bytes in the longest dotted path, if there is a key at all.
    pub(crate) fn longest_path(&self) -> Option<usize> {
        match self {
            Self::Leaf(_) => None,
            Self::Array(values) => values.iter().filter_map(Self::longest_path).max(),
            Self::Object(members) => members
                .iter()
                .map(|(key, value)| key.len() + value.longest_path().map_or(0, |inside| 1 + inside))
                .max(),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaf(text) => out.write_str(text),
            Self::Array(values) => {
                let values: Vec<_> = values.iter().map(ToString::to_string).collect();
                write!(out, "[{}]", values.join(","))
            }
            Self::Object(members) => {
                let member =
                    |(key, value): &(String, Self)| format!("{}:{value}", serde_json::json!(key));
                let members: Vec<_> = members.iter().map(member).collect();
                write!(out, "{{{}}}", members.join(","))
            }
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    duplicates: Duplicates,
}

impl Parser<'_> {
    fn white_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// Whether `wanted` comes next, after white space; it is passed.
    fn next(&mut self, wanted: char) -> bool {
        self.white_space();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Tree> {
        self.white_space();
        match self.rest.chars().next()? {
            '{' => self.object(),
            '[' => self.array(),
            '"' => self.string().map(Tree::Leaf),
            _ => self.word().map(Tree::Leaf),
        }
    }

    fn object(&mut self) -> Option<Tree> {
        let mut members: Vec<(String, Tree)> = Vec::new();
        self.next('{');
        if self.next('}') {
            return Some(Tree::Object(members));
        }
        loop {
            self.white_space();
            let key: String = serde_json::from_str(&self.string()?).ok()?;
            if !self.next(':') {
                return None;
            }
            let value = self.value()?;
            let count = members.len();
            members.retain(|(known, _)| *known != key);
            if members.len() < count && self.duplicates == Duplicates::Refused {
                return None;
            }
            members.push((key, value));
            if self.next('}') {
                return Some(Tree::Object(members));
            }
            if !self.next(',') {
                return None;
            }
        }
    }

    fn array(&mut self) -> Option<Tree> {
        let mut values = Vec::new();
        self.next('[');
        if self.next(']') {
            return Some(Tree::Array(values));
        }
        loop {
            values.push(self.value()?);
            if self.next(']') {
                return Some(Tree::Array(values));
            }
            if !self.next(',') {
                return None;
            }
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<String> {
        let content = self.rest.strip_prefix('"')?;
        let mut escaped = false;
        let end = content.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        })?;
        let (string, rest) = self.rest.split_at(end + 2);
        serde_json::from_str::<String>(string).ok()?;
        self.rest = rest;
        Some(string.to_owned())
    }

    /// A number or literal.
    fn word(&mut self) -> Option<String> {
        let end = self
            .rest
            .find([' ', '\t', '\r', '\n', ',', ']', '}', ':', '"'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (matches!(word, "true" | "false" | "null") || is_number(word)).then(|| word.to_owned())
    }
}

fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (word, None),
    };
    let (integer, fraction) = match mantissa.split_once('.') {
        Some((integer, fraction)) => (integer, Some(fraction)),
        None => (mantissa, None),
    };
    digits(integer)
        && (integer == "0" || !integer.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
