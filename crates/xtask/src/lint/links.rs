//! Relative links of Markdown pages, which must lead to a file and to a heading in it.

use std::{fs, path::Path};

use super::{Problem, markdown};

/// Returns the relative links of the page at `path` that lead nowhere.
pub(super) fn dead(path: &Path, text: &str) -> Vec<Problem> {
    let links =
        markdown::prose(text).flat_map(|(index, line)| targets(line).map(move |target| (index, target)));
    let dead = links.filter(|(_, target)| !leads_somewhere(path, text, target));
    dead.map(|(index, target)| Problem::at(index, format!("dead link `{target}`"))).collect()
}

/// Returns the relative targets of `[text](target)` in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn leads_somewhere(page: &Path, text: &str, target: &str) -> bool {
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    if file.is_empty() {
        return anchor.is_some_and(|anchor| has_heading(text, anchor));
    }
    let target = page.with_file_name(file);
    match anchor {
        None => target.exists(),
        Some(anchor) => fs::read_to_string(target).is_ok_and(|text| has_heading(&text, anchor)),
    }
}

fn has_heading(text: &str, anchor: &str) -> bool {
    markdown::anchors(text).any(|(_, existing)| existing == anchor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_to_a_missing_file_or_heading_is_a_problem() {
        let page = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let text = "# Here\n[a](Cargo.toml) [b](none.md) [c](#here)\n[d](#there) [e](src/main.rs#x)";
        let problems = dead(page, text);
        let expected = [(1, "none.md"), (2, "#there"), (2, "src/main.rs#x")];
        assert_eq!(problems, expected.map(|(index, link)| Problem::at(index, format!("dead link `{link}`"))));
    }

    #[test]
    fn urls_are_not_checked() {
        assert!(dead(Path::new("page.md"), "[a](https://example.org/x#y)").is_empty());
    }
}
