//! What a process can do so that its memory stays its own.

use nix::sys::{
    prctl,
    resource::{Resource, getrlimit, setrlimit},
};

/// No core dumps, no other process of this user may look into the memory, and nothing that is started gets more rights; and as many
/// open files as the system lets it have, because each connection is one or two. What does
/// not work on this system is left out, with a word in the log.
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
pub(crate) fn open_files() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map(|(soft, _)| soft);
    soft.map_or(usize::MAX, |soft| usize::try_from(soft).unwrap_or(usize::MAX))
}
