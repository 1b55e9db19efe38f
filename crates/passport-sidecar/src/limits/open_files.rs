//! Limits the file descriptors of connections and forwarded requests. The others are reserved
//! for the admin listener, logs, secrets and requests to Passport.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    settings::Limits,
    shares::{Share, Shares, default_share},
};
use crate::peer::Peer;

/// The limit on open files, and the parts of it that one caller or TCP may take.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    all: Shares,
    /// The part for connections on TCP. Its clients are not authenticated when they connect, and
    /// must not take the files of callers on the Unix socket.
    tcp: Arc<Semaphore>,
    reserved: Reserved,
    number: usize,
}

/// Files for rejecting connections when all others are taken.
#[derive(Debug)]
struct Reserved {
    unix: Arc<Semaphore>,
    tcp: Arc<Semaphore>,
}

/// The permit of one open file, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenFile {
    _of_all: Option<Share>,
    /// The permit of TCP, or of the reserved files.
    _of_part: Option<OwnedSemaphorePermit>,
}

impl OpenFile {
    /// Returns a permit for a listener that does not count files.
    pub(crate) const fn uncounted() -> Self {
        Self { _of_all: None, _of_part: None }
    }
}

impl OpenFiles {
    /// Divides `limit` files: first the sidecar's own files and `pools` of idle connections to
    /// upstreams are subtracted. Of the rest, one of several `callers` may take half, and a single
    /// caller all.
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

    /// Returns the number of files for connections and forwarded requests.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Takes a file for `caller`, or for a client that is not authenticated. Does not wait.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        Some(OpenFile { _of_all: Some(self.all.take(caller).ok()?), _of_part: None })
    }

    /// Takes a file for a connection of `peer`. Does not wait.
    pub(crate) fn for_connection(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        let of_tcp = if peer == Peer::Tcp { Some(acquire(&self.tcp)?) } else { None };
        Some(OpenFile { _of_part: of_tcp, ..self.take(caller)? })
    }

    /// Takes a file for a connection of `peer` that is rejected and closed, if need be a reserved
    /// one.
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

/// The reserved files of each listener, for rejecting connections when all others are taken.
pub(crate) const REJECTIONS: usize = 16;

/// The files of the sidecar itself: those of the admin listener, as many for everything else,
/// and those for rejections.
const OWN_FILES: usize = 2 * Limits::ADMIN.max_connections + 2 * REJECTIONS;

/// Returns how many of `number` files connections on TCP may take: in proportion to the limits,
/// if there are too few files for all of them.
fn part_of_tcp(number: usize, limits: &Limits) -> usize {
    let required = 2 * limits.max_connections + limits.max_forwarded_requests;
    (number.min(required) * limits.max_connections / required).max(1)
}

/// Returns how many idle connections each of `pools` keeps. A pool has the connections of one
/// caller to one upstream. Together they take at most a quarter of `limit` files.
pub(crate) fn idle_connections(limit: usize, pools: usize) -> usize {
    const MAX: usize = 64;
    MAX.min(limit / 4 / pools.max(1))
}

#[cfg(test)]
mod tests;
