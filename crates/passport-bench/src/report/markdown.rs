//! The page for people.

use std::fmt::Write;

use super::{Chart, Section, Table, environment, targets};

const HEAD: &str = "# Benchmarks

Written by `cargo xtask bench`; change the program, not this page. Run it yourself: it installs what it needs on Debian,
builds every contender in one program, and measures for some fifteen minutes (`--quick`: about five, and
its page goes to `target/bench/docs`).

What counts is a ratio of two figures of the same run. Absolute times are those of one machine on one day.

* All contenders of a table of nanoseconds take turns, many times, in one process; a figure is the median over the rounds, and
  what one takes above another is the median of the differences in each round. A ratio is one of two such figures. Times per
  call are processor time of the calling thread. The tables of behaviour and of stress show one run each.
* Every contender is used as its own documentation has it, in the fastest way that it recommends, and has to check signature,
  issuer, audience and expiry. They do not all do so: axum-keycloak-auth does not check the issuer; axum-jose and
  jwt-authorizer let a token pass that names no issuer or no audience; cf-gears-toolkit-auth takes any algorithm of RSA;
  huskarl-axum, like ours, checks more.
* The token is a Passport token of a managed identity: RS256 with 2048 bits. jsonwebtoken, which many of the others are built
  on, gets its faster backend (aws-lc-rs), also where a crate would bring the slower one.
* Each figure is a line of JSON in `target/bench/figures.jsonl`.
";

/// Why some of it did not.
const WHY: &str = "\
The project set itself these marks before anything was built. Those that are not met, and why:

* A hundred times less than the best peer on axum: axum's own way around a layer is most of what is left there. Around a bare
  service, where peers cannot be put, it would be more than a hundred.
* A new token that is remembered: remembering it costs more than the tenth that was allowed. Without it, it is met.
* A quarter faster than the fastest peer with a new token: that, too, is what remembering costs. Without it, it is nearly met;
  both spend most of the time on the same RSA verification.
* A malformed token in less than 1,000 ns: the one mark without a ratio, which a faster processor meets and a slower one does
  not.
* Outbound: the layer looks at the time and at the token in a way that is safe beside a refresh and beside a clock that is set
  back, checks the destination, keeps in mind which token went out, and looks at the answer. By a profile, the time, the token
  and what is kept in mind take between a tenth and a fifth each, and that request, response and future pass through one
  more service about a third. middle hands a header over, and does without most of it.
* The sidecar at seven tenths of nginx: by a profile half of the time is the kernel's, for the sockets on both sides, an eighth is
  memory that is taken, given back and copied, and the rest is hyper's and ours. A bare proxy of hyper's server and client, which
  is no part of this house, was near nine tenths in requests a second. Unlike that nginx the sidecar judges who asks, counts,
  and puts a token on that it keeps fresh. By requests a second it looks better than by processor time, because the load's core
  is full before nginx's is; so the time is what counts here.

The p99 end to end is that of a shared machine, and changes from run to run, around the mark. Two threads are undecided where
the machine gives two of them no more than one: look at what the bare service gains. Where a peer is better in some column of
the tables below, it is not by doing the same: a few ns less in a wait of none, a scaling of two threads that each verify a
signature, a malformed token that is refused without a challenge.";

/// All of it.
pub fn page(sections: &[Section], peers: &[&str], is_quick: bool) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n| | |\n|---|---|\n");
    for (name, value) in environment::described() {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    let _ = writeln!(page, "| Run | {} |", if is_quick { "quick" } else { "full" });
    let _ = writeln!(page, "| Measured | {} |", environment::versions(peers).join(", "));
    let figures: Vec<_> = sections.iter().flat_map(|section| section.figures.clone()).collect();
    let targets = table(&targets::table(&figures));
    let _ = write!(page, "\n## What was asked, and what came out\n\n{WHY}\n\n{targets}");
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
