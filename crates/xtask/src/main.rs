//! The tasks of this project: `cargo xtask <task>`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]

mod bench;
mod ci;
mod fuzz;
mod lint;
mod mutants;
mod prerequisites;
mod run;
mod stopwatch;
mod third_party_clients;

use std::process::ExitCode;

use crate::run::{Outcome, both, cargo};

const USAGE: &str = "usage: cargo xtask <task>

  test             install what the tests need, and run all of them, doctests included
  lint             check the text of the project: lines of at most 100 columns, first sentences of
                   public functions, relative links, unique headings
  fuzz [seconds]   fuzz each target of the inbound side for this time; 60 seconds by default
  mutants [...]    change code that makes decisions, and check that a unit test fails; --shard k/n
                   runs a part (k from 0), -- <part of a path>... only these files
  bench [...]      measure all crates and peers, and write docs/benchmarks.md; --quick measures for
                   a shorter time and writes the page beside the figures, --only <part> no file
  instructions     count the instructions of hot paths: at most 5 % above the accepted ones;
                   --accept accepts the counted ones
  ci               run everything that a commit must pass";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test(),
        ["lint"] => lint::run(),
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
