//! The outbox of a receiver: its queue, and the tasks that wait for a change of the queue.

use std::sync::Arc;

use tokio::sync::watch;

use super::queue::{QueuedSet, SetFailure, SetQueue};

/// The audience of a receiver, and the SETs that wait for the receiver.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// The `aud` of the SETs.
    audience: String,
    queue: watch::Sender<SetQueue>,
}

impl Outbox {
    /// Creates an empty outbox of a receiver with `audience`.
    pub(crate) fn new(audience: &str) -> Self {
        Self { audience: audience.to_owned(), queue: watch::Sender::default() }
    }

    /// Returns the `aud` of the receiver's SETs.
    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// Adds a SET. If the queue is full, the oldest SET fails.
    pub(crate) fn push(&self, set: QueuedSet) {
        self.queue.send_modify(|queue| queue.push(set));
    }

    /// Waits for a SET, and returns the oldest. The SET stays in the queue.
    pub(crate) async fn oldest(&self) -> QueuedSet {
        let mut changes = self.queue.subscribe();
        loop {
            if let Some(set) = changes.borrow_and_update().oldest() {
                return set.clone();
            }
            // The channel cannot close, because `self` owns the sender.
            let _ = changes.changed().await;
        }
    }

    /// Waits until the queue has a SET, or until the dev Passport stops.
    pub(crate) async fn has_answer(&self) {
        // The channel cannot close, because `self` owns the sender.
        let _ = self.queue.subscribe().wait_for(SetQueue::has_answer).await;
    }

    /// Returns at most `max` SETs, oldest first, and whether the queue has more.
    pub(crate) fn first(&self, max: usize) -> (Vec<QueuedSet>, bool) {
        self.queue.borrow().first(max)
    }

    /// Removes the SET `jti`, which the receiver has accepted.
    pub(crate) fn acknowledge(&self, jti: &str) {
        self.queue.send_if_modified(|queue| queue.acknowledge(jti));
    }

    /// Removes the SET `jti`, and records why the receiver does not get it.
    pub(crate) fn fail(&self, jti: &str, reason: String) {
        self.queue.send_modify(|queue| queue.fail(jti, reason));
    }

    /// Ends the waiting of polls, because the dev Passport stops.
    pub(crate) fn close(&self) {
        self.queue.send_modify(SetQueue::close);
    }

    /// Waits until the queue is empty.
    pub(crate) async fn settled(&self) {
        // The channel cannot close, because `self` owns the sender.
        let _ = self.queue.subscribe().wait_for(|queue| queue.len() == 0).await;
    }
}

/// A receiver of security events that is registered at the dev Passport. Cheap to clone.
///
/// At most 1000 SETs wait for a receiver. If there are more, the oldest is dropped and becomes a
/// [failure](Self::failures).
#[derive(Clone, Debug)]
pub struct EventReceiver(Arc<Outbox>);

impl EventReceiver {
    /// Creates the handle of a receiver.
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self(outbox)
    }

    /// Returns the number of SETs that the receiver has not acknowledged.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.0.queue.borrow().len()
    }

    /// Returns the newest SETs that the receiver has rejected or has not received, oldest first, at
    /// most 1000.
    #[must_use]
    pub fn failures(&self) -> Vec<SetFailure> {
        self.0.queue.borrow().failures()
    }

    /// Waits until no SET is [pending](Self::pending): the receiver has acknowledged each SET, or
    /// the SET is a [failure](Self::failures).
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn settled(&self) {
        self.0.settled().await;
    }
}
