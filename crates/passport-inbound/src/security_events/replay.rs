//! Remembers which statements were processed. The time is an argument.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_lc_rs::digest::{Context, SHA256};
use foldhash::fast::RandomState;

use crate::IssuerName;

/// The maximum number of statements of an issuer that are remembered. If there are more, the oldest
/// is forgotten: a repetition of it denies the same tokens again.
const MAX_REMEMBERED: usize = 10_000;

/// The statements that were processed, by their issuers.
#[derive(Debug)]
pub(super) struct ReplayMemory {
    issuers: Mutex<HashMap<IssuerName, Processed>>,
    max_remembered: usize,
}

/// The statements of one issuer.
#[derive(Debug, Default)]
struct Processed {
    ids: HashSet<StatementId, RandomState>,
    /// The statements in the order in which they were processed, with the time until which they are
    /// remembered.
    order: VecDeque<(StatementId, SystemTime)>,
}

/// The kind of a statement. A `jti` identifies a statement among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatementKind {
    LogoutToken,
    SecurityEvent,
}

/// The first 128 bits of a SHA-256 hash over the kind, `iss` and `jti` of a statement, so that each
/// needs little memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StatementId([u8; 16]);

impl StatementId {
    pub(super) fn new(kind: StatementKind, iss: &str, jti: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(match kind {
            StatementKind::LogoutToken => b"l",
            StatementKind::SecurityEvent => b"e",
        });
        context.update(&(iss.len() as u64).to_be_bytes());
        context.update(iss.as_bytes());
        context.update(jti.as_bytes());
        let digest = context.finish();
        let mut id = [0; 16];
        id.copy_from_slice(&digest.as_ref()[..16]);
        Self(id)
    }
}

impl Default for ReplayMemory {
    fn default() -> Self {
        Self { issuers: Mutex::default(), max_remembered: MAX_REMEMBERED }
    }
}

impl ReplayMemory {
    #[cfg(test)]
    pub(super) fn of(max_remembered: usize) -> Self {
        Self { issuers: Mutex::default(), max_remembered }
    }

    /// Returns whether a statement was processed.
    pub(super) fn contains(&self, issuer: &IssuerName, id: StatementId) -> bool {
        let issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        issuers.get(issuer).is_some_and(|processed| processed.ids.contains(&id))
    }

    /// Remembers a statement that was processed at the time `now`, for the time `retention`.
    pub(super) fn remember(
        &self,
        issuer: &IssuerName,
        id: StatementId,
        now: SystemTime,
        retention: Duration,
    ) {
        let mut issuers = self.issuers.lock().unwrap_or_else(PoisonError::into_inner);
        let processed = issuers.entry(issuer.clone()).or_default();
        if processed.ids.contains(&id) {
            return;
        }
        while let Some((oldest, until)) = processed.order.front()
            && (*until <= now || processed.order.len() >= self.max_remembered)
        {
            processed.ids.remove(oldest);
            processed.order.pop_front();
        }
        processed.ids.insert(id);
        processed.order.push_back((id, now.checked_add(retention).unwrap_or(now)));
    }
}

#[cfg(test)]
mod tests;
