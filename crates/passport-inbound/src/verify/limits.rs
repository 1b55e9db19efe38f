//! Limits concurrent signature verifications, so that a flood of unknown tokens leaves time for
//! requests with cached ones, and the number of requests that wait.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests may wait for keys, and how many for a permit. Each holds its token and all
/// that the server has for it.
const MAX_WAITING: usize = 4096;

/// A permit to verify a signature, until it is dropped.
#[derive(Debug)]
pub(crate) struct VerificationPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl VerificationPermit {
    /// Returns a permit that does not count: for a caller that blocks its own thread.
    pub(crate) fn unlimited() -> Self {
        Self { _permit: None }
    }
}

/// The permits to verify signatures.
#[derive(Clone, Debug)]
pub(crate) struct VerificationPermits(Arc<Semaphore>);

impl VerificationPermits {
    pub(crate) fn new(at_once: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(at_once.get().min(Semaphore::MAX_PERMITS))))
    }

    /// Returns the default number of permits: half of the processors, and at least one.
    pub(crate) fn default_number() -> NonZeroUsize {
        let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN)
    }

    /// Returns a permit if one is free.
    pub(crate) fn try_acquire(&self) -> Option<VerificationPermit> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(VerificationPermit { _permit: Some(permit) })
    }

    /// Waits for a permit, in the order of arrival.
    pub(crate) async fn acquire(&self) -> Option<VerificationPermit> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(VerificationPermit { _permit: Some(permit) })
    }
}

/// The queues of waiting requests. Requests that wait for keys have a queue of their own: a flood
/// of them, for as long as a slow fetch takes, leaves the other to tokens that only need a permit.
#[derive(Debug)]
pub(crate) struct WaitQueues {
    for_keys: Arc<Semaphore>,
    for_permits: Arc<Semaphore>,
}

/// The slot of a request in a queue, until it is dropped.
pub(crate) struct QueueSlot {
    _slot: OwnedSemaphorePermit,
    is_for_keys: bool,
}

impl WaitQueues {
    pub(crate) fn new() -> Self {
        let queue = || Arc::new(Semaphore::new(MAX_WAITING));
        Self { for_keys: queue(), for_permits: queue() }
    }

    /// Returns a queue slot, if one is free, for a request that has `held`. A request that has
    /// waited for keys keeps its slot while it waits for a permit, so that the requests that a
    /// fetch releases do not fill the other queue.
    pub(crate) fn slot(&self, held: Option<QueueSlot>, waits_for_keys: bool) -> Option<QueueSlot> {
        match held {
            Some(held) if held.is_for_keys || !waits_for_keys => Some(held),
            _ => {
                let queue = if waits_for_keys { &self.for_keys } else { &self.for_permits };
                let slot = Arc::clone(queue).try_acquire_owned().ok()?;
                Some(QueueSlot { _slot: slot, is_for_keys: waits_for_keys })
            }
        }
    }
}

#[cfg(test)]
mod tests;
