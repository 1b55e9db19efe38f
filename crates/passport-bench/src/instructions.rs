//! Counts the instructions of a call: callgrind runs the program `paths`, which calls one
//! contender many times. The count is the same on an idle and on a busy machine.

use std::{env, fs, iter, process::Command};

/// Enough calls for infrequent work to have its average weight.
pub const CALLS: u32 = 2_000;

/// The watched paths: a name, the side, the contender, and the baseline that is subtracted.
const WATCHED: [(&str, &str, &str, &str); 8] = [
    ("inbound warm", "inbound", "passport-inbound", "bare service"),
    ("inbound warm, three issuers", "inbound", "passport-inbound, three issuers", "bare service"),
    ("inbound unknown issuer", "inbound", "passport-inbound, unknown issuer", "bare service"),
    ("inbound cold", "inbound", "passport-inbound, token cache off", "bare service"),
    ("inbound rejection", "inbound", "passport-inbound, rejected", "bare service"),
    ("outbound warm", "outbound", "passport-outbound", "bare client"),
    ("outbound warm, two threads", "outbound", "passport-outbound, two threads", "bare client, two threads"),
    ("outbound rejected and retried", "outbound", "passport-outbound, rejected and retried", "bare client"),
];

/// A request that the sidecar forwards. It has no baseline: the whole sidecar is counted, with the
/// HTTP server and client that it consists of.
const FORWARDED: &str = "sidecar forwarded";

/// Returns the instructions of the watched paths, above the baseline without our layer.
///
/// callgrind runs one thread at a time, so the count of two threads shows no wait for a cache line
/// that both write. It shows a second attempt of an atomic operation, and a longer path for data
/// that two threads share.
pub fn watched() -> impl Iterator<Item = (&'static str, f64)> {
    let above_bare = WATCHED.iter().map(|(name, side, ours, bare)| (*name, of(side, ours) - of(side, bare)));
    above_bare.chain(iter::once_with(|| (FORWARDED, of("sidecar", "passport-sidecar"))))
}

/// Returns the instructions of one call.
///
/// # Panics
///
/// If callgrind cannot count them.
pub fn of(side: &str, name: &str) -> f64 {
    let program = env::current_exe().expect("a program has a path").with_file_name("paths");
    let counts = env::temp_dir().join(format!("passport-bench-{}.callgrind", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=paths::counted"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program)
        .args([side, name, &CALLS.to_string()])
        .output();
    let _ = fs::remove_file(counts);
    let stderr =
        output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    let count = collected(&stderr).filter(|count| *count > 0.0);
    count.unwrap_or_else(|| panic!("callgrind counted no instructions of {name}: {stderr}"))
        / f64::from(CALLS)
}

/// Parses the last line of callgrind: `==1== Collected : 39911830`.
fn collected(stderr: &str) -> Option<f64> {
    stderr.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_totals_are_parsed() {
        assert_eq!(collected("==1== \n==1== Collected : 39911830\n==1==\n"), Some(39_911_830.0));
        assert_eq!(collected("valgrind: command not found"), None);
    }
}
