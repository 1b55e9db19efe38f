//! Restricts what the process and others can do with its memory, and raises its limit on open
//! files.

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

/// Hardens this process: disables core dumps, access to its memory by other processes of the
/// same user, and new privileges.
///
/// Also raises the limit on open files to the hard limit, because each connection takes one or
/// two files. If one of these measures fails, logs a warning and continues.
pub fn harden() {
    let measures = [
        ("set PR_SET_DUMPABLE to 0", prctl::set_dumpable(false)),
        ("set PR_SET_NO_NEW_PRIVS", prctl::set_no_new_privs()),
        ("set RLIMIT_CORE to 0", setrlimit(Resource::RLIMIT_CORE, 0, 0)),
        (
            "raise RLIMIT_NOFILE",
            getrlimit(Resource::RLIMIT_NOFILE)
                .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard)),
        ),
    ];
    for (measure, result) in measures {
        if let Err(error) = result {
            tracing::warn!(target: crate::metrics::TARGET, measure, %error, "process hardening incomplete, continuing");
        }
    }
}

/// Returns the current (soft) limit of this process on open files.
pub(crate) fn max_open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}
