//! Verifies access tokens. `pipeline` has the verification steps, which never wait. `waiting`
//! waits for keys or for a verification permit, and then runs the steps again. `statement`
//! verifies signed tokens of other kinds in the same way.

mod builder;
mod cache;
pub(crate) mod counters;
mod diagnostics;
mod error;
mod header_memo;
mod health;
mod introspected;
mod issuer_entry;
mod issuer_table;
mod limits;
mod pipeline;
mod ready;
mod reload;
mod reload_state;
mod signed_answer;
mod statement;
mod waiting;

use std::sync::Arc;

use passport_core::SharedClock;

pub use self::{
    builder::TokenVerifierBuilder,
    error::{ReadyError, VerifyError},
    health::{IssuerHealth, ReadyPolicy, VerifierHealth},
    reload::IssuerChanges,
};
pub(crate) use self::{
    issuer_table::IssuerTable,
    pipeline::{Verified, VerifyProgress},
    statement::Statement,
};
use self::{limits::VerificationPermit, pipeline::Pipeline};
use crate::{DenyList, IdInfo};

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
        let verifier = Self { pipeline: Arc::new(pipeline) };
        verifier.verify_signed_answers();
        verifier
    }

    /// Verifies a token in the compact form, without the prefix `Bearer`.
    ///
    /// Waits in two cases, for at most 2 s in total:
    /// - No known key verifies the token: waits for a JWKS refresh. Concurrent calls share one
    ///   refresh.
    /// - All verification permits are in use: waits for a permit.
    ///
    /// If the [`IntrospectionMode`](crate::IntrospectionMode) of the issuer requires it, waits for
    /// the issuer's answer as well, for at most twice the
    /// [`timeout`](crate::Introspection::timeout). Concurrent calls with one token share a request.
    ///
    /// # Errors
    /// - [`VerifyError::Rejected`]: the token is invalid.
    /// - [`VerifyError::KeysUnavailable`], in two cases:
    ///   - There are no keys, or all keys have expired.
    ///   - No known key verifies the token, and the refresh of the keys has failed or is still
    ///     running. Without a tokio runtime, no refresh can begin, so no keys can be fetched.
    /// - [`VerifyError::IntrospectionUnavailable`]: the issuer gives no valid answer.
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
            VerifyProgress::Done(Ok(Verified::Caller(caller))) => Ok(caller),
            progress => self.verify_after(progress, token).await,
        }
    }

    /// Verifies a token on this thread without waiting. Returns `None` if no known key verifies the
    /// token and a JWKS refresh is running. This method starts that refresh if necessary. Also
    /// returns `None` if the issuer must be asked about the token; this method does not ask it. To
    /// wait, use [`verify`](Self::verify).
    ///
    /// Use this method in code that is not async. The limit on concurrent signature verifications
    /// does not apply, because the verification occupies only the calling thread.
    ///
    /// # Errors
    /// The inner result has the errors of [`verify`](Self::verify).
    #[must_use]
    pub fn try_verify(&self, token: &str) -> Option<Result<IdInfo, VerifyError>> {
        match self.pipeline.verify(token.as_bytes(), Some(VerificationPermit::unlimited()), true) {
            VerifyProgress::Done(Ok(Verified::Caller(caller))) => Some(Ok(caller)),
            VerifyProgress::Done(Err(error)) => Some(Err(error)),
            VerifyProgress::Done(Ok(_)) | VerifyProgress::Waiting(_) => None,
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
    /// The clock, the [deny list](TokenVerifierBuilder::deny_list) and the predicate of
    /// [`reject_if`](TokenVerifierBuilder::reject_if) of the verifier are kept.
    /// [`IssuerChanges::needs_restart`] lists the other options that a verifier cannot change.
    ///
    /// # Errors
    /// [`ConfigError`](crate::ConfigError), with one problem for each invalid option. The verifier
    /// is then unchanged.
    pub fn replace(
        &self,
        builder: TokenVerifierBuilder,
    ) -> Result<IssuerChanges, passport_core::ConfigError> {
        let changes = self.pipeline.replace(builder)?;
        self.verify_signed_answers();
        Ok(changes)
    }

    /// Returns the deny list of the verifier.
    pub(crate) fn deny_list(&self) -> Option<&DenyList> {
        self.pipeline.deny_list.as_ref()
    }

    /// Returns the clock of the verifier.
    pub(crate) fn clock(&self) -> &SharedClock {
        &self.pipeline.clock
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

    /// Verifies a token without waiting: the fast path. Unless the token is accepted or rejected,
    /// the result is the argument for [`verify_after`](Self::verify_after).
    #[inline]
    pub(crate) fn verify_now(&self, token: &[u8]) -> VerifyProgress {
        self.pipeline.verify(token, None, true)
    }

    /// Waits for keys or a permit, and verifies the token again: the slow path. All these waits of
    /// one token share one time limit. Then asks the issuer about the token, if necessary.
    pub(crate) async fn verify_after(
        &self,
        progress: VerifyProgress,
        token: &[u8],
    ) -> Result<IdInfo, VerifyError> {
        let verified = match progress {
            VerifyProgress::Done(outcome) => outcome?,
            VerifyProgress::Waiting(wait) => {
                let verify = |permit, may_refresh| self.pipeline.verify(token, permit, may_refresh);
                let outcome = self.wait_and_verify(wait, verify).await;
                if matches!(outcome, Err(VerifyError::Overloaded { .. })) {
                    counters::overloaded();
                }
                outcome?
            }
        };
        self.confirmed(verified, token).await
    }
}

#[cfg(test)]
mod tests;
