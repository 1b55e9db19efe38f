//! Protects the memory of the process, and raises its limit on open files.

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

/// Hardens this process: no core dumps, no access to its memory by other processes of its user, and
/// no further privileges. Also raises the limit on open files as far as the system allows, as each
/// connection takes one or two. A measure that fails is logged.
pub fn harden() {
    let attempts = [
        ("not dumpable", prctl::set_dumpable(false)),
        ("no new privileges", prctl::set_no_new_privs()),
        ("no core dumps", setrlimit(Resource::RLIMIT_CORE, 0, 0)),
        (
            "all files that it may have",
            getrlimit(Resource::RLIMIT_NOFILE)
                .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard)),
        ),
    ];
    for (what, attempt) in attempts {
        if let Err(error) = attempt {
            tracing::warn!(target: crate::metrics::TARGET, what, %error, "the process could not be hardened");
        }
    }
}

/// Returns how many files this process may have open at a time.
pub(crate) fn max_open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}
