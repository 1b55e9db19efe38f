//! Benchmarks and instruction counts, by `crates/passport-bench`, a separate workspace.

use std::{collections::BTreeMap, fs, process::Command};

use crate::{
    prerequisites::{self, C_COMPILER, H2LOAD, NGINX, OPENSSL, REDIS, TASKSET, VALGRIND, WRK},
    run::{Outcome, cargo, output, run},
};

pub(crate) const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-bench/Cargo.toml");
/// The target directory of the workspace, so that common dependencies are built once.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// Leaves out the peers.
const WITHOUT_PEERS: &str = "--no-default-features";

/// The profile in which instructions are counted. It optimizes the crates that a counted call
/// runs.
const COUNTS: &str = "counts";

/// The accepted counts.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-bench/instructions.tsv");

/// The largest ratio of a count to the accepted one.
const TOLERATED: f64 = 1.05;

/// The smallest ratio. A path below it has to be accepted, because it could grow back unnoticed,
/// or because it may no longer be counted.
const GAINED: f64 = 0.8;

/// Runs all benchmarks, and writes `docs/benchmarks.md`. A quick run writes the page beside its
/// figures.
pub(crate) fn run_all(arguments: &[String]) -> Outcome {
    for need in [&C_COMPILER, &VALGRIND, &WRK, &H2LOAD, &TASKSET, &OPENSSL, &REDIS, &NGINX] {
        prerequisites::bring(need)?;
    }
    let sidecar = ["--package", "passport-sidecar", "--target-dir", TARGET];
    cargo(&[&["build", "--release", "--locked"], &sidecar[..]].concat())?;
    in_benchmarks(&["build", "--release", "--workspace"], &[])?;
    run(Command::new(format!("{TARGET}/release/bench"))
        .args(arguments)
        .env("BENCH_SIDECAR", format!("{TARGET}/release/passport-sidecar")))
}

/// Lints the benchmarks with all peers, and runs their tests. The tests use the profile of the
/// instruction counts, because another profile would build all dependencies again.
pub(crate) fn lint() -> Outcome {
    prerequisites::bring(&OPENSSL)?;
    in_benchmarks(&["clippy", "--workspace"], &["--all-targets", "--", "-D", "warnings"])?;
    in_benchmarks(&["test", "--profile", COUNTS, WITHOUT_PEERS, "--lib"], &[])
}

/// Runs cargo in the workspace of the benchmarks.
fn in_benchmarks(command: &[&str], last: &[&str]) -> Outcome {
    let workspace = ["--locked", "--manifest-path", MANIFEST, "--target-dir", TARGET];
    cargo(&[command, &workspace, last].concat())
}

/// Counts the instructions of the hot paths, and compares them with the accepted counts or
/// accepts them.
pub(crate) fn instructions(accept: bool) -> Outcome {
    prerequisites::bring(&C_COMPILER)?;
    prerequisites::bring(&VALGRIND)?;
    in_benchmarks(&["build", "--profile", COUNTS, WITHOUT_PEERS, "--bin", "paths"], &[])?;
    let counted = output(&mut Command::new(format!("{TARGET}/{COUNTS}/paths")))?;
    let counts = table(&counted)?;
    let tools = tools()?;
    if accept {
        return fs::write(BASELINE, format!("# {tools}\n{counted}"))
            .map_err(|error| format!("{BASELINE} cannot be written: {error}"));
    }
    let accepted =
        fs::read_to_string(BASELINE).map_err(|error| format!("{BASELINE} cannot be read: {error}"))?;
    let (lines, changed) = compared(&table(&accepted)?, &counts);
    println!("{lines}accepted with {}\ncounted with {tools}", comment(&accepted));
    if changed.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "more than 5 % more instructions than accepted, or 20 % less: {}. If that is what it costs, accept it with \
             `cargo xtask instructions --accept` and commit the file, saying why",
            changed.join(", ")
        ))
    }
}

/// Returns the versions of the tools, on which the counts depend as well.
fn tools() -> Result<String, String> {
    let compiler = output(Command::new("rustc").arg("--version"))?;
    let counter = output(Command::new("valgrind").arg("--version"))?;
    Ok(format!("{}, {}", compiler.trim(), counter.trim()))
}

/// Returns the tools that a table was counted with, as it names them.
fn comment(table: &str) -> &str {
    table.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("tools that it does not name")
}

/// Instructions of one call, by path.
type Counts = BTreeMap<String, f64>;

fn table(text: &str) -> Result<Counts, String> {
    let line = |line: &str| {
        let (name, count) = line.split_once('\t')?;
        Some((name.to_owned(), count.parse().ok().filter(|count: &f64| count.is_finite())?))
    };
    let counts = text.lines().filter(|line| !line.starts_with('#'));
    counts.map(|text| line(text).ok_or_else(|| format!("no count of instructions: {text}"))).collect()
}

/// Returns a line for each path, and the paths that changed by too much, which include new ones.
fn compared(accepted: &Counts, counted: &Counts) -> (String, Vec<String>) {
    let (mut lines, mut changed) = (String::new(), Vec::new());
    for (name, count) in counted {
        let before = accepted.get(name).copied().unwrap_or_default();
        lines.push_str(&format!("{name}: {count} instructions a call, accepted are {before}\n"));
        if *count > before * TOLERATED || *count < before * GAINED {
            changed.push(name.clone());
        }
    }
    let lost = accepted.keys().filter(|name| !counted.contains_key(*name));
    changed.extend(lost.map(|name| format!("{name} (not counted)")));
    (lines, changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(accepted: &str, counted: &str) -> Vec<String> {
        compared(&table(accepted).unwrap(), &table(counted).unwrap()).1
    }

    #[test]
    fn five_percent_more_are_let_pass_and_six_are_not() {
        assert!(changed("warm\t1000\n", "warm\t1050\n").is_empty());
        assert_eq!(changed("warm\t1000\n", "warm\t1060\n"), ["warm"]);
    }

    #[test]
    fn what_is_gained_is_to_be_accepted_and_nothing_is_no_gain() {
        assert!(changed("warm\t1000\n", "warm\t810\n").is_empty());
        assert_eq!(changed("warm\t1000\n", "warm\t790\n"), ["warm"]);
        assert_eq!(changed("warm\t1000\n", "warm\t0\n"), ["warm"]);
    }

    #[test]
    fn a_path_that_is_new_or_gone_is_noticed() {
        assert_eq!(changed("", "warm\t10\n"), ["warm"]);
        assert_eq!(changed("warm\t10\n", ""), ["warm (not counted)"]);
    }

    #[test]
    fn a_comment_is_no_path() {
        assert!(changed("# rustc 1\nwarm\t10\n", "warm\t10\n").is_empty());
    }

    #[test]
    fn what_is_no_count_is_an_error() {
        assert!(table("warm\tNaN\n").is_err());
        assert!(table("warm 10\n").is_err());
    }
}
