use std::time::Duration;

use crate::hedged;

use super::{ResolvedSecret, SecretError, SecretProvider, SecretRef, SecretSource};

/// A secret source with a fallback: `second` is read if `first` fails or is slow.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FirstOf {
    pub(super) first: SecretSource,
    pub(super) second: SecretSource,
}

/// How long the first source is read alone. After this time, the second source is read
/// concurrently. The first source has no deadline: a deadline would abort reading from a vault
/// that is slow but works, or leave no time for the second source.
const HEAD_START: Duration = Duration::from_secs(2);

type Resolved = Result<ResolvedSecret, SecretError>;

impl SecretProvider for FirstOf {
    async fn resolve(&self, _: &SecretRef) -> Resolved {
        first_acceptable(self.first.resolve(), || self.second.resolve(), Result::is_ok).await
    }

    /// Reads both sources as `resolve` does. A source that still returns the rejected secret counts
    /// as failed.
    async fn refresh(&self, _: &SecretRef, rejected: &ResolvedSecret) -> Resolved {
        let is_new = |read: &Resolved| read.as_ref().is_ok_and(|read| !read.has_same_secret(rejected));
        let second = || self.second.refresh(rejected);
        first_acceptable(self.first.refresh(rejected), second, is_new).await
    }
}

/// Reads `first`. Also reads `second` if `first` is slow, or if the result of `first` is not
/// acceptable.
///
/// - Returns the first result for which `is_acceptable` returns true.
/// - If neither result is acceptable, returns the secret that `first` has read, or else the
///   secret that `second` has read.
/// - If neither has read a secret, returns an error with the reasons of both.
async fn first_acceptable<F: Future<Output = Resolved>>(
    first: impl Future<Output = Resolved>,
    second: impl Fn() -> F,
    is_acceptable: impl Fn(&Resolved) -> bool,
) -> Resolved {
    let (first, second) = match hedged(HEAD_START, first, second(), &is_acceptable).await {
        Ok(outcome) if is_acceptable(&outcome) => return outcome,
        Ok(first) => (first, second().await),
        Err(both) => both,
    };
    match (first, second) {
        (_, second) if is_acceptable(&second) => second,
        (Ok(first), _) => Ok(first),
        (Err(_), Ok(second)) => Ok(second),
        (Err(first), Err(second)) => Err(first.and(&second)),
    }
}

#[cfg(test)]
mod tests;
