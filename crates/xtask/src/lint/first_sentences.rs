//! The first sentences of public functions. They begin with a verb in the third person, such as
//! `Returns`, or with an article.

use super::Problem;

const ARTICLES: [&str; 3] = ["A", "An", "The"];

/// Returns the documented public functions with another beginning.
pub(super) fn check(text: &str) -> Vec<Problem> {
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    let functions = (0..lines.len()).filter(|index| is_public_function(lines[*index]));
    let documented = functions.filter_map(|index| Some((index, first_line(&lines[..index])?)));
    let wrong = documented.filter(|(_, line)| !begins_well(line));
    wrong
        .map(|(index, line)| Problem::at(index, format!("begin with a verb or an article: {line}")))
        .collect()
}

fn is_public_function(line: &str) -> bool {
    let Some(mut rest) = line.strip_prefix("pub ") else { return false };
    while let Some(next) = ["const ", "async ", "unsafe "].iter().find_map(|word| rest.strip_prefix(word)) {
        rest = next;
    }
    rest.starts_with("fn ")
}

/// Returns the first line of the doc comment above an item, if there is one.
fn first_line<'a>(above: &[&'a str]) -> Option<&'a str> {
    let is_attribute =
        |line: &&&str| !line.starts_with("///") && !line.is_empty() && !line.ends_with(['}', ';', '{']);
    let comment = above.iter().rev().skip_while(is_attribute).take_while(|line| line.starts_with("///"));
    comment.last().map(|line| line.trim_start_matches("///").trim_start())
}

fn begins_well(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    let is_verb = word.ends_with('s') && !word.ends_with("ss");
    let is_word = word.starts_with(|first: char| first.is_ascii_uppercase());
    is_word && (is_verb || ARTICLES.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_articles_begin_a_sentence() {
        for line in ["Returns the keys.", "A layer that verifies tokens.", "The keys."] {
            assert!(
                check(&format!("/// {line}\n/// More.\n#[must_use]\npub fn keys() {{")).is_empty(),
                "{line}"
            );
        }
    }

    #[test]
    fn other_beginnings_are_a_problem() {
        for line in ["What there is.", "None.", "For how long.", "`x` is set.", "Pass keys.", "returns keys"]
        {
            let text = format!("    /// {line}\n    pub const fn keys() {{");
            assert_eq!(check(&text), [Problem::at(1, format!("begin with a verb or an article: {line}"))]);
        }
    }

    #[test]
    fn other_items_and_private_functions_are_not_checked() {
        assert!(
            check("/// What it is.\npub struct Keys;\n/// When.\nfn keys() {\n}\n\npub fn none() {")
                .is_empty()
        );
    }
}
