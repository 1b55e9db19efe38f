//! Clients and servers in Python. `cargo xtask test` installs them into
//! `target/third-party-clients`.

use std::{fs, path::Path};

use tokio::process::Command;

use crate::skip::skip_without;

/// The packages and their versions.
const REQUIREMENTS: &str = include_str!("../../../tests/vaults/third_party_clients/requirements.txt");

/// Returns a command for an installed program, without a proxy. `python` is the interpreter. If
/// the program is missing, reports that the test is skipped and returns `None`.
pub fn program(name: &str) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/third-party-clients");
    // This file is written after all of them are installed.
    let list = fs::read_to_string(folder.join("requirements.txt"));
    if list.is_ok_and(|list| list == REQUIREMENTS) {
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
