//! Judges and servers that are Python's. `cargo xtask test` installs them, from `requirements.txt`, into `target/judges`.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tokio::process::Command;

/// Set to 1 where nothing may be skipped.
const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// A program of the installed ones, which asks this machine without a proxy. None if they are not there, which is said loudly.
pub(crate) fn program(name: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/judges");
    // Laid there when all of them were installed.
    let list = fs::read_to_string(folder.join("requirements.txt"));
    if list.is_ok_and(|list| list == include_str!("judges/requirements.txt")) {
        // By the interpreter: a folder that was moved has scripts that do not know it.
        let mut command = Command::new(folder.join("bin/python"));
        if name != "python" {
            command.arg(folder.join("bin").join(name));
        }
        command.env("NO_PROXY", "*").env("no_proxy", "*").kill_on_drop(true);
        return Some(command);
    }
    let never = std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1");
    assert!(!never, "{name} is not there; `cargo xtask test` installs it");
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Not by a macro: what those say in a test that passes is not shown.
    let _ = writeln!(
        io::stderr(),
        "\n!!! SKIPPED: {test}: {name} is not installed; run `cargo xtask test`, which does it (it needs python3 and the network)\n"
    );
    None
}

/// What the judge says whose script is beside this file; none if there is no Python.
pub(crate) async fn judged(script: &str, arguments: &[&str], ca: &Path) -> Option<String> {
    let mut command = program("python")?;
    command.arg(judge(script)).args(arguments).env("REQUESTS_CA_BUNDLE", ca);
    let judged = tokio::time::timeout(std::time::Duration::from_secs(60), command.output()).await;
    let judged = judged.expect("a judge takes seconds").unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    Some(String::from_utf8_lossy(&judged.stdout).trim().to_owned())
}

/// The path of a script beside this file.
pub(crate) fn judge(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vaults/judges").join(name)
}
