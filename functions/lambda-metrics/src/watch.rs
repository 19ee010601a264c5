//! Selects the watched functions by name, by tag, or both.

use std::collections::{BTreeMap, BTreeSet};

/// Maximum length of a function's name (source: AWS Lambda API reference, `CreateFunction`).
const MAX_NAME_CHARACTERS: usize = 64;
/// Maximum lengths of a tag, in characters (source: AWS Lambda Developer Guide, "Using tags on Lambda
/// functions").
const MAX_TAG_KEY_CHARACTERS: usize = 128;
const MAX_TAG_VALUE_CHARACTERS: usize = 256;

/// Selects the watched functions: those with one of the names, or with the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// `FUNCTION_NAMES`
    pub names: Vec<Pattern>,
    /// `WATCH_TAG`
    pub tag: Option<Tag>,
}

/// A function's name, or the beginning of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    start: String,
    is_open: bool,
}

/// A tag of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value, which may be empty.
    pub value: String,
}

/// The settings of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its timeout, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Its memory, in MB.
    pub memory_mb: Option<u32>,
}

impl Pattern {
    /// Parses a name, or with `*` at the end the beginning of names. The name of a replica of
    /// Lambda@Edge begins with the region of its function: `us-east-1.redirector`. `None` if it
    /// cannot be a function's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (start, is_open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let (region, name) = start.split_once('.').unwrap_or(("us-east-1", start));
        let is_word =
            |text: &str| text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it));
        let well_formed = name.len() <= MAX_NAME_CHARACTERS
            && [region, name].into_iter().all(is_word)
            && !region.is_empty()
            && (is_open || !name.is_empty());
        well_formed.then(|| Self { start: start.to_owned(), is_open })
    }

    fn matches(&self, name: &str) -> bool {
        if self.is_open { name.starts_with(&self.start) } else { name == self.start }
    }
}

impl Tag {
    /// Parses `key=value`; the value follows the first `=`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (key, value) = text.split_once('=')?;
        let well_formed = (1..=MAX_TAG_KEY_CHARACTERS).contains(&key.chars().count())
            && value.chars().count() <= MAX_TAG_VALUE_CHARACTERS;
        well_formed.then(|| Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// Whether this is the name of a replica of Lambda@Edge, under which CloudWatch has metrics in the
/// regions where the replica runs. Lambda has no function with this name there.
///
/// Source: Amazon `CloudFront` Developer Guide, "Edge function metrics".
pub(crate) fn is_replica(name: &str) -> bool {
    name.contains('.')
}

impl Watch {
    /// The replicas of Lambda@Edge that are watched by their full names.
    pub fn named_replicas(&self) -> impl Iterator<Item = String> {
        let named = self.names.iter().filter(|name| !name.is_open && is_replica(&name.start));
        named.map(|name| name.start.clone())
    }

    /// Whether replicas of Lambda@Edge are watched by the beginning of their names.
    #[must_use]
    pub fn has_open_replicas(&self) -> bool {
        self.names.iter().any(|name| name.is_open && is_replica(&name.start))
    }

    /// The watched functions of an account, and the names that match no function.
    #[must_use]
    pub fn select(
        &self,
        functions: Vec<(String, Settings)>,
        tagged: &BTreeSet<String>,
    ) -> (BTreeMap<String, Settings>, Vec<String>) {
        let mut found = vec![false; self.names.len()];
        let mut is_named = |name: &str| {
            let mut is_named = false;
            for (pattern, found) in self.names.iter().zip(&mut found) {
                let matches = pattern.matches(name);
                *found |= matches;
                is_named |= matches;
            }
            is_named
        };
        let watched = functions
            .into_iter()
            // Not lazily: a function with the tag also counts as found by its name.
            .filter(|(name, _)| is_named(name) | tagged.contains(name))
            .collect();
        let missing = self.names.iter().zip(found).filter(|(_, found)| !found);
        (watched, missing.map(|(pattern, _)| pattern.to_string()).collect())
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}{}", self.start, if self.is_open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(names: &[&str], tagged: &[&str]) -> (Vec<String>, Vec<String>) {
        let functions = ["plays", "plays-2", "skips", "likes"];
        let functions = functions.map(|name| (name.to_owned(), Settings::default())).to_vec();
        let names = names.iter().map(|name| Pattern::parse(name).unwrap()).collect();
        let tagged = tagged.iter().map(|&name| name.to_owned()).collect();
        let (watched, missing) = Watch { names, tag: None }.select(functions, &tagged);
        (watched.into_keys().collect(), missing)
    }

    #[test]
    fn a_name_is_a_whole_name_unless_a_star_ends_it() {
        assert_eq!(select(&["plays"], &[]).0, ["plays"]);
        assert_eq!(select(&["plays*"], &[]).0, ["plays", "plays-2"]);
        assert_eq!(select(&["*"], &[]).0, ["likes", "plays", "plays-2", "skips"]);
    }

    #[test]
    fn a_name_or_the_tag_is_enough() {
        assert_eq!(select(&["plays", "pl*"], &["plays", "likes"]).0, ["likes", "plays", "plays-2"]);
        assert_eq!(select(&[], &["likes"]).0, ["likes"]);
    }

    #[test]
    fn names_without_a_function_are_returned() {
        let (watched, missing) = select(&["plays", "gone", "go*"], &["plays", "deleted"]);
        assert_eq!(
            (watched, missing),
            (vec!["plays".to_owned()], vec!["gone".to_owned(), "go*".to_owned()])
        );
    }

    #[test]
    fn only_valid_names_are_accepted() {
        let (longest, too_long) = ("a".repeat(64), "a".repeat(65));
        for text in [
            "plays",
            "Plays_2-b",
            "*",
            "plays*",
            "us-east-1.redirector",
            "us-east-1.*",
            "us-east-1.re*",
            &longest,
            &format!("us-east-1.{longest}"),
        ] {
            assert_eq!(Pattern::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "*plays", "pl*ys", "**", "a b", "é", "a:b", ".a", "a.", "a.b.c", ".*", &too_long]
        {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_tag_has_a_key() {
        let tag =
            |key: &str, value: &str| Some(Tag { key: key.to_owned(), value: value.to_owned() });
        assert_eq!(Tag::parse("team=music"), tag("team", "music"));
        assert_eq!(Tag::parse("team=a=b"), tag("team", "a=b"));
        assert_eq!(Tag::parse("team="), tag("team", ""));
        for text in [
            "team",
            "",
            "=music",
            &format!("{}=a", "k".repeat(129)),
            &format!("k={}", "v".repeat(257)),
        ] {
            assert_eq!(Tag::parse(text), None, "{text}");
        }
    }
}
