//! The files that connections and forwarded requests may open. What is left of the limit of the
//! process is for operators, logs, secrets and requests to Passport.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{admin, callers::Peer, config::Limits};

#[derive(Clone, Debug)]
pub(crate) struct OpenFiles {
    all: Arc<Semaphore>,
    /// Of these, files of connections on TCP. Its clients are unknown when they connect, and must
    /// not take the files of callers on the Unix socket.
    tcp: Arc<Semaphore>,
    refusals: Refusals,
    number: usize,
}

/// Files in which connections are refused when all others are taken.
#[derive(Clone, Debug)]
struct Refusals {
    unix: Arc<Semaphore>,
    tcp: Arc<Semaphore>,
}

/// Permission to have one file open. It is given back with this value.
#[derive(Debug)]
pub(crate) struct OpenFile {
    _of_all: OwnedSemaphorePermit,
    _of_tcp: Option<OwnedSemaphorePermit>,
}

impl OpenFiles {
    /// Of `limit` files, `pools` of idle connections to upstreams and the sidecar itself need some.
    pub(crate) fn new(limit: usize, pools: usize, limits: &Limits) -> Self {
        let idle = pools.saturating_mul(idle_connections(limit, pools));
        let number = limit.saturating_sub(OWN_FILES + idle).clamp(1, Semaphore::MAX_PERMITS);
        let permits = |number| Arc::new(Semaphore::new(number));
        Self {
            all: permits(number),
            tcp: permits(part_of_tcp(number, limits)),
            refusals: Refusals { unix: permits(REFUSALS), tcp: permits(REFUSALS) },
            number,
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Takes a file for a forwarded request.
    pub(crate) fn take(&self) -> Option<OpenFile> {
        Some(OpenFile { _of_all: one(&self.all)?, _of_tcp: None })
    }

    /// Takes a file for a connection of `peer`.
    pub(crate) fn for_connection(&self, peer: Peer) -> Option<OpenFile> {
        let of_tcp = if peer == Peer::Tcp { Some(one(&self.tcp)?) } else { None };
        Some(OpenFile { _of_tcp: of_tcp, ..self.take()? })
    }

    /// Takes a file for a connection of `peer` that is refused and closed at once.
    pub(crate) fn for_refusal(&self, peer: Peer) -> Option<OpenFile> {
        let reserved = match peer {
            Peer::Unix { .. } => &self.refusals.unix,
            Peer::Tcp => &self.refusals.tcp,
        };
        let take_reserved = || Some(OpenFile { _of_all: one(reserved)?, _of_tcp: None });
        self.for_connection(peer).or_else(take_reserved)
    }
}

fn one(permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(permits).try_acquire_owned().ok()
}

/// Connections that are refused at a time, at each listener, when no other file is left.
pub(crate) const REFUSALS: usize = 16;

/// Those of the admin listener, as many for everything else, and those of refusals.
const OWN_FILES: usize = 2 * admin::LIMITS.connections + 2 * REFUSALS;

/// When there are too few files for all, connections on TCP have a part as large as their part of
/// what is wanted.
fn part_of_tcp(number: usize, limits: &Limits) -> usize {
    let wanted = 2 * limits.connections + limits.forwarded;
    (number.min(wanted) * limits.connections / wanted).max(1)
}

/// Returns how many idle connections each of `pools` keeps: one caller's to one upstream. All of
/// them take a quarter of `limit` files at most.
pub(crate) fn idle_connections(limit: usize, pools: usize) -> usize {
    const MAX: usize = 64;
    MAX.min(limit / 4 / pools.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIX: Peer = Peer::Unix { uid: 1, gid: 1 };
    const LIMITS: Limits = Limits::DEFAULT;

    #[test]
    fn operators_keep_files_when_all_others_are_taken() {
        for (limit, pools, number) in
            [(1024, 0, 864), (1024, 10, 614), (1024, 1000, 864), (4096, 4, 3680), (64, 0, 1)]
        {
            assert_eq!(OpenFiles::new(limit, pools, &LIMITS).number(), number, "{limit} {pools}");
        }
        assert_eq!(OpenFiles::new(usize::MAX, usize::MAX, &LIMITS).number(), Semaphore::MAX_PERMITS);
        let files = OpenFiles::new(64, 0, &LIMITS);
        let taken = files.take();
        assert!(taken.is_some() && files.take().is_none());
        drop(taken);
        assert!(files.take().is_some());
    }

    #[test]
    fn tcp_leaves_files_to_unix_callers_and_upstreams() {
        for (limit, of_tcp) in [(64, 1), (1024, 285), (3184, 1000), (100_000, 1000)] {
            let files = OpenFiles::new(limit, 0, &LIMITS);
            let held: Vec<_> = std::iter::from_fn(|| files.for_connection(Peer::Tcp)).collect();
            assert_eq!(held.len(), of_tcp, "{limit}");
            assert_eq!(files.for_connection(UNIX).is_some(), files.number() > of_tcp, "{limit}");
        }
    }

    #[test]
    fn each_listener_can_refuse_when_no_file_is_left() {
        let files = OpenFiles::new(0, 0, &LIMITS);
        let _last = files.take().unwrap();
        for peer in [UNIX, Peer::Tcp] {
            assert!(files.for_connection(peer).is_none());
            let held: Vec<_> = std::iter::from_fn(|| files.for_refusal(peer)).collect();
            assert_eq!(held.len(), REFUSALS);
        }
    }
}
