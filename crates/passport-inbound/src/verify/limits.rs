//! Limits the number of concurrent signature verifications, so that a flood of new tokens leaves
//! processor time for requests with cached tokens. Also limits the number of requests that wait
//! for keys or for a permit.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The maximum number of requests in each wait queue. Further requests are rejected with 503,
/// because a waiting request occupies memory for its token and for its connection.
const MAX_WAITING: usize = 4096;

/// A permit to verify a signature. The permit is released on drop.
#[derive(Debug)]
pub(crate) struct VerificationPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

impl VerificationPermit {
    /// Returns a permit that does not count against the limit, for a verification that occupies
    /// only the calling thread.
    pub(crate) fn unlimited() -> Self {
        Self { _permit: None }
    }
}

/// The pool of permits to verify signatures.
#[derive(Clone, Debug)]
pub(crate) struct VerificationPermits(Arc<Semaphore>);

impl VerificationPermits {
    pub(crate) fn new(max_concurrent: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(max_concurrent.get().min(Semaphore::MAX_PERMITS))))
    }

    /// Returns the default number of permits: half of the processors, at least one.
    pub(crate) fn default_number() -> NonZeroUsize {
        let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN)
    }

    /// Returns a permit, or `None` if no permit is free. Does not wait.
    pub(crate) fn try_acquire(&self) -> Option<VerificationPermit> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(VerificationPermit { _permit: Some(permit) })
    }

    /// Waits for a permit. Requests get permits in the order of arrival. Never returns `None`.
    pub(crate) async fn acquire(&self) -> Option<VerificationPermit> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(VerificationPermit { _permit: Some(permit) })
    }
}

/// The queue of the requests that wait for the keys of one issuer. Each issuer has its own
/// queue, so that an issuer that does not respond delays only its own tokens.
#[derive(Clone, Debug)]
pub(crate) struct KeyQueue(Arc<Semaphore>);

impl KeyQueue {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITING)))
    }
}

/// The queue of the requests that wait for a permit. It is separate from the queues for keys, so
/// that a flood of tokens with unknown keys does not block tokens that only need a permit.
#[derive(Debug)]
pub(crate) struct PermitQueue(Arc<Semaphore>);

/// A request's slot in one of the wait queues. The slot is released on drop.
pub(crate) struct QueueSlot {
    _slot: OwnedSemaphorePermit,
    /// Whether the slot is in a queue for keys, and not in the queue for permits.
    is_for_keys: bool,
}

impl PermitQueue {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_WAITING)))
    }

    /// Returns a queue slot for the next wait of a request. Returns `None` if the queue is full.
    /// `current` is the slot that the request already has. `keys` is the queue for the keys that
    /// the request waits for next. `None` if it waits for a permit next.
    ///
    /// A request that has waited for keys keeps its slot in the queue for keys while it waits for a
    /// permit. Otherwise, when a refresh ends, all requests that waited for the refresh would move
    /// to the queue for permits.
    pub(crate) fn slot(&self, current: Option<QueueSlot>, keys: Option<&KeyQueue>) -> Option<QueueSlot> {
        match current {
            Some(slot) if slot.is_for_keys || keys.is_none() => Some(slot),
            _ => {
                let queue = keys.map_or(&self.0, |KeyQueue(queue)| queue);
                let slot = Arc::clone(queue).try_acquire_owned().ok()?;
                Some(QueueSlot { _slot: slot, is_for_keys: keys.is_some() })
            }
        }
    }
}

#[cfg(test)]
mod tests;
