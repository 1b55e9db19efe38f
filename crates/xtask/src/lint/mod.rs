//! Checks the text of the project: the width of lines, first sentences of public functions,
//! links and headings. Each check is a pure function from a file's text to its problems.

mod columns;
mod first_sentences;
mod headings;
mod links;
mod markdown;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::run::{Outcome, output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The page that the benchmarks write. Its tables are as wide as their figures need.
const GENERATED: &str = "docs/benchmarks.md";

/// A line that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    line: usize,
    text: String,
}

impl Problem {
    /// Creates a problem of the line with this index, which begins at 0.
    fn at(index: usize, text: impl Into<String>) -> Self {
        Self { line: index + 1, text: text.into() }
    }
}

/// Checks all files of the repository, and lists every problem.
pub(crate) fn run() -> Outcome {
    let mut found = Vec::new();
    for path in files()? {
        let text = fs::read_to_string(Path::new(ROOT).join(&path))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let problems = problems(&path, &text);
        found.extend(
            problems.iter().map(|problem| format!("{}:{}: {}", path.display(), problem.line, problem.text)),
        );
    }
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Returns the Rust and Markdown files that git knows, relative to the root.
fn files() -> Result<Vec<PathBuf>, String> {
    let listed = output(Command::new("git").args(["-C", ROOT, "ls-files", "*.rs", "*.md"]))?;
    Ok(listed.lines().map(PathBuf::from).filter(|path| Path::new(ROOT).join(path).exists()).collect())
}

fn problems(path: &Path, text: &str) -> Vec<Problem> {
    if path.extension().is_some_and(|extension| extension == "md") {
        let mut problems = columns::of_markdown(text, path != Path::new(GENERATED));
        problems.extend(headings::repeated(text));
        problems.extend(links::dead(&Path::new(ROOT).join(path), text));
        problems
    } else {
        let mut problems = columns::of_comments(text);
        if is_library(path) {
            problems.extend(first_sentences::check(text));
        }
        problems
    }
}

/// Returns whether the public functions of a file are a user's API.
fn is_library(path: &Path) -> bool {
    let path = path.to_string_lossy();
    path.starts_with("crates/passport-") && path.contains("/src/") && !path.contains("passport-bench")
}
