//! Judges and servers that are Python's. `cargo xtask test` installs them, from `requirements.txt`, into `target/judges`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Set where nothing may be skipped.
const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// A program of the installed ones. None if they are not there, which is said loudly.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/judges/bin").join(name);
    if program.exists() {
        return Some(program);
    }
    assert!(
        std::env::var_os(NEVER_SKIP).is_none(),
        "{} is not there; `cargo xtask test` installs it",
        program.display()
    );
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Not by a macro: what those say in a test that passes is not shown.
    let _ = writeln!(
        io::stderr(),
        "\n!!! SKIPPED: {test}: {name} is not installed; run `cargo xtask test`, which does it (it needs python3 and the network)\n"
    );
    None
}

/// The path of a script beside this file.
pub(crate) fn judge(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vaults/judges").join(name)
}
