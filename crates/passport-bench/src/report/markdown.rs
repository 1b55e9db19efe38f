//! The page for people.

use std::fmt::Write;

use super::{Chart, Section, Table, machine};

const HEAD: &str = "# Benchmarks

Written by `cargo xtask bench`; change the program, not this page. Run it yourself: it installs what it needs on Debian,
builds every contender in one program, and measures for some ten minutes (`--quick`: about two).

What counts is a ratio of two figures of the same run. Absolute times are those of one machine on one day.

* All contenders of a table take turns, many times, in one process; a figure is the median over the rounds, and a difference
  or a ratio is the median of what each round says of the two. Times per call are processor time of the calling thread.
* Every contender is used as its own documentation has it, in the fastest way that it recommends, and has to make the same
  checks: signature, issuer, audience, expiry. Where one cannot, or does more, the text says so.
* The token is a Passport token of a managed identity: RS256 with 2048 bits. jsonwebtoken, which many of the others are built
  on, gets its faster backend (aws-lc-rs), also where a crate would bring the slower one.
* Each figure is a line of JSON in `target/bench/figures.jsonl`.
";

/// All of it.
pub fn page(sections: &[Section], peers: &[&str]) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| | |\n|---|---|\n");
    for (name, value) in machine::described() {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    let _ = writeln!(page, "| Measured | {} |", machine::versions(peers).join(", "));
    for section in sections {
        let _ =
            write!(page, "\n## {}\n\n{}\n\n{}", section.title, section.words.trim(), table(&section.table));
        for chart in &section.charts {
            let (Chart::Bars { file, title, .. } | Chart::Growth { file, title, .. }) = chart;
            let _ = write!(page, "\n![{title}](benchmarks/{file}.svg)\n");
        }
    }
    page
}

pub fn table(table: &Table) -> String {
    let mut text = String::new();
    let line = |text: &mut String, cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(&mut text, &table.columns.iter().map(|&column| column.to_owned()).collect::<Vec<_>>());
    let rules: Vec<_> =
        (0..table.columns.len()).map(|column| if column == 0 { "---" } else { "---:" }.to_owned()).collect();
    line(&mut text, &rules);
    for row in &table.rows {
        line(&mut text, row);
    }
    text
}
