//! The width of prose, of comments and of Markdown.

use super::{Problem, markdown};

const MAX: usize = 100;

/// Checks the lines of a page except code blocks; tables only if `tables` is true.
pub(super) fn of_markdown(text: &str, tables: bool) -> Vec<Problem> {
    too_long(markdown::prose(text).filter(|(_, line)| tables || !line.starts_with('|')))
}

/// Checks lines that consist of a comment. The formatter checks code.
pub(super) fn of_comments(text: &str) -> Vec<Problem> {
    too_long(text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("//")))
}

fn too_long<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Problem> {
    let long = lines.filter(|(_, line)| line.chars().count() > MAX && !has_url(line));
    long.map(|(index, _)| Problem::at(index, format!("longer than {MAX} columns"))).collect()
}

/// Returns whether a line has a URL, which cannot be broken.
fn has_url(line: &str) -> bool {
    line.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_of_101_columns_is_a_problem() {
        let (fits, long) = ("é".repeat(100), "é".repeat(101));
        assert_eq!(
            of_markdown(&format!("{fits}\n{long}"), true),
            [Problem::at(1, "longer than 100 columns")]
        );
        assert_eq!(of_comments(&format!("    // {long}")).len(), 1);
    }

    #[test]
    fn tables_are_checked_on_request() {
        let row = format!("| {} |", "x".repeat(100));
        assert_eq!((of_markdown(&row, true).len(), of_markdown(&row, false).len()), (1, 0));
    }

    #[test]
    fn code_and_urls_may_be_longer() {
        let long = "x".repeat(101);
        assert!(of_markdown(&format!("```\n{long}\n```\nhttps://{long}"), true).is_empty());
        assert!(of_comments(&format!("let text = \"{long}\";\n/// https://{long}")).is_empty());
    }
}
