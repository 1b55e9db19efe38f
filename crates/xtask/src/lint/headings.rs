//! Headings that are unique in their page, so that each has a unique anchor.

use std::collections::HashSet;

use super::{Problem, markdown};

/// Returns the headings with the anchor of an earlier one.
pub(super) fn repeated(text: &str) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let repeated = markdown::anchors(text).filter(|(_, anchor)| !seen.insert(anchor.clone()));
    repeated.map(|(index, anchor)| Problem::at(index, format!("repeated heading `#{anchor}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_heading_of_a_name_is_a_problem() {
        let page = "# Keys\n## Rotation\n## Keys";
        assert_eq!(repeated(page), [Problem::at(2, "repeated heading `#keys`")]);
    }
}
