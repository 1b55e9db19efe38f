//! The machine and the versions of a measurement.

use std::{fs, process::Command};

/// Returns the rows of the table of the environment.
pub fn described() -> Vec<(&'static str, String)> {
    vec![
        ("Processor", format!("{}, {} cores available", processor(), cores())),
        ("Memory", memory()),
        ("Kernel", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()),
        ("Compiler", output_of("rustc", &["--version"])),
        ("Commit", commit()),
    ]
}

/// Returns the measured versions of these crates, from the lock file.
pub fn versions(names: &[&str]) -> Vec<String> {
    let lock = include_str!("../../Cargo.lock");
    let packages = lock.split("[[package]]").filter_map(|package| {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_matches(['"', ' ', '=']).to_owned())
        };
        Some((value("name = ")?, value("version = ")?))
    });
    let wanted = packages.filter(|(name, _)| names.contains(&name.as_str()));
    wanted.map(|(name, version)| format!("{name} {version}")).collect()
}

fn processor() -> String {
    let all = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |key: &str| {
        let line = all.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let part = |key: &str| line(key).unwrap_or_else(|| "?".to_owned());
    format!("{} (family {}, model {})", part("model name"), part("cpu family"), part("model\t"))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

fn memory() -> String {
    let all = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = all
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map_or_else(|| "?".to_owned(), |kib| format!("{:.0} GiB", kib / 1024.0 / 1024.0))
}

fn commit() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let commit = output_of("git", &["-C", root, "rev-parse", "--short=12", "HEAD"]);
    let changes = output_of("git", &["-C", root, "status", "--porcelain", "--", "crates", "Cargo.toml"]);
    if changes.is_empty() { commit } else { format!("{commit}, with changes") }
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
