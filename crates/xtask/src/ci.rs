//! The steps that a commit must pass. A run ends with a table of the time of each step.

use std::{env, fmt::Write as _, fs, process::Command};

use crate::{
    bench, fuzz, lint,
    prerequisites::{self, C_COMPILER, CPP_COMPILER},
    run::{Outcome, answers, both, cargo, cargo_with, run},
    stopwatch::{Elapsed, Stopwatch},
    third_party_clients,
};

/// The time for each fuzz target: enough to check that it runs and accepts its seeds.
const FUZZ_SECONDS: u32 = 10;

/// The libraries. Each must build alone, without features that others enable.
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

/// The manifest with the features of the vault clients.
const SECRETS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-secrets/Cargo.toml");

/// A proxy that does not answer, and no root certificates: the examples must not depend on
/// either, because they use loopback only.
const UNFRIENDLY: [(&str, &str); 4] = [
    ("HTTP_PROXY", "http://127.0.0.1:9"),
    ("http_proxy", "http://127.0.0.1:9"),
    ("SSL_CERT_FILE", "/nonexistent"),
    ("SSL_CERT_DIR", "/nonexistent"),
];

type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 11] = [
    ("format", format),
    ("text", lint::run),
    ("lints", lints),
    ("each library alone", libraries_alone),
    ("tests", tests),
    ("documentation", documentation),
    ("examples", examples),
    ("lints and tests of the benchmarks", benchmarks),
    ("instruction counts", instructions),
    ("fuzzing", fuzzing),
    ("dependencies", dependencies),
];

/// Runs the steps until one fails, and prints how long each took.
pub(crate) fn run_steps() -> Outcome {
    prerequisites::bring(&C_COMPILER)?;
    let mut times = Vec::new();
    let outcome = STEPS.iter().try_for_each(|(name, step)| {
        let stopwatch = Stopwatch::start();
        let outcome = step();
        times.push((*name, stopwatch.elapsed()));
        outcome
    });
    println!("\n{}", table(&times));
    outcome
}

fn table(times: &[(&str, Elapsed)]) -> String {
    let mut table = format!("{:36}{:>10}{:>16}\n", "step", "seconds", "processor time");
    for (name, elapsed) in times {
        let _ = writeln!(table, "{name:36}{:>10.0}{:>16.0}", elapsed.wall, elapsed.processor);
    }
    let total = times.iter().fold((0.0, 0.0), |sum, (_, one)| (sum.0 + one.wall, sum.1 + one.processor));
    let _ = writeln!(table, "{:36}{:>10.0}{:>16.0}", "total", total.0, total.1);
    table
}

fn format() -> Outcome {
    cargo(&["fmt", "--all", "--check"])?;
    for manifest in [fuzz::MANIFEST, bench::MANIFEST] {
        cargo(&["fmt", "--manifest-path", manifest, "--check"])?;
    }
    Ok(())
}

/// Lints the workspace, with the lock file of the commit, which later commands use as well.
fn lints() -> Outcome {
    cargo(&["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

/// Lints each library and each vault client alone, and checks the examples with default
/// features.
fn libraries_alone() -> Outcome {
    for library in LIBRARIES {
        cargo(&["clippy", "--package", library, "--no-default-features", "--", "-D", "warnings"])?;
    }
    let manifest = fs::read_to_string(SECRETS).map_err(|error| format!("cannot read {SECRETS}: {error}"))?;
    for vault in vaults(&manifest) {
        cargo(&["clippy", "--package", "passport-secrets", "--features", vault, "--", "-D", "warnings"])?;
    }
    cargo(&["check", "--examples"])
}

/// Returns the features that enable `_client`: the vault clients.
fn vaults(manifest: &str) -> impl Iterator<Item = &str> {
    let features = manifest.lines().filter_map(|line| line.split_once(" = "));
    features.filter(|(_, enabled)| enabled.contains("\"_client\"")).map(|(name, _)| name)
}

/// Runs the tests with the command of the README. They leave half of the processor time, in
/// which the fuzz targets are built.
fn tests() -> Outcome {
    prerequisites::bring(&CPP_COMPILER)?;
    both(fuzz::build_in_background, || {
        cargo_with(&[(third_party_clients::NEVER_SKIP, "1")], &["xtask", "test"])
    })
}

fn documentation() -> Outcome {
    cargo_with(&[("RUSTDOCFLAGS", "-D warnings")], &["doc", "--workspace", "--all-features", "--no-deps"])
}

/// Builds and runs the examples. All programs of a profile are in one folder, as this program
/// is.
fn examples() -> Outcome {
    cargo(&["build", "--workspace", "--all-features", "--all-targets"])?;
    let this = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    for example in names_of_examples()? {
        run(Command::new(this.with_file_name("examples").join(example)).envs(UNFRIENDLY))?;
    }
    Ok(())
}

fn names_of_examples() -> Result<Vec<String>, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot list {folder}: {error}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut examples: Vec<_> = names
        .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "support")
        .collect();
    examples.sort();
    Ok(examples)
}

fn benchmarks() -> Outcome {
    on_linux(bench::lint)
}

fn instructions() -> Outcome {
    on_linux(|| bench::instructions(false))
}

fn on_linux(step: impl FnOnce() -> Outcome) -> Outcome {
    if cfg!(target_os = "linux") {
        return step();
    }
    println!("\nskipped: the benchmarks run on Linux only");
    Ok(())
}

fn fuzzing() -> Outcome {
    fuzz::run(FUZZ_SECONDS)
}

/// Checks licences, sources and versions. cargo-deny takes minutes to build, so it is not
/// installed here.
fn dependencies() -> Outcome {
    if answers("cargo", &["deny", "--version"]) {
        cargo(&["deny", "--config", ".deny.toml", "check", "bans", "licenses", "sources"])
    } else {
        println!("\nskipped: cargo-deny is not installed (cargo install cargo-deny)");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vaults_are_the_features_with_a_client() {
        let manifest = "[features]\naws = [\"_client\", \"dep:a\"]\n_client = [\"dep:http\"]\nother = []\n";
        assert_eq!(vaults(manifest).collect::<Vec<_>>(), ["aws"]);
        assert_eq!(vaults(&fs::read_to_string(SECRETS).unwrap()).count(), 3);
    }
}
