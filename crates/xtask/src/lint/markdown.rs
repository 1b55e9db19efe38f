//! The structure of a Markdown page: its prose (all lines except code blocks) and its headings.

/// Returns all lines except code blocks, with their indexes.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Returns the anchors of the headings, as the usual renderers make them, with the indexes of
/// their lines.
pub(super) fn anchors(text: &str) -> impl Iterator<Item = (usize, String)> {
    prose(text).filter_map(|(index, line)| Some((index, anchor(heading(line)?))))
}

/// Returns the text of a heading.
fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()
}

fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_blocks_are_no_prose() {
        let lines: Vec<_> = prose("a\n```rust\nb\n```\nc").collect();
        assert_eq!(lines, [(0, "a"), (4, "c")]);
    }

    #[test]
    fn anchor_has_no_punctuation() {
        let anchors: Vec<_> = anchors("text\n## `IdInfo`, roles & more\n#none").collect();
        assert_eq!(anchors, [(1, "idinfo-roles--more".to_owned())]);
    }
}
