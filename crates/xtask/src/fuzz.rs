//! The fuzz targets of the inbound side, by cargo-fuzz on the stable toolchain: without a sanitizer, which would need another
//! one. There is no unsafe code of ours for it to watch.

use std::fs;

use crate::{
    prerequisites::{self, CPP_COMPILER},
    run::{Outcome, answers, cargo},
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-inbound/fuzz");
pub(crate) const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../passport-inbound/fuzz/Cargo.toml");

/// Of the workspace, so that build scripts and macros of what both depend on are built once.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

/// The one that was tried.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// Fuzzes each target for that long. What it finds is kept in `artifacts`, what it learns in `corpus`; the seeds stay.
pub(crate) fn run(seconds: u32) -> Outcome {
    prerequisites::bring(&CPP_COMPILER)?;
    if !answers("cargo", &["fuzz", "--version"]) {
        // It only starts other programs: without optimization it builds in half the time.
        cargo(&["install", CARGO_FUZZ, "--locked", "--debug"])?;
    }
    for target in targets()? {
        let (corpus, seeds) = (format!("{FOLDER}/corpus/{target}"), format!("{FOLDER}/seeds/{target}"));
        fs::create_dir_all(&corpus).map_err(|error| format!("{corpus} cannot be made: {error}"))?;
        let time = format!("-max_total_time={seconds}");
        let fuzz = ["fuzz", "run", "--fuzz-dir", FOLDER, "--target-dir", TARGET, "--sanitizer", "none"];
        cargo(&[&fuzz[..], &[&target, &corpus, &seeds, "--", &time, "-verbosity=0"]].concat())?;
    }
    Ok(())
}

/// By their files.
fn targets() -> Result<Vec<String>, String> {
    let folder = format!("{FOLDER}/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{folder} cannot be listed: {error}"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut targets: Vec<_> = names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    targets.sort();
    Ok(targets)
}
