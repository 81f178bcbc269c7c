//! The tables in `docs/performance.md`: each stands between two markers and is replaced whole.

use std::fs;
use std::path::Path;

use crate::Failure;

/// The file, relative to the root of the checkout.
const FILE: &str = "docs/performance.md";

/// Replaces what stands between `<!-- bench {section} -->` and `<!-- end of bench {section} -->`
/// by `markdown`. Both markers must be there: where a table stands is the writer's choice.
pub(crate) fn replace(root: &Path, section: &str, markdown: &str) -> Result<(), Failure> {
    let path = root.join(FILE);
    let text =
        fs::read_to_string(&path).map_err(|error| format!("`{FILE}` cannot be read: {error}"))?;
    let replaced = replaced(&text, section, markdown)?;
    fs::write(&path, replaced).map_err(|error| format!("`{FILE}` cannot be written: {error}"))
}

fn replaced(text: &str, section: &str, markdown: &str) -> Result<String, Failure> {
    let (begin, end) =
        (format!("<!-- bench {section} -->"), format!("<!-- end of bench {section} -->"));
    let around = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let Some((before, after)) = around else {
        return Err(format!("`{FILE}` lacks `{begin}` or, after it, `{end}`"));
    };
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", markdown.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_its_surroundings_stay() {
        let text = "a\n<!-- bench x -->\nold\n<!-- end of bench x -->\nb\n<!-- bench y -->\n";
        let new = replaced(text, "x", "new\n").unwrap();
        let expected =
            "a\n<!-- bench x -->\n\nnew\n\n<!-- end of bench x -->\nb\n<!-- bench y -->\n";
        assert_eq!(new, expected);
        assert_eq!(replaced(&new, "x", "new").unwrap(), expected);
    }

    #[test]
    fn a_missing_marker_is_said() {
        assert!(replaced("", "x", "new").unwrap_err().contains("<!-- bench x -->"));
        assert!(replaced("<!-- bench x -->", "x", "new").is_err());
        let reversed = "<!-- end of bench x --><!-- bench x -->";
        assert!(replaced(reversed, "x", "new").is_err());
    }
}
