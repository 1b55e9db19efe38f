//! Clients and servers in Python. `cargo xtask test` installs them from `requirements.txt` into
//! `target/third-party-clients`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use passport_test_support::skip::skip_without;
use tokio::process::Command;

/// Returns a command for an installed program, without a proxy. If the program is missing,
/// reports that the test is skipped and returns `None`.
pub(crate) fn program(name: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party-clients");
    // This file is written after all of them are installed.
    let list = fs::read_to_string(folder.join("requirements.txt"));
    if list.is_ok_and(|list| list == include_str!("third_party_clients/requirements.txt")) {
        // Run by the interpreter, because the scripts of a folder that was moved contain its old
        // path.
        let mut command = Command::new(folder.join("bin/python"));
        if name != "python" {
            command.arg(folder.join("bin").join(name));
        }
        command.env("NO_PROXY", "*").env("no_proxy", "*").kill_on_drop(true);
        return Some(command);
    }
    skip_without(name);
    None
}

/// Runs a script of `third_party_clients` and returns its output, or `None` if Python is not
/// installed.
pub(crate) async fn run(script: &str, arguments: &[&str], ca: &Path) -> Option<String> {
    let mut command = program("python")?;
    command.arg(self::script(script)).args(arguments).env("REQUESTS_CA_BUNDLE", ca);
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), command.output()).await;
    let output = output.expect("a script takes seconds").unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the path of a script of `third_party_clients`.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vaults/third_party_clients").join(name)
}
