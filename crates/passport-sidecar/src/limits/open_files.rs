//! Limits the files that connections and forwarded requests have open. The other files of the
//! process are reserved for operators, logs, secrets and requests to Passport.

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
    reserved: Reserved,
    number: usize,
}

/// Files to reject connections with, when all others are taken.
#[derive(Debug)]
struct Reserved {
    unix: Arc<Semaphore>,
    tcp: Arc<Semaphore>,
}

/// A permit to have one file open, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenFile {
    _of_all: Option<Share>,
    /// A permit of files on TCP, or of reserved ones.
    _of_part: Option<OwnedSemaphorePermit>,
}

impl OpenFile {
    /// Returns a permit of a listener whose files are not counted.
    pub(crate) const fn uncounted() -> Self {
        Self { _of_all: None, _of_part: None }
    }
}

impl OpenFiles {
    /// Takes the needs of the sidecar itself, and of `pools` of idle connections to upstreams, from
    /// `limit` files. One of several `callers` may have half of the rest, and a sole caller all.
    pub(crate) fn new(limit: usize, pools: usize, callers: usize, limits: &Limits) -> Self {
        let idle = pools.saturating_mul(idle_connections(limit, pools));
        let number = limit.saturating_sub(OWN_FILES + idle).clamp(1, Semaphore::MAX_PERMITS);
        let permits = |number| Arc::new(Semaphore::new(number));
        Self {
            all: Shares::new(number, default_share(number, callers)),
            tcp: permits(part_of_tcp(number, limits)),
            reserved: Reserved { unix: permits(REJECTIONS), tcp: permits(REJECTIONS) },
            number,
        }
    }

    /// Returns how many files there are for connections and forwarded requests.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Takes a file for `caller`, or for a client that is unknown.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        Some(OpenFile { _of_all: Some(self.all.take(caller).ok()?), _of_part: None })
    }

    /// Takes a file for a connection of `peer`.
    pub(crate) fn for_connection(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        let of_tcp = if peer == Peer::Tcp { Some(acquire(&self.tcp)?) } else { None };
        Some(OpenFile { _of_part: of_tcp, ..self.take(caller)? })
    }

    /// Takes a file for a connection of `peer` that is rejected and closed.
    pub(crate) fn for_rejection(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        let reserved = match peer {
            Peer::Unix { .. } => &self.reserved.unix,
            Peer::Tcp => &self.reserved.tcp,
        };
        let take_reserved = || Some(OpenFile { _of_all: None, _of_part: Some(acquire(reserved)?) });
        self.for_connection(peer, caller).or_else(take_reserved)
    }
}

fn acquire(permits: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    Arc::clone(permits).try_acquire_owned().ok()
}

/// Connections that are rejected at a time, at each listener, when no other file is left.
pub(crate) const REJECTIONS: usize = 16;

/// Files of the admin listener, as many for everything else, and those for rejections.
const OWN_FILES: usize = 2 * Limits::ADMIN.max_connections + 2 * REJECTIONS;

/// Returns how many of `number` files are for connections on TCP. If there are too few for all
/// limits, it is in proportion to the limits.
fn part_of_tcp(number: usize, limits: &Limits) -> usize {
    let wanted = 2 * limits.max_connections + limits.max_forwarded_requests;
    (number.min(wanted) * limits.max_connections / wanted).max(1)
}

/// Returns how many idle connections each of `pools` keeps: one caller's to one upstream. All of
/// them take a quarter of `limit` files at most.
pub(crate) fn idle_connections(limit: usize, pools: usize) -> usize {
    const MAX: usize = 64;
    MAX.min(limit / 4 / pools.max(1))
}

#[cfg(test)]
mod tests;
