//! The SETs that one receiver has not acknowledged, and the SETs that it will not get.

use std::{collections::VecDeque, fmt};

use serde::Deserialize;

/// The maximum number of SETs that wait for one receiver, and of failures that are kept.
const MAX_QUEUED: usize = 1000;

/// A Security Event Token that waits for its receiver. `Debug` omits the token.
#[derive(Clone)]
pub(crate) struct QueuedSet {
    pub(crate) jti: String,
    pub(crate) token: String,
}

impl fmt::Debug for QueuedSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueuedSet").field("jti", &self.jti).finish_non_exhaustive()
    }
}

/// A SET that a receiver has rejected or has not received. The dev Passport does not send it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFailure {
    jti: String,
    reason: String,
}

impl SetFailure {
    /// Returns the `jti` of the SET.
    #[must_use]
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// Returns the reason: the status of the receiver, its error code and its description, the
    /// error of the connection, or that the queue of the receiver was full.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The reason why a receiver rejects a SET, with an error code such as `invalid_issuer` (RFC 8935,
/// section 2.3, and RFC 8936, section 2.6).
#[derive(Debug, Deserialize)]
pub(crate) struct SetError {
    err: String,
    #[serde(default)]
    description: String,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.err, self.description)
    }
}

/// The queue of one receiver.
#[derive(Debug, Default)]
pub(super) struct SetQueue {
    /// The SETs that are not acknowledged, oldest first.
    sets: VecDeque<QueuedSet>,
    /// The newest failures, oldest first.
    failures: VecDeque<SetFailure>,
    is_closed: bool,
}

impl SetQueue {
    /// Adds a SET. If the queue is full, the oldest SET fails.
    pub(super) fn push(&mut self, set: QueuedSet) {
        if self.sets.len() == MAX_QUEUED
            && let Some(oldest) = self.sets.pop_front()
        {
            self.record(oldest.jti, format!("the queue of the receiver is full ({MAX_QUEUED} SETs)"));
        }
        self.sets.push_back(set);
    }

    /// Returns the oldest SET. Returns `None` if the queue is empty.
    pub(super) fn oldest(&self) -> Option<&QueuedSet> {
        self.sets.front()
    }

    /// Returns at most `max` SETs, oldest first, and whether the queue has more.
    pub(super) fn first(&self, max: usize) -> (Vec<QueuedSet>, bool) {
        (self.sets.iter().take(max).cloned().collect(), self.sets.len() > max)
    }

    /// Removes the SET `jti`. Returns false if the queue has no such SET.
    pub(super) fn acknowledge(&mut self, jti: &str) -> bool {
        let before = self.sets.len();
        self.sets.retain(|set| set.jti != jti);
        self.sets.len() < before
    }

    /// Removes the SET `jti`, and records why its receiver does not get it. Has no effect if the
    /// queue has no such SET.
    pub(super) fn fail(&mut self, jti: &str, reason: String) {
        if self.acknowledge(jti) {
            self.record(jti.to_owned(), reason);
        }
    }

    /// Adds a failure. If there are too many, drops the oldest.
    fn record(&mut self, jti: String, reason: String) {
        if self.failures.len() == MAX_QUEUED {
            self.failures.pop_front();
        }
        self.failures.push_back(SetFailure { jti, reason });
    }

    /// Returns the number of SETs that are not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Returns the failures, oldest first.
    pub(super) fn failures(&self) -> Vec<SetFailure> {
        self.failures.iter().cloned().collect()
    }

    /// Ends the waiting for SETs, because the dev Passport stops.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Returns whether a poll must not wait: the queue has a SET or is closed.
    pub(super) fn has_answer(&self) -> bool {
        self.is_closed || !self.sets.is_empty()
    }
}

#[cfg(test)]
mod tests;
