//! The state of one cached secret, and the decisions that follow from this state. Does no I/O
//! and reads no clock: functions take the time as an argument.

use std::time::Duration;

use passport_core::{ResolvedSecret, SecretError};

use crate::read_backoff::ReadBackoff;

/// How long the previous secret is kept after a rotation. It is the fallback if Passport rejects
/// the new secret: a node of Passport may take five minutes to accept the new secret. The time
/// is not much longer, because Passport audits each rejection before the fallback.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// The state of one secret in the cache. A `Duration` that is a point in time is read from a
/// monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct SecretState {
    cached: Option<CachedSecret>,
    /// The secret before the last rotation, and the time of the last rotation.
    previous: Option<(ResolvedSecret, Duration)>,
    backoff: ReadBackoff,
}

/// A cached secret, and the times that determine whether it is fresh.
#[derive(Debug)]
struct CachedSecret {
    secret: ResolvedSecret,
    /// When the read of the secret began.
    read_at: Duration,
    /// When the secret expires. `None` if the provider reported no expiry, or if the expiry had
    /// already passed when the secret was read.
    expires_at: Option<Duration>,
}

/// The result of a lookup in the cache.
#[derive(Debug)]
pub(crate) enum SecretLookup {
    /// The cached secret, which the caller uses without a read from the provider.
    Fresh(ResolvedSecret),
    /// A read from the provider is due. If a secret is cached, this is the cached secret, which the
    /// caller uses if the read fails or is slow.
    Due(Option<ResolvedSecret>),
    /// No secret is cached, and a read failed with this error. No read is started until the backoff
    /// ends.
    Failed(SecretError),
}

impl CachedSecret {
    /// Returns whether the secret must be read again at `now`: the secret is at least as old as
    /// `refresh_interval`, or it has expired.
    fn is_due(&self, now: Duration, refresh_interval: Duration) -> bool {
        now.saturating_sub(self.read_at) >= refresh_interval || self.expires_at.is_some_and(|end| now >= end)
    }
}

impl SecretState {
    /// Returns what a caller at `now` gets: a secret, the last error, or that a read is due. A
    /// secret is fresh for `refresh_interval`. During the backoff, a cached secret of any age
    /// counts as fresh.
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

    /// Returns the result for a caller after Passport rejected the secret `rejected`, if no read
    /// from the provider is needed:
    ///
    /// - the cached secret, if it is not the rejected secret;
    /// - during the backoff, the cached secret, or the last error if no secret is cached.
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

    /// Returns the previous secret if `rejected` is the cached secret, and if it replaced the
    /// previous secret less than 10 minutes ago: a node of Passport may still accept only the
    /// previous secret. Otherwise returns `None`.
    pub(crate) fn previous(&self, rejected: &ResolvedSecret, now: Duration) -> Option<ResolvedSecret> {
        let is_rejected = self.cached.as_ref().is_some_and(|cached| cached.secret.has_same_secret(rejected));
        let (previous, replaced_at) = self.previous.as_ref().filter(|_| is_rejected)?;
        (now.saturating_sub(*replaced_at) < OVERLAP).then(|| previous.clone())
    }

    /// Stores `secret`, which was read at `now`, as the cached secret, and ends the backoff.
    /// `expires_in` is the time until the secret expires, or `None` if it has no known expiry or
    /// has expired. Returns whether `secret` replaces another secret.
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

    /// Stores the `error` of a read that failed at `now`, and starts a backoff. `chance` is a
    /// random number in 0..1 for the jitter of the backoff.
    ///
    /// Returns the cached secret. If no secret is cached, returns `error`. A definitive error first
    /// removes the cached secret and the previous secret.
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
