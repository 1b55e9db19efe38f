//! The state of one cached secret, and the decisions that follow from it. Does no I/O and reads
//! no clock: functions take the time as an argument.

use std::time::Duration;

use passport_core::{ResolvedSecret, SecretError};

use crate::read_backoff::ReadBackoff;

/// How long the previous secret is kept after a rotation, as a fallback if Passport rejects the
/// new one: a node of Passport may take five minutes to accept it. Not much longer, because
/// Passport audits each rejection that precedes the fallback.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// The state of one secret in the cache. Points in time are those of a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct SecretState {
    cached: Option<CachedSecret>,
    /// The secret before the last rotation, and the time of that rotation.
    previous: Option<(ResolvedSecret, Duration)>,
    backoff: ReadBackoff,
}

/// A secret, and until when it is fresh.
#[derive(Debug)]
struct CachedSecret {
    secret: ResolvedSecret,
    /// When the read of the secret began.
    read_at: Duration,
    /// When the secret expires. `None` if the provider reported no expiry, or one that had passed
    /// when the secret was read.
    expires_at: Option<Duration>,
}

/// What the cache has for a caller.
#[derive(Debug)]
pub(crate) enum SecretLookup {
    /// The caller uses this secret without a read.
    Fresh(ResolvedSecret),
    /// A read is due. If it fails or is slow, the caller uses this cached secret, if there is one.
    Due(Option<ResolvedSecret>),
    /// There is no cached secret, and no read is started, because of the backoff after this error.
    Failed(SecretError),
}

impl CachedSecret {
    /// Returns whether the secret must be read again: it is older than `refresh_interval`, or it
    /// has expired.
    fn is_due(&self, now: Duration, refresh_interval: Duration) -> bool {
        now.saturating_sub(self.read_at) >= refresh_interval || self.expires_at.is_some_and(|end| now >= end)
    }
}

impl SecretState {
    /// Returns what a caller at `now` can use. A secret is fresh for `refresh_interval`.
    pub(crate) fn lookup(&self, now: Duration, refresh_interval: Duration) -> SecretLookup {
        match (&self.cached, self.backoff.error(now)) {
            (Some(cached), None) if cached.is_due(now, refresh_interval) => {
                SecretLookup::Due(Some(cached.secret.clone()))
            }
            (Some(cached), _) => SecretLookup::Fresh(cached.secret.clone()),
            (None, Some(error)) => SecretLookup::Failed(error.clone()),
            (None, None) => SecretLookup::Due(None),
        }
    }

    /// Returns the result for a caller whose secret was `rejected` by Passport, if no read is
    /// needed:
    ///
    /// - the cached secret, if it is another one than the rejected;
    /// - during the backoff, the cached secret, or the last error if there is none.
    ///
    /// Returns `None` if the secret must be read again.
    pub(crate) fn after_rejection(
        &self,
        rejected: &ResolvedSecret,
        now: Duration,
    ) -> Option<Result<ResolvedSecret, SecretError>> {
        match (&self.cached, self.backoff.error(now)) {
            (Some(cached), _) if !cached.secret.has_same_secret(rejected) => Some(Ok(cached.secret.clone())),
            (Some(cached), Some(_)) => Some(Ok(cached.secret.clone())),
            (None, Some(error)) => Some(Err(error.clone())),
            (_, None) => None,
        }
    }

    /// Returns the previous secret if `rejected` is the cached one and replaced it less than 10
    /// minutes ago: a node of Passport may still accept only the previous secret.
    pub(crate) fn previous(&self, rejected: &ResolvedSecret, now: Duration) -> Option<ResolvedSecret> {
        let is_rejected = self.cached.as_ref().is_some_and(|cached| cached.secret.has_same_secret(rejected));
        let (previous, replaced_at) = self.previous.as_ref().filter(|_| is_rejected)?;
        (now.saturating_sub(*replaced_at) < OVERLAP).then(|| previous.clone())
    }

    /// Records that `secret` was read at `now`, and ends the backoff. `expires_in` is the time
    /// until the secret expires, if that is known. Returns whether it replaces another secret.
    pub(crate) fn record_success(
        &mut self,
        secret: ResolvedSecret,
        now: Duration,
        expires_in: Option<Duration>,
    ) -> bool {
        self.backoff = ReadBackoff::default();
        let expires_at = expires_in.map(|time| now + time);
        let is_other = |old: &mut CachedSecret| !old.secret.has_same_secret(&secret);
        let replaced = self.cached.take_if(is_other);
        self.cached = Some(CachedSecret { secret, read_at: now, expires_at });
        if let Some(old) = replaced {
            self.previous = Some((old.secret, now));
            return true;
        }
        self.previous.take_if(|(_, replaced_at)| now.saturating_sub(*replaced_at) >= OVERLAP);
        false
    }

    /// Records a failed read at `now`, and starts a backoff. `chance` is a random number in 0..1
    /// for the jitter of the backoff.
    ///
    /// Returns the cached secret if there is one, otherwise `error`. A definitive error removes the
    /// cached secret and the previous one.
    pub(crate) fn record_failure(
        &mut self,
        error: SecretError,
        now: Duration,
        chance: f64,
    ) -> Result<ResolvedSecret, SecretError> {
        if error.is_definitive() {
            (self.cached, self.previous) = (None, None);
        }
        self.backoff.record_failure(error.clone(), now, chance);
        self.cached.as_ref().map(|cached| cached.secret.clone()).ok_or(error)
    }
}

#[cfg(test)]
mod tests;
