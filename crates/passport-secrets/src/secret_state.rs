//! What is known of one secret, and what follows from it. Pure: everything takes the time as an
//! argument.

use std::time::Duration;

use passport_core::{ResolvedSecret, SecretError};

use crate::read_backoff::ReadBackoff;

/// How long the previous secret is kept after a rotation: each of Passport's nodes may take five
/// minutes to know the new one. Not for much longer, as it is tried only after the new one was
/// rejected, which is an entry in Passport's audit.
const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// One secret. Times are those of a monotonic clock.
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
    /// When it ends, if that was in the future when it was read.
    ends_at: Option<Duration>,
}

/// What a caller may do.
#[derive(Debug)]
pub(crate) enum SecretLookup {
    /// Use this secret; there is no need to ask the provider.
    Fresh(ResolvedSecret),
    /// Ask the provider; use this secret if it does not answer.
    Due(Option<ResolvedSecret>),
    /// Fail: there is no secret, and it is too soon to ask again.
    Failed(SecretError),
}

impl CachedSecret {
    fn is_due(&self, now: Duration, time_to_live: Duration) -> bool {
        now.saturating_sub(self.read_at) >= time_to_live || self.ends_at.is_some_and(|end| now >= end)
    }
}

impl SecretState {
    /// Returns what a caller may do at `now`, if secrets are fresh for `time_to_live`.
    pub(crate) fn lookup(&self, now: Duration, time_to_live: Duration) -> SecretLookup {
        match (&self.cached, self.backoff.error(now)) {
            (Some(cached), None) if cached.is_due(now, time_to_live) => {
                SecretLookup::Due(Some(cached.secret.clone()))
            }
            (Some(cached), _) => SecretLookup::Fresh(cached.secret.clone()),
            (None, Some(error)) => SecretLookup::Failed(error.clone()),
            (None, None) => SecretLookup::Due(None),
        }
    }

    /// Returns the outcome at `now` for a caller whose secret was rejected: another secret, or the
    /// one there is while the provider is backed off. `None` if the provider is to be asked.
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

    /// Returns the secret to try at `now` if `rejected` is the one that the provider has: the
    /// previous one, which Passport may still know when it does not know the new one yet.
    pub(crate) fn previous(&self, rejected: &ResolvedSecret, now: Duration) -> Option<ResolvedSecret> {
        let is_rejected = self.cached.as_ref().is_some_and(|cached| cached.secret.has_same_secret(rejected));
        let (previous, replaced_at) = self.previous.as_ref().filter(|_| is_rejected)?;
        (now.saturating_sub(*replaced_at) < OVERLAP).then(|| previous.clone())
    }

    /// Records that the provider gave `secret`, which ends in `ends_in`, if that is known. Returns
    /// whether it is another one than before.
    pub(crate) fn record_success(
        &mut self,
        secret: ResolvedSecret,
        now: Duration,
        ends_in: Option<Duration>,
    ) -> bool {
        self.backoff = ReadBackoff::default();
        let ends_at = ends_in.map(|time| now + time);
        let is_other = |old: &mut CachedSecret| !old.secret.has_same_secret(&secret);
        let replaced = self.cached.take_if(is_other);
        self.cached = Some(CachedSecret { secret, read_at: now, ends_at });
        if let Some(old) = replaced {
            self.previous = Some((old.secret, now));
            return true;
        }
        self.previous.take_if(|(_, replaced_at)| now.saturating_sub(*replaced_at) >= OVERLAP);
        false
    }

    /// Records that the provider failed. Returns the secret that was read before, unless the error
    /// says that it has ended. `chance` is in 0..1.
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
