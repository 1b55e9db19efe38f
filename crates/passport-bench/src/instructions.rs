//! Counts the instructions of a call: callgrind runs the program `paths`, which calls one
//! contender many times. The count is the same on an idle and on a busy machine.

use std::{env, fs, iter, path::Path, process::Command};

/// Enough calls for infrequent work to have its average weight.
pub const CALLS: u32 = 2_000;

/// The end of the name of a contender that gets another token in each call.
const EACH_NEW: &str = ", each token new";

/// The number of new tokens. Signing them takes longer than the calls.
const NEW_TOKENS: u32 = 100;

/// The function that compares tokens.
const COMPARISON: &str = "passport_inbound::constant_time::is_equal";

/// A number of instructions between a comparison of vectors, which needs a third of an instruction
/// for each of the 1,000 bytes of a token, and a comparison of bytes, which needs three.
const VECTORIZED: f64 = 700.0;

/// The watched paths: a name, the side, the contender, and the baseline that is subtracted.
const WATCHED: [(&str, &str, &str, &str); 11] = [
    ("inbound warm", "inbound", "passport-inbound", "bare service"),
    ("inbound warm, three issuers", "inbound", "passport-inbound, three issuers", "bare service"),
    ("inbound warm, introspecting", "inbound", "passport-inbound, introspecting", "bare service"),
    ("inbound guard with roles", "inbound", "passport-inbound, with roles", "bare service"),
    ("inbound unknown issuer", "inbound", "passport-inbound, unknown issuer", "bare service"),
    ("inbound cold", "inbound", "passport-inbound, token cache off", "bare service"),
    ("inbound remembered new token", "inbound", "passport-inbound, each token new", "bare service"),
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
    let comparison = iter::once_with(|| ("inbound comparison of a token", comparison()));
    let forwarded = iter::once_with(|| (FORWARDED, of("sidecar", "passport-sidecar")));
    above_bare.chain(comparison).chain(forwarded)
}

/// Returns the instructions of one call.
///
/// # Panics
///
/// If callgrind cannot count them.
pub fn of(side: &str, name: &str) -> f64 {
    let calls = if name.ends_with(EACH_NEW) { NEW_TOKENS } else { CALLS };
    let count = counted(side, name, calls, |stderr, _| collected(stderr));
    count / f64::from(calls)
}

/// Returns the instructions of one comparison of a token with a cached token.
///
/// # Panics
///
/// If the comparison is not vectorized, or if its instructions depend on where the tokens differ:
/// then it is not in constant time.
fn comparison() -> f64 {
    let counts = ["", ", first letter differs", ", end differs"].map(|end| {
        let name = format!("passport-inbound{end}");
        counted("inbound", &name, CALLS, |_, counts| of_function(&annotated(counts), COMPARISON))
            / f64::from(CALLS)
    });
    assert!(counts.iter().all(|count| *count == counts[0]), "{COMPARISON} is not constant-time: {counts:?}");
    assert!(counts[0] < VECTORIZED, "{COMPARISON} is not vectorized: {counts:?}");
    counts[0]
}

/// Runs `paths` under callgrind. `read` reads a count from what callgrind prints, or from the file
/// that it writes.
fn counted(side: &str, name: &str, calls: u32, read: impl FnOnce(&str, &Path) -> Option<f64>) -> f64 {
    let program = env::current_exe().expect("a program has a path").with_file_name("paths");
    let counts = env::temp_dir().join(format!("passport-bench-{}.callgrind", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=paths::counted"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(program)
        .args([side, name, &calls.to_string()])
        .output();
    let stderr =
        output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    let count = read(&stderr, &counts).filter(|count| *count > 0.0);
    let _ = fs::remove_file(counts);
    count.unwrap_or_else(|| panic!("callgrind counted no instructions of {name}: {stderr}"))
}

/// Returns the table of functions in a file of callgrind.
fn annotated(counts: &Path) -> String {
    let output = Command::new("callgrind_annotate").arg("--threshold=100").arg(counts).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

/// Parses the line of a function: `233,000 (13.66%)  ???:krate::function [program]`.
fn of_function(table: &str, function: &str) -> Option<f64> {
    let line = table.lines().find(|line| line.contains(&format!(":{function} [")))?;
    line.split_whitespace().next()?.replace(',', "").parse().ok()
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

    #[test]
    fn counts_of_functions_are_parsed() {
        let table = "1,705,432 (100.0%)  PROGRAM TOTALS\n 31,000 ( 1.8%)  ???:krate::f::g [p]\n\
                     233,000 (13.66%)  ???:krate::f [p]\n";
        assert_eq!(of_function(table, "krate::f"), Some(233_000.0));
        assert_eq!(of_function(table, "krate::h"), None);
    }
}
