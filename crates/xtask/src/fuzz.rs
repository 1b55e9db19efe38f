//! Builds and runs the fuzz targets of the inbound side with cargo-fuzz on the stable toolchain.
//! A sanitizer would need a nightly toolchain, and the project has no unsafe code for it to
//! check.

use std::{fs, thread};

use crate::{
    prerequisites::{self, CPP_COMPILER},
    run::{Outcome, answers, cargo, cargo_in_background, processors},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-inbound/fuzz");
pub(crate) const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-inbound/fuzz/Cargo.toml");

/// The target directory of the workspace, so that common build scripts and macros are built
/// once.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// The version that was tried.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

const OPTIONS: [&str; 6] = ["--fuzz-dir", FOLDER, "--target-dir", TARGET, "--sanitizer", "none"];

/// Fuzzes each target for this time, one per processor at a time. Findings are kept
/// in `artifacts`, and new inputs in `corpus`; the seeds stay.
pub(crate) fn run(seconds: u32) -> Outcome {
    prerequisites::bring(&CPP_COMPILER)?;
    build(cargo)?;
    for targets in targets()?.chunks(processors()) {
        let runs = thread::scope(|scope| {
            let runs: Vec<_> = targets.iter().map(|target| scope.spawn(|| fuzz(target, seconds))).collect();
            runs.into_iter().map(|run| run.join().expect("it does not panic")).collect::<Vec<_>>()
        });
        runs.into_iter().collect::<Outcome>()?;
    }
    Ok(())
}

/// Builds all targets in the background.
pub(crate) fn build_in_background() -> Outcome {
    build(cargo_in_background)
}

fn build(cargo: fn(&[&str]) -> Outcome) -> Outcome {
    if !answers("cargo", &["fuzz", "--version"]) {
        // It only starts other programs: without optimization it builds in half the time.
        cargo(&["install", CARGO_FUZZ, "--locked", "--debug"])?;
    }
    cargo(&[&["fuzz", "build"], &OPTIONS[..]].concat())
}

fn fuzz(target: &str, seconds: u32) -> Outcome {
    let (corpus, seeds) = (format!("{FOLDER}/corpus/{target}"), format!("{FOLDER}/seeds/{target}"));
    fs::create_dir_all(&corpus).map_err(|error| format!("{corpus} cannot be made: {error}"))?;
    let time = format!("-max_total_time={seconds}");
    let last = [target, &corpus, &seeds, "--", &time, "-verbosity=0"];
    cargo(&[&["fuzz", "run"], &OPTIONS[..], &last].concat())
}

/// Returns the names of the targets.
fn targets() -> Result<Vec<String>, String> {
    let folder = format!("{FOLDER}/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{folder} cannot be listed: {error}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut targets: Vec<_> = names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    targets.sort();
    Ok(targets)
}
