//! Skips a test if a program that it needs is not installed.

use std::{
    io::{self, Write},
    thread,
};

/// The name of an environment variable. If the value of the variable is 1, tests fail instead of
/// being skipped.
const NEVER_SKIP: &str = "PASSPORT_TESTS_NEVER_SKIP";

/// Prints that the current test is skipped because the program `missing` is not installed. The
/// test must then return.
///
/// # Panics
/// Panics if the environment variable `PASSPORT_TESTS_NEVER_SKIP` is 1, so that the test fails.
pub fn skip_without(missing: &str) {
    let never = std::env::var(NEVER_SKIP).is_ok_and(|never| never == "1");
    assert!(!never, "{missing} is not installed; `cargo xtask test` installs it");
    let test = thread::current().name().unwrap_or_default().to_owned();
    // `eprintln!` is not used, because the test runner captures its output and does not show the
    // output of a test that passes.
    let _ = writeln!(
        io::stderr(),
        "\n!!! SKIPPED: {test}: {missing} is not installed; run `cargo xtask test`, which installs it\n"
    );
}
