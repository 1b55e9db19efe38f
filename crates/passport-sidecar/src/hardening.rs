//! Hardens the process, and raises its limit on open files.

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

/// Hardens this process: disables core dumps, access to its memory by other processes of the
/// same user, and new privileges.
///
/// Also raises the limit on open files to the hard limit, because each connection takes one or
/// two. A measure that fails is logged as a warning.
pub fn harden() {
    let measures = [
        ("disable dumping", prctl::set_dumpable(false)),
        ("disable new privileges", prctl::set_no_new_privs()),
        ("disable core files", setrlimit(Resource::RLIMIT_CORE, 0, 0)),
        (
            "raise the open file limit",
            getrlimit(Resource::RLIMIT_NOFILE)
                .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard)),
        ),
    ];
    for (measure, result) in measures {
        if let Err(error) = result {
            tracing::warn!(target: crate::metrics::TARGET, measure, %error, "process hardening failed");
        }
    }
}

/// Returns the limit on open files of this process.
pub(crate) fn max_open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}
