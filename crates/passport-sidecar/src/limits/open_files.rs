//! The files that connections and forwarded requests may open. What is left of the limit of the
//! process is for operators, logs, secrets and requests to Passport.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    settings::Limits,
    shares::{Share, Shares, default_share},
};
use crate::peer::Peer;

#[derive(Debug)]
pub(crate) struct OpenFiles {
    all: Shares,
    /// Of these, files of connections on TCP. Its clients are unknown when they connect, and must
    /// not take the files of callers on the Unix socket.
    tcp: Arc<Semaphore>,
    refusals: Refusals,
    number: usize,
}

/// Files in which connections are refused when all others are taken.
#[derive(Debug)]
struct Refusals {
    unix: Arc<Semaphore>,
    tcp: Arc<Semaphore>,
}

/// Permission to have one file open. It is given back with this value.
#[derive(Debug)]
pub(crate) struct OpenFile {
    _of_all: Option<Share>,
    /// One of the files on TCP, or of those for refusals.
    _of_others: Option<OwnedSemaphorePermit>,
}

impl OpenFiles {
    /// Of `limit` files, `pools` of idle connections to upstreams and the sidecar itself need some.
    /// One of `callers` has half of what is left at most; an only caller has all.
    pub(crate) fn new(limit: usize, pools: usize, callers: usize, limits: &Limits) -> Self {
        let idle = pools.saturating_mul(idle_connections(limit, pools));
        let number = limit.saturating_sub(OWN_FILES + idle).clamp(1, Semaphore::MAX_PERMITS);
        let permits = |number| Arc::new(Semaphore::new(number));
        Self {
            all: Shares::new(number, default_share(number, callers)),
            tcp: permits(part_of_tcp(number, limits)),
            refusals: Refusals { unix: permits(REFUSALS), tcp: permits(REFUSALS) },
            number,
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Takes a file for `caller`, or for a client that is not known.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        Some(OpenFile { _of_all: Some(self.all.take(caller).ok()?), _of_others: None })
    }

    /// Takes a file for a connection of `peer`.
    pub(crate) fn for_connection(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        let of_tcp = if peer == Peer::Tcp { Some(one(&self.tcp)?) } else { None };
        Some(OpenFile { _of_others: of_tcp, ..self.take(caller)? })
    }

    /// Takes a file for a connection of `peer` that is refused and closed at once.
    pub(crate) fn for_rejection(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        let reserved = match peer {
            Peer::Unix { .. } => &self.refusals.unix,
            Peer::Tcp => &self.refusals.tcp,
        };
        let take_reserved = || Some(OpenFile { _of_all: None, _of_others: Some(one(reserved)?) });
        self.for_connection(peer, caller).or_else(take_reserved)
    }
}

fn one(permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(permits).try_acquire_owned().ok()
}

/// Connections that are refused at a time, at each listener, when no other file is left.
pub(crate) const REFUSALS: usize = 16;

/// Those of the admin listener, as many for everything else, and those of refusals.
const OWN_FILES: usize = 2 * Limits::ADMIN.connections + 2 * REFUSALS;

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
mod tests;
