//! The state of one cached secret, and the decisions that follow from it. Pure: functions take
//! the time as an argument.

use std::time::Duration;

use passport_core::{ResolvedSecret, SecretError};

use crate::read_backoff::ReadBackoff;

/// How long the previous secret is kept after a rotation: a node of Passport may take five
/// minutes to accept the new one. Not much longer, because each try of the previous secret
/// follows a rejection of the new one, which Passport audits.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// The state of one secret. Times are those of a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct SecretState {
    cached: Option<CachedSecret>,
    /// The previous secret, and when it was replaced.
    previous: Option<(ResolvedSecret, Duration)>,
    backoff: ReadBackoff,
}

#[derive(Debug)]
struct CachedSecret {
    secret: ResolvedSecret,
    read_at: Duration,
    /// When the secret expires. `None` if it does not, or had expired when it was read.
    expires_at: Option<Duration>,
}

/// The result of a cache lookup.
#[derive(Debug)]
pub(crate) enum SecretLookup {
    /// A secret that can be used without a read.
    Fresh(ResolvedSecret),
    /// A read is due. Contains the cached secret, to be used if the read fails or is slow.
    Due(Option<ResolvedSecret>),
    /// There is no secret, and the provider is backed off after this error.
    Failed(SecretError),
}

impl CachedSecret {
    fn is_due(&self, now: Duration, refresh_interval: Duration) -> bool {
        now.saturating_sub(self.read_at) >= refresh_interval || self.expires_at.is_some_and(|end| now >= end)
    }
}

impl SecretState {
    /// Looks up the secret at `now`. A secret is fresh for `refresh_interval`.
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

    /// Returns the result at `now` after Passport rejected a secret: the cached secret if it
    /// is another one or if the provider is backed off. Returns `None` if a read is due.
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

    /// Returns the previous secret if `rejected` is the current one and was read less than 10
    /// minutes ago: a node of Passport may still accept only the previous one.
    pub(crate) fn previous(&self, rejected: &ResolvedSecret, now: Duration) -> Option<ResolvedSecret> {
        let is_rejected = self.cached.as_ref().is_some_and(|cached| cached.secret.has_same_secret(rejected));
        let (previous, replaced_at) = self.previous.as_ref().filter(|_| is_rejected)?;
        (now.saturating_sub(*replaced_at) < OVERLAP).then(|| previous.clone())
    }

    /// Records that `secret` was read at `now` and expires in `expires_in`, if that is known.
    /// Returns whether it replaces another secret.
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

    /// Records a failed read at `now`. Returns the cached secret, unless the error is definitive,
    /// which removes it. `chance` in 0..1 determines the jitter of the backoff.
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
