//! Tests that need a program which may be missing.

use std::{
    io::{self, Write},
    thread,
};

/// Set to 1 where no test may be skipped.
const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// Reports that the calling test is skipped because `missing` is not installed.
///
/// # Panics
///
/// If `PASSPORT_TESTS_NEVER_SKIP` is 1.
pub fn skip_without(missing: &str) {
    let never = std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1");
    assert!(!never, "{missing} is not installed; `cargo xtask test` installs it");
    let test = thread::current().name().unwrap_or_default().to_owned();
    // Not `eprintln!`: the output of a test that passes is not shown.
    let _ = writeln!(
        io::stderr(),
        "\n!!! SKIPPED: {test}: {missing} is not installed; run `cargo xtask test`, which installs it\n"
    );
}
