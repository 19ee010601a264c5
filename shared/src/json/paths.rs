//! Finds the values at a few paths of a valid JSON text, such as a document that was just written,
//! in one pass that reads no more than necessary and ends with the last value.
//! [`Scanner::value`](super::Scanner::value), which validates, takes more than twice as long.

use super::strings::{specials, word_at};
use super::{Kind, Span, Text, Word, meaning};

/// A value at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its kind: a text, a number or a boolean; otherwise [`Kind::Null`].
    pub(crate) kind: Kind,
    /// Its position; for a text that of the content.
    pub(crate) span: Span,
}

impl Found {
    pub(crate) const NOTHING: Self = Self { kind: Kind::Null, span: Span { start: 0, end: 0 } };
}

/// Paths into objects, as a tree of their segments.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    root: Node,
}

/// The paths and names at one position.
#[derive(Debug, Default)]
struct Node {
    /// The number of the path that ends here.
    path: Option<usize>,
    members: Vec<(Word, Node)>,
    /// Number of paths that end here or further inside.
    wanted: usize,
}

impl Paths {
    /// Adds a path, whose value is found under `number`. Each path may be added once.
    pub(crate) fn add<'a>(&mut self, segments: impl IntoIterator<Item = &'a str>, number: usize) {
        let mut node = &mut self.root;
        node.wanted += 1;
        for segment in segments {
            let known = node.members.iter().position(|(name, _)| name.text() == segment);
            let index = known.unwrap_or_else(|| {
                node.members.push((Word::new(segment.to_owned()), Node::default()));
                node.members.len() - 1
            });
            node = &mut node.members[index].1;
            node.wanted += 1;
        }
        node.path = Some(number);
    }

    /// Finds the values in `text`, starting at `start` with its brace or with a member, and stores
    /// them in `found` by number. `spare` is a buffer.
    pub(crate) fn find(&self, text: &[u8], start: usize, found: &mut [Found], spare: &mut Vec<u8>) {
        let mut search = Search { text, found, wanted: self.root.wanted, spare };
        if search.wanted > 0 {
            // It ends early if everything is found.
            let _end = search.members(&self.root, start);
        }
    }
}

/// One pass over a text. Its functions return the end of what they skip, and `None` if nothing more
/// is wanted or the text ends.
struct Search<'a> {
    text: &'a [u8],
    found: &'a mut [Found],
    /// Number of paths that may still lead to a value.
    wanted: usize,
    spare: &'a mut Vec<u8>,
}

impl Search<'_> {
    /// Scans the members of an object, starting at one of them or at what precedes it.
    fn members(&mut self, node: &Node, mut at: usize) -> Option<usize> {
        let mut wanted_here = node.wanted - usize::from(node.path.is_some());
        loop {
            match self.text.get(at)? {
                b'"' => {}
                b'}' => {
                    self.give_up(wanted_here)?;
                    return Some(at + 1);
                }
                // This is between members, or a number or literal that is not looked for.
                _ => {
                    at += 1;
                    continue;
                }
            }
            let key = string(self.text, at + 1)?;
            at = key.span.end + 1;
            while matches!(self.text.get(at)?, b':' | b' ' | b'\t' | b'\n' | b'\r') {
                at += 1;
            }
            let Some(member) = node.member(self.text, key, self.spare) else {
                at = self.skip_value(at)?;
                continue;
            };
            at = self.value(member, at)?;
            wanted_here = wanted_here.saturating_sub(member.wanted);
            if wanted_here == 0 {
                return self.skip_to_end(at);
            }
        }
    }

    /// Scans a value that is looked for, or that contains one.
    fn value(&mut self, node: &Node, start: usize) -> Option<usize> {
        let mut found = Found::NOTHING;
        let end = match self.text.get(start)? {
            b'"' => {
                let span = string(self.text, start + 1)?.span;
                found = Found { kind: Kind::String, span };
                span.end + 1
            }
            b'{' if !node.members.is_empty() => {
                let end = self.members(node, start + 1)?;
                self.give_up(usize::from(node.path.is_some()))?;
                return Some(end);
            }
            b'{' | b'[' => self.skip_to_end(start + 1)?,
            first => {
                let ends = |byte: &u8| matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
                let end = start + self.text[start..].iter().position(ends)?;
                let kind = match first {
                    b't' | b'f' => Kind::Bool,
                    b'n' => Kind::Null,
                    _ => Kind::Number,
                };
                found = Found { kind, span: Span { start, end } };
                end
            }
        };
        if let Some(path) = node.path {
            self.found[path] = found;
        }
        self.give_up(node.wanted)?;
        Some(end)
    }

    /// Notes that this number of paths can no longer lead to a value.
    fn give_up(&mut self, paths: usize) -> Option<()> {
        self.wanted = self.wanted.saturating_sub(paths);
        (self.wanted > 0).then_some(())
    }

    /// Skips a string, an array or an object; stops before anything else.
    fn skip_value(&self, at: usize) -> Option<usize> {
        match self.text.get(at)? {
            b'"' => Some(string(self.text, at + 1)?.span.end + 1),
            b'{' | b'[' => self.skip_to_end(at + 1),
            _ => Some(at),
        }
    }

    /// Skips the rest of an array or object.
    fn skip_to_end(&self, mut at: usize) -> Option<usize> {
        let mut levels = 1;
        loop {
            match self.text.get(at)? {
                b'"' => at = string(self.text, at + 1)?.span.end,
                b'{' | b'[' => levels += 1,
                b'}' | b']' => levels -= 1,
                _ => {}
            }
            at += 1;
            if levels == 0 {
                return Some(at);
            }
        }
    }
}

impl Node {
    /// The member with this key. `spare` is a buffer.
    #[inline]
    fn member(&self, text: &[u8], key: Text, spare: &mut Vec<u8>) -> Option<&Self> {
        let mut name = key.span.of(text);
        if key.escaped {
            name = meaning(name, spare);
        }
        let head = Word::head(name);
        self.members.iter().find(|(known, _)| known.is(head, name)).map(|(_, node)| node)
    }
}

/// The string whose content begins at `start`.
#[inline]
fn string(text: &[u8], start: usize) -> Option<Text> {
    let (mut at, mut escaped) = (start, false);
    loop {
        let Some(word) = word_at(text, at) else {
            return last_string(text, start);
        };
        let found = specials(word);
        if found == 0 {
            at += 8;
            continue;
        }
        at += (found.trailing_zeros() / 8) as usize;
        if text[at] == b'"' {
            return Some(Text { span: Span { start, end: at }, escaped });
        }
        escaped = true;
        at += 2;
    }
}

/// As [`string`], near the end of the text.
#[cold]
fn last_string(text: &[u8], start: usize) -> Option<Text> {
    let (mut at, mut escaped) = (start, false);
    loop {
        match text.get(at)? {
            b'"' => return Some(Text { span: Span { start, end: at }, escaped }),
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests;
