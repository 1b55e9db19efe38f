//! Hardens the process: protects its memory, and forbids new privileges. Also raises the limit
//! of the process on open files.

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

/// Hardens this process. Disables:
/// - core dumps;
/// - access to the memory of this process by other processes of the same user;
/// - new privileges, such as those of a setuid program.
///
/// Also raises the limit on open files to the hard limit, because each connection takes one or
/// two files. If one of these measures fails, the function logs a warning and continues with the
/// next measure.
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

/// Returns the current (soft) limit of this process on open files. Returns `usize::MAX` if the
/// limit cannot be read.
pub(crate) fn max_open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}
