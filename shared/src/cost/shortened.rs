//! Shortens notices whose most important lines come first.

use crate::notice::Notice;

/// Maximum size of the JSON of a notice, in bytes, minus a reserve for what is added when it is
/// published.
const MAX_BYTES: usize = 32_000 - 200;
/// Maximum length of a label, in characters.
const MAX_LABEL: usize = 200;
/// Maximum length of a value, in characters.
const MAX_VALUE: usize = 800;

/// Cuts labels, values and the last lines of a notice. `left_out` is the number of lines that were
/// already left out. The last line states how many lines are left out.
#[must_use]
pub fn shortened(mut notice: Notice, mut left_out: usize) -> Notice {
    for fact in &mut notice.facts {
        fact.label = cut(&fact.label, MAX_LABEL);
        fact.value = cut(&fact.value, MAX_VALUE);
    }
    // Masked, as for publishing: a mask may be longer than the text that it replaces.
    let mut notice = notice.masked(&[]);
    let size = |notice: &Notice| serde_json::to_string(notice).map_or(0, |json| json.len());
    let note = |left_out: usize| match left_out {
        1 => "… and 1 more".to_owned(),
        more => format!("… and {more} more"),
    };
    let reserve = note(usize::MAX).len() + 3;
    while size(&notice) + reserve > MAX_BYTES && notice.lines.pop().is_some() {
        left_out += 1;
    }
    if left_out > 0 {
        notice.lines.push(note(left_out));
    }
    notice
}

/// The first characters of a text.
fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some(_) => text.chars().take(characters - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::notice::{Fact, State};

    use super::*;

    fn notice(lines: Vec<String>) -> Notice {
        Notice {
            source: "idle-resources".to_owned(),
            kind: "idle-resources".to_owned(),
            state: State::Info,
            title: "12 idle resources".to_owned(),
            thread: "idle-resources/123456789012".to_owned(),
            at: "2026-11-28T00:00:00Z".to_owned(),
            since: None,
            text: None,
            facts: vec![Fact::new("é".repeat(201), "é".repeat(801)), Fact::new("In all", "12")],
            lines,
            links: Vec::new(),
        }
    }

    #[test]
    fn the_last_lines_are_cut_and_counted() {
        let lines: Vec<_> = (0..400).map(|at| format!("{at} \"{}", "é".repeat(50))).collect();
        let short = shortened(notice(lines.clone()), 7);
        let (last, kept) = short.lines.split_last().unwrap();
        assert_eq!(kept, &lines[..kept.len()]);
        assert_eq!(*last, format!("… and {} more", 407 - kept.len()));
        let size = serde_json::to_string(&short).unwrap().len();
        assert!((MAX_BYTES - 300..=MAX_BYTES).contains(&size), "{size}");
    }

    #[test]
    fn what_fits_stays() {
        let lines = vec!["one".to_owned()];
        assert_eq!(shortened(notice(lines.clone()), 0).lines, lines);
        assert_eq!(shortened(notice(lines), 1).lines, ["one", "… and 1 more"]);
    }

    #[test]
    fn labels_and_values_have_an_end() {
        let short = shortened(notice(Vec::new()), 0);
        assert_eq!(short.facts[0].label, format!("{}…", "é".repeat(199)));
        assert_eq!(short.facts[0].value, format!("{}…", "é".repeat(799)));
        assert_eq!(short.facts[1], Fact::new("In all", "12"));
    }
}
