//! Skips a test if a program that it needs is not installed.

use std::{
    io::{self, Write},
    thread,
};

/// The environment variable that makes a test fail instead of being skipped, if its value is 1.
const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// Prints that the current test is skipped because the program `missing` is not installed. The
/// caller must then return from the test.
///
/// # Panics
/// If `PASSPORT_TESTS_NEVER_SKIP` is 1, so that the test fails.
pub fn skip_without(missing: &str) {
    let never = std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1");
    assert!(!never, "{missing} is not installed; `cargo xtask test` installs it");
    let test = thread::current().name().unwrap_or_default().to_owned();
    // `eprintln!` would be captured, and not shown for a test that passes.
    let _ = writeln!(
        io::stderr(),
        "\n!!! SKIPPED: {test}: {missing} is not installed; run `cargo xtask test`, which installs it\n"
    );
}
