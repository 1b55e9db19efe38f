//! Verifies access tokens. `pipeline` has the verification steps, which never wait. This module
//! waits for keys or for a verification permit, and then runs the steps again.

mod builder;
mod cache;
pub(crate) mod counters;
mod diagnostics;
mod error;
mod header_memo;
mod health;
mod issuer_entry;
mod issuer_table;
mod limits;
mod pipeline;
mod ready;
mod reload;
mod reload_state;

use std::{sync::Arc, time::Duration};

pub use self::{
    builder::TokenVerifierBuilder,
    error::{ReadyError, VerifyError},
    health::{IssuerHealth, ReadyPolicy, VerifierHealth},
    reload::IssuerChanges,
};
pub(crate) use self::{issuer_table::IssuerTable, pipeline::VerifyProgress};
use self::{
    limits::VerificationPermit,
    pipeline::{Pipeline, Wait},
};
use crate::IdInfo;

/// The `retry_after` of [`VerifyError::Overloaded`]. The 503 response contains this duration as
/// `Retry-After`.
const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The maximum number of JWKS refreshes that one token waits for. In the worst case, three are
/// needed:
/// 1. The first refresh only loads the cache file.
/// 2. The second refresh reads the key set before the issuer publishes the token's key.
/// 3. The third refresh reads the token's key.
const MAX_WAITS: u32 = 3;

/// Verifies tokens without an HTTP framework, for example in a consumer of a message queue.
///
/// Cloning a verifier is cheap. All clones share the keys and the cached tokens. Building a
/// verifier does no I/O. The keys are fetched when the first token is verified or when
/// [`ready`](Self::ready) is called, on the tokio runtime of that call. From the first fetch on,
/// a background task on that runtime refreshes the keys until the last clone is dropped. If that
/// runtime ends, the next call that needs newer keys starts another task, on the runtime of that
/// call.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use passport_inbound::TokenVerifier;
///
/// let verifier = TokenVerifier::builder("bizfirstgo-api").build()?;
/// verifier.ready().await?;
/// # let token = "";
/// let caller = verifier.verify(token).await?;
/// println!("{} {:?}", caller.user_id(), caller.roles());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    pipeline: Arc<Pipeline>,
}

impl TokenVerifier {
    pub(crate) fn new(pipeline: Pipeline) -> Self {
        Self { pipeline: Arc::new(pipeline) }
    }

    /// Verifies a token in the compact form, without the prefix `Bearer`.
    ///
    /// Waits in two cases, for at most 2 s in total:
    /// - No known key verifies the token: waits for a JWKS refresh. Concurrent calls share one
    ///   refresh.
    /// - All verification permits are in use: waits for a permit.
    ///
    /// # Errors
    /// - [`VerifyError::Rejected`]: the token is invalid.
    /// - [`VerifyError::KeysUnavailable`], in two cases:
    ///   - There are no keys, or all keys have expired.
    ///   - No known key verifies the token, and the refresh of the keys has failed or is still
    ///     running. Without a tokio runtime, no refresh can begin, so no keys can be fetched.
    /// - [`VerifyError::Overloaded`]: no verification permit was available within the 2 s, or too
    ///   many other calls already wait for a permit.
    ///
    /// # Panics
    /// Panics if the call has to wait, and runs on a tokio runtime without `enable_time`.
    ///
    /// # Cancel safety
    /// Dropping the future does not cancel a JWKS refresh, because other calls can wait for the
    /// same refresh.
    pub async fn verify(&self, token: &str) -> Result<IdInfo, VerifyError> {
        let token = token.as_bytes();
        match self.verify_now(token) {
            VerifyProgress::Done(outcome) => outcome,
            VerifyProgress::Waiting(wait) => self.verify_after(wait, token).await,
        }
    }

    /// Verifies a token on this thread without waiting. Returns `None` if no known key verifies the
    /// token and a JWKS refresh is running. This method starts that refresh if necessary. To wait
    /// for the refresh, use [`verify`](Self::verify).
    ///
    /// Use this method in code that is not async. The limit on concurrent signature verifications
    /// does not apply, because the verification occupies only the calling thread.
    ///
    /// # Errors
    /// The inner result has the errors of [`verify`](Self::verify).
    #[must_use]
    pub fn try_verify(&self, token: &str) -> Option<Result<IdInfo, VerifyError>> {
        match self.pipeline.verify(token.as_bytes(), Some(VerificationPermit::unlimited()), true) {
            VerifyProgress::Done(outcome) => Some(outcome),
            VerifyProgress::Waiting(_) => None,
        }
    }

    /// Returns the health of the signing keys of each trusted issuer, for readiness probes and
    /// dashboards. Sends no request.
    #[must_use]
    pub fn health(&self) -> VerifierHealth {
        let table = self.pipeline.issuers.load();
        VerifierHealth::new(table.entries.iter().map(|entry| entry.health()).collect())
    }

    /// Replaces the trusted issuers and the allowed issuers of tenants by those of `builder`, while
    /// the verifier is in use. All clones of the verifier are changed. Each verification uses
    /// either the old or the new issuers.
    ///
    /// The keys and the cached tokens of an issuer that `builder` does not change are kept. If only
    /// options about claims or tenants change, the keys are kept, and cached tokens are verified
    /// again. Fetches no keys.
    ///
    /// The clock and the predicate of [`reject_if`](TokenVerifierBuilder::reject_if) of the
    /// verifier are kept. [`IssuerChanges::needs_restart`] lists the other options that a verifier
    /// cannot change.
    ///
    /// # Errors
    /// [`ConfigError`](crate::ConfigError), with one problem for each invalid option. The verifier
    /// is then unchanged.
    pub fn replace(
        &self,
        builder: TokenVerifierBuilder,
    ) -> Result<IssuerChanges, passport_core::ConfigError> {
        self.pipeline.replace(builder)
    }

    /// Returns the trusted issuers. A reload replaces the table.
    pub(crate) fn issuers(&self) -> Arc<IssuerTable> {
        self.pipeline.issuers.load_full()
    }

    /// Returns the health of the first issuer's keys.
    #[cfg(test)]
    pub(crate) fn jwks_health(&self) -> crate::JwksHealth {
        self.pipeline.first_issuer().jwks.health()
    }

    #[cfg(test)]
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Verifies a token without waiting: the fast path. If a wait is necessary, returns
    /// [`VerifyProgress::Waiting`] with the argument for [`verify_after`](Self::verify_after).
    #[inline]
    pub(crate) fn verify_now(&self, token: &[u8]) -> VerifyProgress {
        self.pipeline.verify(token, None, true)
    }

    /// Waits for keys or a permit, and verifies the token again: the slow path. All waits of one
    /// token share one time limit.
    pub(crate) async fn verify_after(&self, wait: Wait, token: &[u8]) -> Result<IdInfo, VerifyError> {
        // Without a runtime, no keys are fetched and no timer would end the wait.
        if tokio::runtime::Handle::try_current().is_err() {
            return self.verify_last(token, Some(VerificationPermit::unlimited()));
        }
        let max_wait = self.pipeline.max_wait;
        match tokio::time::timeout(max_wait, self.wait_and_verify(wait, token)).await {
            Ok(outcome) => outcome,
            Err(_) => self.verify_last(token, None),
        }
    }

    /// Repeats waiting and verifying until the token is accepted or rejected. If the wait queue is
    /// full, verifies the token a last time instead of waiting.
    async fn wait_and_verify(&self, mut wait: Wait, token: &[u8]) -> Result<IdInfo, VerifyError> {
        let (mut waits, mut slot) = (0, None);
        loop {
            let keys = if let Wait::Keys(_, queue) = &wait { Some(queue) } else { None };
            slot = self.pipeline.permit_queue.slot(slot, keys);
            if slot.is_none() {
                return self.verify_last(token, None);
            }
            let permit = match wait {
                Wait::Keys(keys, _) => {
                    // An interrupted refresh, for example one that was dropped with its runtime,
                    // does not count: the next verification can start another refresh.
                    waits += u32::from(keys.outcome().await.is_ok());
                    None
                }
                Wait::Permit => self.pipeline.permits.acquire().await,
            };
            match self.pipeline.verify(token, permit, waits < MAX_WAITS) {
                VerifyProgress::Done(outcome) => return outcome,
                VerifyProgress::Waiting(next) => wait = next,
            }
        }
    }

    /// Verifies a token with the keys that are installed now. The token causes no refresh. If all
    /// permits are in use, returns [`VerifyError::Overloaded`] instead of waiting.
    fn verify_last(&self, token: &[u8], permit: Option<VerificationPermit>) -> Result<IdInfo, VerifyError> {
        match self.pipeline.verify(token, permit, false) {
            VerifyProgress::Done(outcome) => outcome,
            VerifyProgress::Waiting(_) => {
                counters::overloaded();
                Err(VerifyError::Overloaded { retry_after: OVERLOAD_RETRY_AFTER })
            }
        }
    }
}

#[cfg(test)]
mod tests;
