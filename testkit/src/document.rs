//! The examples in documents.

/// The code blocks of a Markdown document in a language, such as `json`.
#[must_use]
pub fn code_blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let blocks = document.split("\n```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_by_their_language() {
        let document = "a\n```json\n{}\n```\n`b`\n```sh\nls\n```\n\n```json\n[1,\n2]\n```\n";
        assert_eq!(code_blocks(document, "json"), ["{}", "[1,\n2]"]);
        assert_eq!(code_blocks(document, "sh"), ["ls"]);
        assert_eq!(code_blocks(document, "js"), [""; 0]);
    }
}
