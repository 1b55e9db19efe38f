use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use arc_swap::{ArcSwapOption, Guard};
use passport_core::{AccessToken, SingleFlight};

use crate::{
    TokenError,
    refresh::{Backoff, Schedule},
};

/// A token and when it is to be refreshed.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) token: AccessToken,
    pub(crate) schedule: Schedule,
}

/// What all callers of one attempt get.
pub(crate) type Outcome = Result<Arc<Kept>, TokenError>;

/// The place of one token: the token itself, the attempt to replace it, and how the last attempts went.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    kept: ArcSwapOption<Kept>,
    pub(crate) flights: SingleFlight<Outcome>,
    trouble: Mutex<Trouble>,
}

#[derive(Debug, Default)]
struct Trouble {
    backoff: Backoff,
    last: Option<TokenError>,
    /// Whether the last attempt was lost.
    lost: bool,
}

impl Slot {
    /// The current token. No lock, no reference count.
    pub(crate) fn kept(&self) -> Guard<Option<Arc<Kept>>> {
        self.kept.load()
    }

    /// Takes a new token in and forgets past failures.
    pub(crate) fn install(&self, kept: Arc<Kept>) {
        self.kept.store(Some(kept));
        *self.trouble() = Trouble::default();
    }

    /// Notes a failed attempt; the next one has to wait a little. `random` is in 0..1.
    pub(crate) fn note_failure(&self, error: &TokenError, now: SystemTime, random: f64) {
        let mut trouble = self.trouble();
        trouble.backoff.note_failure(now, random);
        trouble.last = Some(error.clone());
    }

    /// Notes an attempt that was lost. The first may have gone with somebody's runtime and is made again at once; from the
    /// second in a row on, a loss is a failure.
    pub(crate) fn note_loss(&self, error: &TokenError, now: SystemTime, random: f64) {
        if mem::replace(&mut self.trouble().lost, true) {
            self.note_failure(error, now, random);
        }
    }

    /// The last error, while it is too soon for another attempt.
    pub(crate) fn pausing(&self, now: SystemTime) -> Option<TokenError> {
        let trouble = self.trouble();
        if trouble.backoff.is_pausing(now) { trouble.last.clone() } else { None }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
