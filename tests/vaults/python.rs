//! Runs the scripts of `third_party_clients` in Python.

use std::path::{Path, PathBuf};

pub(crate) use passport_test_support::python::program;

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
