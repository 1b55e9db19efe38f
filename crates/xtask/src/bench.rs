//! The benchmark house: `crates/passport-bench`, which is no member of the workspace.

use std::{collections::BTreeMap, fs, process::Command};

use crate::{
    prerequisites::{self, C_COMPILER, H2LOAD, NGINX, OPENSSL, REDIS, TASKSET, VALGRIND, WRK},
    run::{Outcome, cargo, output, run},
};

pub(crate) const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-bench/Cargo.toml");
/// Of the workspace, so that what both depend on is built once.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// Builds only what this project owns.
const WITHOUT_PEERS: &str = "--no-default-features";

/// The profile that instructions are counted in: it optimizes what a counted call runs.
const COUNTS: &str = "counts";

/// What was accepted the last time.
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-bench/instructions.tsv");

/// By how much a path may grow unnoticed.
const TOLERATED: f64 = 1.05;

/// A path that shrinks by more is to be accepted too, or it could grow back; and perhaps it is not
/// counted any more.
const GAINED: f64 = 0.8;

/// Measures everything, and writes `docs/benchmarks.md`, or beside the figures if it does not look
/// for long.
pub(crate) fn run_all(arguments: &[String]) -> Outcome {
    for need in [&C_COMPILER, &VALGRIND, &WRK, &H2LOAD, &TASKSET, &OPENSSL, &REDIS, &NGINX] {
        prerequisites::bring(need)?;
    }
    let sidecar = ["--package", "passport-sidecar", "--target-dir", TARGET];
    cargo(&[&["build", "--release", "--locked"], &sidecar[..]].concat())?;
    in_benchmarks(&["build", "--release"], &[])?;
    run(Command::new(format!("{TARGET}/release/bench"))
        .args(arguments)
        .env("BENCH_SIDECAR", format!("{TARGET}/release/passport-sidecar")))
}

/// Checks that the code for the peers still compiles, which only a run of the benchmarks builds,
/// and runs the tests of the benchmarks themselves. Those are in the profile of the counts of
/// instructions: a second profile would build all dependencies again.
pub(crate) fn lint() -> Outcome {
    prerequisites::bring(&OPENSSL)?;
    in_benchmarks(&["clippy"], &["--all-targets", "--", "-D", "warnings"])?;
    in_benchmarks(&["test", "--profile", COUNTS, WITHOUT_PEERS, "--lib"], &[])
}

/// Runs cargo in the benchmarks, which are a workspace of their own.
fn in_benchmarks(command: &[&str], last: &[&str]) -> Outcome {
    let workspace = ["--locked", "--manifest-path", MANIFEST, "--target-dir", TARGET];
    cargo(&[command, &workspace, last].concat())
}

/// Counts the instructions of the paths that are watched and holds them against what was accepted;
/// or accepts them.
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

/// What else decides how many instructions there are.
fn tools() -> Result<String, String> {
    let compiler = output(Command::new("rustc").arg("--version"))?;
    let counter = output(Command::new("valgrind").arg("--version"))?;
    Ok(format!("{}, {}", compiler.trim(), counter.trim()))
}

/// What a table says of the tools that it was counted with.
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

/// A line for each path, and those that have changed by too much. A path that is new is one that
/// has.
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
