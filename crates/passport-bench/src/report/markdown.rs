//! Writes the page of the benchmarks.

use std::fmt::Write;

use super::{Chart, Section, Table, environment, targets};

/// The width of the prose.
const COLUMNS: usize = 100;

const HEAD: &str = "\
# Benchmarks

This page shows what the layers cost per call, compared with other crates (\"peers\") and with a
floor: the least code that does the same job safely. It is written by `cargo xtask bench`; change
the generator, not this page. The command installs what it needs on Debian, builds all contenders
into one program, and measures for about fifteen minutes. With `--quick` it takes about five, and
writes the page to `target/bench/docs`.

Compare ratios of figures of the same run. Absolute times are those of one machine on one day.

* In tables of nanoseconds, all contenders take turns, many times, in one process. A figure is the
  median over the rounds. A difference between two contenders is the median of their differences in
  each round, and a ratio is a ratio of two such figures. Times per call are processor time of the
  calling thread. The tables of outages, floods and fleets show one run each.
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

/// The reasons why some targets are not met.
const WHY: &str = "\
The targets were set before the code was written. Reasons for those that are not met:

* **100 x faster than the fastest peer on axum.** Most of the remaining time is axum's own cost of a
  layer. Around a bare service, which the peers do not support, the factor would exceed 100.
* **New token, token cache on.** Caching the verified token costs more than the allowed tenth. With
  the cache off, the target is met.
* **1.25 x faster than the fastest peer with a new token.** The reason is the same cost of caching.
  With the cache off, the target is nearly met; both spend most of the time on the same RSA
  verification.
* **Malformed token below 1,000 ns.** This is the only absolute target. A faster processor meets it,
  a slower one does not.
* **Outbound.** The layer reads the clock and the token in a way that is safe during a refresh and
  when the clock is set back, checks the destination, remembers which token was sent, and checks the
  response. In a profile, the clock, the token and the record of the sent token take between a tenth
  and a fifth each; passing request, response and future through one more service takes about a
  third. middle returns a header and omits most of these steps.
* **Sidecar at 0.7 x nginx.** In a profile, half of the time is spent in the kernel, for the sockets
  on both sides, an eighth on allocating, freeing and copying memory, and the rest in hyper and in
  the sidecar. A bare proxy of hyper's server and client, which is not part of this project, reached
  nearly 0.9 x in requests per second. Unlike that nginx, the sidecar authenticates the caller,
  counts the request, and attaches a token that it keeps fresh. Its ratio is better in requests per
  second than in processor time, because the core of the load generator is saturated before that of
  nginx. The target therefore compares processor time.

The p99 end to end is measured on a shared machine, and varies around the target from run to run.
The result for two threads is inconclusive where the two processors share one core: compare it with
the speedup of the bare service. Some peers are better in a column below because they do less: a few
ns less in a wait of zero, a better speedup of two threads that both verify a signature, or a
malformed token that is rejected without a challenge.";

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
    let targets = table(&targets::table(&figures));
    let _ = write!(page, "\n## Targets and results\n\n{WHY}\n\n{targets}");
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
