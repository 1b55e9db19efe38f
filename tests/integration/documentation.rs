//! Checks that the guide names what exists: examples, metrics, log messages and tests.

use std::{collections::BTreeSet, path::Path};

use cargo_metadata::MetadataCommand;

/// Returns the names, without `ending`, of the files in a folder of the project that end in it.
fn names(folder: &str, ending: &str) -> BTreeSet<String> {
    let folder = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter_map(|name| Some(name.to_str()?.strip_suffix(ending)?.to_owned())).collect()
}

#[test]
fn every_example_is_declared_and_documented() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let package = metadata.packages.iter().find(|package| package.name == "passport-examples").unwrap();
    let declared: BTreeSet<_> = package
        .targets
        .iter()
        .filter(|target| target.is_example())
        .map(|target| target.name.clone())
        .collect();
    let mut files = names("examples", ".rs");
    files.remove("support");
    assert_eq!(declared, files);
    let page = include_str!("../../docs/getting-started.md");
    for name in files {
        assert!(page.contains(&format!("`{name}`")), "add {name} to docs/getting-started.md");
    }
}

#[test]
fn every_page_of_the_docs_is_compiled() {
    let compiled = include_str!("../src/lib.rs");
    for folder in ["docs", "docs/issuers"] {
        for page in names(folder, ".md") {
            let page = format!("{folder}/{page}.md");
            assert!(compiled.contains(&page), "add {page} to tests/src/lib.rs");
        }
    }
}

/// Returns the text of a file, whose path is relative to the root of the project.
fn read(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Adds the text of the Rust files of a folder, and of its folders, to `text`.
fn add_sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            add_sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

/// Returns the Rust sources of the crates and of their tests.
fn sources() -> String {
    let (root, mut text) = (Path::new(env!("CARGO_MANIFEST_DIR")), String::new());
    for folder in ["../crates", "."] {
        add_sources(&root.join(folder), &mut text);
    }
    text
}

/// Returns the names of metrics of a crate in a text.
fn metrics(side: &str, text: &str) -> BTreeSet<String> {
    let prefix = format!("passport_{side}_");
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    words.filter(|word| word.starts_with(&prefix)).map(str::to_owned).collect()
}

#[test]
fn documented_metrics_are_the_metrics_that_exist() {
    let pages: Vec<_> =
        names("docs", ".md").into_iter().map(|page| read(&format!("docs/{page}.md"))).collect();
    let telemetry = read("docs/telemetry.md");
    for (side, at_least) in [("outbound", 12), ("redis", 2), ("sidecar", 4), ("secrets", 3), ("inbound", 8)] {
        let emitted = metrics(side, &read(&format!("crates/passport-{side}/src/metrics.rs")));
        assert!(emitted.len() >= at_least, "{emitted:?}");
        assert_eq!(metrics(side, &telemetry), emitted);
        for page in &pages {
            let unknown: Vec<_> =
                metrics(side, page).into_iter().filter(|name| !emitted.contains(name)).collect();
            assert_eq!(unknown, [""; 0]);
        }
    }
}

/// The first column of the tables of log events is the beginning of a message.
#[test]
fn documented_log_messages_exist() {
    // A literal in several lines is one text.
    let sources: String = sources().split("\\\n").map(str::trim_start).collect();
    let page = read("docs/telemetry.md");
    let tables = page.split("| Message | Level | Fields |\n|---|---|---|\n").skip(1);
    let rows = tables.flat_map(|table| table.lines().take_while(|line| line.starts_with('|')));
    let messages: Vec<_> = rows.filter_map(|row| Some(row.split('|').nth(1)?.trim())).collect();
    assert!(messages.len() > 50, "{messages:?}");
    for message in messages {
        assert!(sources.contains(&format!("\"{message}")), "docs/telemetry.md has the message {message}");
    }
}

/// Rows of its tables are `| number | binary | test |`.
#[test]
fn tests_named_in_the_threat_model_exist() {
    let sources = sources();
    let rows = include_str!("../../docs/security.md").lines().filter(|line| line.starts_with("| "));
    let test = |row: &str| {
        let [_, _, _, test, _] = row.split('|').collect::<Vec<_>>()[..] else { return None };
        Some(test.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned())
    };
    let names: Vec<_> = rows.filter_map(test).filter(|name| name.contains('_')).collect();
    assert!(names.len() > 100, "{names:?}");
    for name in names {
        assert!(sources.contains(&format!("fn {name}(")), "docs/security.md names the test {name}");
    }
}
