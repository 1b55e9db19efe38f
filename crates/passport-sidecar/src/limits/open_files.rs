//! Limits how many file descriptors connections and forwarded requests use, so that enough
//! descriptors are left for the admin listener, logs, secrets and requests to Passport.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    settings::Limits,
    shares::{Share, Shares, default_share},
};
use crate::peer::Peer;

/// Permits for open files: limited in total, for each caller, and for all TCP connections.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    all: Shares,
    /// The permits that TCP connections can take. A client on TCP is not identified when it
    /// connects. Such clients must not use up the files that callers on the Unix socket need.
    tcp: Arc<Semaphore>,
    reserved: Reserved,
    number: usize,
}

/// Permits of each listener for connections that get a 429 because all other permits are taken.
#[derive(Debug)]
struct Reserved {
    unix: Arc<Semaphore>,
    tcp: Arc<Semaphore>,
}

/// The permit of one open file. Dropping this value releases the permit.
#[derive(Debug)]
pub(crate) struct OpenFile {
    _of_all: Option<Share>,
    /// A permit of the TCP connections, or of the reserved files. `None` for any other open file.
    _of_part: Option<OwnedSemaphorePermit>,
}

impl OpenFile {
    /// Returns a permit that counts against no limit. It is for the admin listener, because files
    /// are reserved for the connections of this listener.
    pub(crate) const fn uncounted() -> Self {
        Self { _of_all: None, _of_part: None }
    }
}

impl OpenFiles {
    /// Creates the permits from `limit`, the limit of the process on open files. These files are
    /// subtracted from it:
    /// - the files that are reserved for the sidecar itself;
    /// - the idle connections to upstreams. `pools` is the number of connection pools.
    ///
    /// `callers` is the number of configured callers. If there are several, each caller can take at
    /// most half of the remaining files.
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

    /// Returns how many files connections and forwarded requests can have open at a time.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Takes a permit for a file of `caller`. `caller` is `None` for a client that is not
    /// identified. The permit of such a client counts against the total only. Returns `None`
    /// immediately if no permit is left.
    pub(crate) fn take(&self, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        Some(OpenFile { _of_all: Some(self.all.take(caller).ok()?), _of_part: None })
    }

    /// Takes a permit for a connection of `peer`. A TCP connection also needs one of the permits
    /// for TCP. `caller` is `None` if the client is not identified. Returns `None` immediately if
    /// no permit is left.
    pub(crate) fn for_connection(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<OpenFile> {
        let of_tcp = if peer == Peer::Tcp { Some(acquire(&self.tcp)?) } else { None };
        Some(OpenFile { _of_part: of_tcp, ..self.take(caller)? })
    }

    /// Takes a permit for a connection of `peer` that gets a 429 and is closed. Takes a reserved
    /// permit if no other permit is left. Returns `None` if no reserved permit is left either.
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

/// How many connections each listener can reject with a 429 at a time when all other files are
/// in use.
pub(crate) const REJECTIONS: usize = 16;

/// How many files are reserved for the sidecar itself:
/// - a file for each connection of the admin listener;
/// - the same number for logs, secrets and requests to Passport;
/// - a file for each connection that is being rejected, at each listener.
const OWN_FILES: usize = 2 * Limits::ADMIN.max_connections + 2 * REJECTIONS;

/// Returns how many of `number` files TCP connections can take. This is `max_connections`, or a
/// proportional part of it if there are too few files for all limits.
fn part_of_tcp(number: usize, limits: &Limits) -> usize {
    let required = 2 * limits.max_connections + limits.max_forwarded_requests;
    (number.min(required) * limits.max_connections / required).max(1)
}

/// Returns how many idle connections each of `pools` connection pools keeps. A pool contains the
/// connections of one caller to one upstream. All pools together take at most a quarter of
/// `limit` open files.
pub(crate) fn idle_connections(limit: usize, pools: usize) -> usize {
    const MAX: usize = 64;
    MAX.min(limit / 4 / pools.max(1))
}

#[cfg(test)]
mod tests;
