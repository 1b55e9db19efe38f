//! Whose turn it is to have a signature verified. Only so many at once, so that a flood of tokens that are not known leaves
//! time for the requests whose tokens are.

use std::{num::NonZeroUsize, sync::Arc, thread::available_parallelism};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permission to verify one signature, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Turn {
    /// For who is not one of many: a caller that blocks its own thread.
    pub(crate) fn out_of_turn() -> Self {
        Self { _permit: None }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(crate) fn new(at_once: NonZeroUsize) -> Self {
        Self(Arc::new(Semaphore::new(at_once.get().min(Semaphore::MAX_PERMITS))))
    }

    /// Half of the processors, and one at least.
    pub(crate) fn default_at_once() -> NonZeroUsize {
        let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
        NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN)
    }

    /// A turn, if there is one to be had at once.
    pub(crate) fn take(&self) -> Option<Turn> {
        let permit = Arc::clone(&self.0).try_acquire_owned().ok()?;
        Some(Turn { _permit: Some(permit) })
    }

    /// Waits for a turn, in the order of arrival.
    pub(crate) async fn wait(&self) -> Option<Turn> {
        // It is never closed.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(Turn { _permit: Some(permit) })
    }
}
