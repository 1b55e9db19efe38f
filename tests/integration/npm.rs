//! Programs from npm. `cargo xtask test` installs their packages below `target/npm`.

use std::{fs, path::Path};

use passport_test_support::skip::skip_without;
use tokio::process::Command;

/// Returns a command that runs a script of `target/npm/<name>`. If the packages of `lock_file` are
/// not installed there, reports that the test is skipped and returns `None`.
pub(crate) fn script(name: &str, lock_file: &str, script: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm").join(name);
    // This file is written after all packages are installed.
    let installed = fs::read_to_string(folder.join("installed.json"));
    if installed.is_ok_and(|installed| installed == lock_file) {
        let mut node = Command::new("node");
        node.arg(folder.join(script)).kill_on_drop(true);
        return Some(node);
    }
    skip_without(&format!("target/npm/{name}"));
    None
}
