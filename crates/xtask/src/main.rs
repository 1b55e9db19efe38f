//! `cargo xtask`: what this project does to itself. `test` is for everybody, `ci` is what a commit must pass.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]

mod bench;
mod ci;
mod fuzz;
mod mutants;
mod prerequisites;
mod run;
mod stopwatch;
mod third_party_clients;

use std::process::ExitCode;

use crate::run::{Outcome, both, cargo};

const USAGE: &str = "usage: cargo xtask <task>

  test             bring what the tests need, then run all of them, doctests included
  fuzz [seconds]   fuzz each target of the inbound side for so long, 60 by default
  mutants [...]    change the code that decides, and see that a unit test notices; --shard k/n runs a part of it (k from 0),
                   -- <part of a path>... only those files
  bench [...]      measure against everybody, and write docs/benchmarks.md; --quick looks less long and leaves the page beside
                   its figures, --only <part> writes no file
  instructions     count the instructions of the hot paths: no more than 5 % above what was accepted; --accept accepts them
  ci               everything a commit must pass: formatting, lints, each library alone, tests, docs, all examples,
                   the benchmarks' lints and tests, the count of instructions, a short run of each fuzz target";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test(),
        ["fuzz"] => fuzz::run(60),
        ["fuzz", seconds] => seconds.parse().map_err(|_| USAGE.to_owned()).and_then(fuzz::run),
        ["mutants", options @ ..] => mutants::run(options),
        ["bench", ..] => bench::run_all(&arguments[1..]),
        ["instructions"] => bench::instructions(false),
        ["instructions", "--accept"] => bench::instructions(true),
        ["ci"] => ci::run_steps(),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Outcome {
    prerequisites::bring(&prerequisites::C_COMPILER)?;
    prerequisites::bring(&prerequisites::CURL)?;
    prerequisites::bring(&prerequisites::REDIS)?;
    prerequisites::bring(&prerequisites::NGINX)?;
    // Downloads wait for the network, while the compiler has the processors.
    both(third_party_clients::bring, || cargo(&["test", "--workspace", "--all-features", "--no-run"]))?;
    cargo(&["test", "--workspace", "--all-features"])
}
