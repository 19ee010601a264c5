//! Code that all notices of this function share.

use shared::mask::mask;
use shared::notice::Fact;

/// The name of this function in its notices.
pub(crate) const SOURCE: &str = "warehouse-watch";

/// Maximum length of SQL, in characters.
const MAX_SQL: usize = 1_000;

/// The beginning of a statement without secrets, including those that the cut would separate from
/// their names.
pub(crate) fn beginning(sql: &str) -> String {
    mask(sql, &[]).chars().take(MAX_SQL).collect()
}

/// The facts that are known.
pub(crate) fn facts<const N: usize>(facts: [(&str, Option<String>); N]) -> Vec<Fact> {
    let known = facts.into_iter().filter_map(|(label, value)| Some((label, value?)));
    known.map(|(label, value)| Fact::new(label, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_masked_and_then_cut() {
        let sql = format!("SELECT '{}' PASSWORD 'hush-hush-1'", "가".repeat(979));
        let shown = beginning(&sql);
        assert_eq!(shown.chars().count(), 1_000);
        assert!(!shown.contains("hus"), "{shown}");
    }
}
