//! `cargo xtask`: what this project does to itself. `test` is for everybody, `ci` is what a commit must pass.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]

mod prerequisites;
mod run;

use std::process::ExitCode;

use crate::run::{Outcome, cargo, cargo_with};

const USAGE: &str = "usage: cargo xtask <task>

  test   bring what the tests need, then run all of them, doctests included
  ci     everything a commit must pass: formatting, lints, each library alone, tests, docs, all examples";

/// The libraries, each of which must build on its own: features of the others must not be what holds it together.
const LIBRARIES: [&str; 4] = ["passport-core", "passport-outbound", "passport-inbound", "passport-dev"];

const EXAMPLES: [&str; 6] =
    ["quickstart", "axum_api", "service_accounts_only", "reqwest_client", "hyper_client", "tonic_both_sides"];

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some("test") => test(),
        Some("ci") => ci(),
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
    prerequisites::bring()?;
    cargo(&["test", "--workspace", "--all-features"])
}

fn ci() -> Outcome {
    prerequisites::bring()?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    for library in LIBRARIES {
        cargo(&["clippy", "--package", library, "--", "-D", "warnings"])?;
    }
    // As the README says it, word for word.
    cargo(&["xtask", "test"])?;
    cargo_with(("RUSTDOCFLAGS", "-D warnings"), &["doc", "--workspace", "--all-features", "--no-deps"])?;
    for example in EXAMPLES {
        cargo(&["run", "--quiet", "--example", example])?;
    }
    deny()
}

/// Licences, sources and versions of the dependencies. The tool is large and seldom installed, so it is not brought.
fn deny() -> Outcome {
    if run::answers("cargo", &["deny", "--version"]) {
        cargo(&["deny", "--config", ".deny.toml", "check", "bans", "licenses", "sources"])
    } else {
        println!("skipped: cargo-deny is not installed (cargo install cargo-deny)");
        Ok(())
    }
}
