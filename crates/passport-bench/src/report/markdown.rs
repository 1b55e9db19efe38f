//! Writes the page of the benchmarks.

use std::fmt::Write;

use super::{Chart, Figure, Section, Table, environment, leads, targets};

/// The width of the prose.
const COLUMNS: usize = 100;

const HEAD: &str = "\
# Benchmarks

This page shows what the layers cost per call, compared with other crates (\"peers\") and with a
floor: the least code that does the same job safely. It is written by `cargo xtask bench`; change
the generator, not this page. The command installs what it needs on Debian, builds all contenders
into one program, and measures for about fifteen minutes. With `--quick` it takes about six, and
writes the page to `target/bench/docs`.

Compare ratios of figures of the same run. Absolute times are those of one machine on one day.

* In tables of nanoseconds, all contenders take turns, many times, in one process. A figure is the
  median over the rounds. A difference between two contenders is the median of their differences in
  each round, and a ratio is a ratio of two such figures. Times per call are processor time of the
  calling thread. The tables of outages, floods and fleets show one run each.
* In tables of requests per second, the servers take turns as well: each gets the load once in every
  round. A figure is the median of at least five rounds, and a ratio the median of the ratios in
  each round. The middle half of the rounds follows in brackets, because single runs differ by a
  tenth.
* Every contender is used as its documentation recommends, in its fastest configuration, and must
  check signature, issuer, audience and expiry. Not all of them do: axum-keycloak-auth does not
  check the issuer; axum-jose and jwt-authorizer accept a token without an issuer or an audience;
  cf-gears-toolkit-auth accepts every RSA algorithm; huskarl-axum checks more, like
  passport-inbound.
* The token is a Passport token of a managed identity: RS256 with a key of 2048 bits. jsonwebtoken,
  which many peers use, is given its faster backend (aws-lc-rs), also for crates that would select
  the slower one.
* Each figure is also a line of JSON in `target/bench/figures.jsonl`.
";

const TARGETS: &str = "\
Most targets were set before the code was written. These were changed later:

* **Outbound: at most 2.2 x a static header, and at most the time of the fastest peer.** It was
  1.5 x a static header. But a static header does less than this layer has to do: it does not check
  the destination of a request, overwrites a header that is already there, keeps no token fresh, and
  does not look at the response. The factor leaves room for that. The fastest peer is the better
  comparison, because it keeps a token fresh as well.
* **Floor prototype and sidecar.** The marks were 1.5 x the floor prototype, and 0.7 x nginx.
* **New marks.** Instructions, allocations and two threads of the outbound side, the malformed token
  on axum, the p99 of the sidecar, and the columns in which a peer is ahead.";

const EXPLANATIONS: &str = "Targets that are not met in this run, with the reason:";

const LEADS: &str = "\
## Peers that are ahead

The columns below in which a peer is ahead of this project, except by less than 5 % (less than a
millisecond for waits at a refresh, and ten for the start of a fleet), by which runs differ. Counts
are compared exactly. In the tables, † marks what does less or something else. nginx is no peer: it
authenticates no caller.";

/// Returns the page with all sections.
pub fn page(sections: &[Section], peers: &[&str], is_quick: bool) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| | |\n|---|---|\n");
    for (name, value) in environment::described() {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    let _ = writeln!(page, "| Run | {} |", if is_quick { "quick" } else { "full" });
    let _ = writeln!(page, "| Versions | {} |", environment::versions(peers).join(", "));
    let figures: Vec<_> = sections.iter().flat_map(|section| section.figures.clone()).collect();
    page.push_str(&results(&figures));
    for section in sections {
        let words = wrapped(&section.words);
        let _ = write!(page, "\n## {}\n\n{words}\n\n{}", section.title, table(&section.table));
        for chart in &section.charts {
            let (Chart::Bars { file, title, .. } | Chart::Growth { file, title, .. }) = chart;
            let _ = write!(page, "\n![{title}](benchmarks/{file}.svg)\n");
        }
    }
    page
}

/// Returns the targets, the explanations of missed ones, and the peers that are ahead.
fn results(figures: &[Figure]) -> String {
    let outcomes = targets::outcomes(figures);
    let mut text = format!("\n## Targets and results\n\n{TARGETS}\n\n{}", table(&targets::table(&outcomes)));
    let explanations = targets::explanations(&outcomes);
    if !explanations.is_empty() {
        let _ = write!(text, "\n{EXPLANATIONS}\n\n{}\n", wrapped(&explanations));
    }
    let leads = leads::of(figures);
    let _ = write!(text, "\n{LEADS}\n\n{}", table(&leads::table(&leads)));
    text
}

/// Wraps each line of `text` at [`COLUMNS`], and indents the further lines of a list item.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.trim().lines() {
        let indent = if line.starts_with("* ") { "  " } else { "" };
        let mut width = 0;
        for word in line.split_whitespace() {
            let word_width = word.chars().count();
            if width > 0 && width + 1 + word_width > COLUMNS {
                wrapped.push('\n');
                wrapped.push_str(indent);
                width = indent.len();
            } else if width > 0 {
                wrapped.push(' ');
                width += 1;
            }
            wrapped.push_str(word);
            width += word_width;
        }
        wrapped.push('\n');
    }
    wrapped.trim_end().to_owned()
}

/// Returns a table in Markdown.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_at_100_columns() {
        let text = format!("{} end\n\n* item {}", "word ".repeat(20).trim(), "more ".repeat(20).trim());
        let lines = ["word "; 20].concat();
        let item = format!("* item {}\n  more more", ["more "; 18].concat().trim());
        assert_eq!(wrapped(&text), format!("{}\nend\n\n{item}", lines.trim()));
    }
}
