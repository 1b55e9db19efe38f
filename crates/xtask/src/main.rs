//! `cargo xtask`: what this project does to itself. `test` is for everybody, `ci` is what a commit must pass.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]

mod bench;
mod fuzz;
mod judges;
mod mutants;
mod prerequisites;
mod run;

use std::{fs, process::ExitCode};

use crate::run::{Outcome, cargo, cargo_with};

/// How long each target is fuzzed for a commit: long enough to see that it runs and that the seeds hold.
const FUZZ_SECONDS_IN_CI: u32 = 10;

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

/// The libraries, each of which must build on its own: features of the others must not be what holds it together.
const LIBRARIES: [&str; 8] = [
    "passport-core",
    "passport-outbound",
    "passport-config",
    "passport-redis",
    "passport-secrets",
    "passport-inbound",
    "passport-dev",
    "passport-sidecar",
];

/// Features of `passport-secrets`, each of which must build without the others.
const VAULTS: [&str; 3] = ["aws-secrets-manager", "azure-key-vault", "hashicorp-vault"];

/// A machine behind a proxy that does not answer, without root certificates. Nothing here leaves the machine, so
/// nothing here may mind.
const UNFRIENDLY: [(&str, &str); 4] = [
    ("HTTP_PROXY", "http://127.0.0.1:9"),
    ("http_proxy", "http://127.0.0.1:9"),
    ("SSL_CERT_FILE", "/nonexistent"),
    ("SSL_CERT_DIR", "/nonexistent"),
];

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
        ["ci"] => ci(),
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
    judges::bring()?;
    cargo(&["test", "--workspace", "--all-features"])
}

fn ci() -> Outcome {
    prerequisites::bring(&prerequisites::C_COMPILER)?;
    cargo(&["fmt", "--all", "--check"])?;
    for manifest in [fuzz::MANIFEST, bench::MANIFEST] {
        cargo(&["fmt", "--manifest-path", manifest, "--check"])?;
    }
    // Locked, so that what is tested is what was committed; the commands after it find the same lock file.
    cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    for library in LIBRARIES {
        cargo(&["clippy", "--package", library, "--no-default-features", "--", "-D", "warnings"])?;
    }
    for vault in VAULTS {
        cargo(&["clippy", "--package", "passport-secrets", "--features", vault, "--", "-D", "warnings"])?;
    }
    // As the README says it, word for word.
    cargo_with(&[(judges::NEVER_SKIP, "1")], &["xtask", "test"])?;
    cargo_with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--all-features", "--no-deps"])?;
    for example in examples()? {
        cargo_with(&UNFRIENDLY, &["run", "--quiet", "--example", &example])?;
    }
    if cfg!(target_os = "linux") {
        bench::lint()?;
        bench::instructions(false)?;
    } else {
        println!("\nskipped: the benchmarks and their baseline of instructions are Linux's");
    }
    fuzz::run(FUZZ_SECONDS_IN_CI)?;
    deny()
}

/// Every example there is, by the name of its file.
fn examples() -> Result<Vec<String>, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let entries = fs::read_dir(folder).map_err(|error| format!("the examples cannot be listed: {error}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut examples: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "support")
        .collect();
    examples.sort();
    Ok(examples)
}

/// Licences, sources and versions of the dependencies. The tool is large and seldom installed, so it is not brought.
fn deny() -> Outcome {
    if run::answers("cargo", &["deny", "--version"]) {
        cargo(&["deny", "--config", ".deny.toml", "check", "bans", "licenses", "sources"])
    } else {
        println!("\nskipped: cargo-deny is not installed (cargo install cargo-deny)");
        Ok(())
    }
}
