use std::time::Duration;

use crate::hedged;

use super::{ResolvedSecret, SecretError, SecretProvider, SecretRef, SecretSource};

/// A source, and another one for when it fails or is slow. Both have references of their own.
#[derive(Debug)]
pub(super) struct FirstOf {
    pub(super) first: SecretSource,
    pub(super) second: SecretSource,
}

/// After this time without a result, the second source is read as well. A deadline instead would
/// cut off a vault that is slow but works, or leave no time for the other source.
const HEAD_START: Duration = Duration::from_secs(2);

type Resolved = Result<ResolvedSecret, SecretError>;

impl SecretProvider for FirstOf {
    async fn resolve(&self, _: &SecretRef) -> Resolved {
        first_good(self.first.resolve(), || self.second.resolve(), Result::is_ok).await
    }

    /// A source that gives what was refused has not answered.
    async fn refresh(&self, _: &SecretRef, refused: &ResolvedSecret) -> Resolved {
        let is_another = |read: &Resolved| read.as_ref().is_ok_and(|read| !read.has_same_secret(refused));
        let second = || self.second.refresh(refused);
        first_good(self.first.refresh(refused), second, is_another).await
    }
}

/// Returns the first good outcome, else the first secret, else the reasons of both.
async fn first_good<F: Future<Output = Resolved>>(
    first: impl Future<Output = Resolved>,
    second: impl Fn() -> F,
    is_good: impl Fn(&Resolved) -> bool,
) -> Resolved {
    let (first, second) = match hedged(HEAD_START, first, second(), &is_good).await {
        Ok(outcome) if is_good(&outcome) => return outcome,
        Ok(first) => (first, second().await),
        Err(both) => both,
    };
    match (first, second) {
        (_, second) if is_good(&second) => second,
        (Ok(first), _) => Ok(first),
        (Err(_), Ok(second)) => Ok(second),
        (Err(first), Err(second)) => Err(first.and(&second)),
    }
}

#[cfg(test)]
mod tests;
