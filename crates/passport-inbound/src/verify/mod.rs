//! Verifies tokens: form, key, signature, claims. `pipeline` has the steps.

mod builder;
mod cache;
pub(crate) mod counters;
mod diagnostics;
mod error;
mod limits;
mod pipeline;

use std::{sync::Arc, time::Duration};

pub(crate) use self::pipeline::VerifyProgress;
pub use self::{
    builder::TokenVerifierBuilder,
    error::{ReadyError, VerifyError},
};
use self::{
    limits::VerificationPermit,
    pipeline::{Pipeline, Wait},
};
use crate::{
    IdInfo,
    jwks::{JwksHealth, RefreshStatus},
};

/// When a caller that got no permit should try again.
const SOON: Duration = Duration::from_secs(1);

/// How long [`TokenVerifier::ready`] waits for one attempt: it may be on a stalled runtime, while
/// another attempt has fetched keys.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a request waits for keys: for those of the key file, for those that the issuer may
/// have sent before it published the token's key, and for newer ones.
const MAX_WAITS: u32 = 3;

/// Verifies tokens, without an HTTP framework.
///
/// Cheap to clone; clones share the keys and the cached tokens. Building one does no I/O; the keys
/// are fetched for the first token, or by [`ready`](Self::ready). From then on a task refreshes
/// them, on that runtime or, when that has ended, on the one of the next request that needs keys;
/// until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    pipeline: Arc<Pipeline>,
}

impl TokenVerifier {
    pub(crate) fn new(pipeline: Pipeline) -> Self {
        Self { pipeline: Arc::new(pipeline) }
    }

    /// Verifies a token in the compact form, without the `Bearer` in front of it.
    ///
    /// Waits, for 2 s at most, only if the token's key is not known (for the one refresh that all
    /// callers share) or if all verification permits are in use.
    ///
    /// # Errors
    /// [`VerifyError::Rejected`] when the token is not acceptable, [`VerifyError::KeysUnavailable`]
    /// when there are no keys, or none that verifies the token while a refresh has failed or is
    /// still running (keys cannot be fetched without a tokio runtime), [`VerifyError::Overloaded`]
    /// when there was no verification permit in time.
    ///
    /// # Panics
    /// On a tokio runtime whose timer is not enabled, if it has to wait.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a refresh running for the others.
    pub async fn verify(&self, token: &str) -> Result<IdInfo, VerifyError> {
        let token = token.as_bytes();
        match self.verify_now(token) {
            VerifyProgress::Done(outcome) => outcome,
            VerifyProgress::Waiting(wait) => self.verify_after(wait, token).await,
        }
    }

    /// Verifies a token at once, on this thread. Returns `None` if its key is not known and newer
    /// keys are being fetched: [`verify`](Self::verify) waits for them. The limit on concurrent
    /// verifications does not apply.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    #[must_use]
    pub fn try_verify(&self, token: &str) -> Option<Result<IdInfo, VerifyError>> {
        match self.pipeline.verify(token.as_bytes(), Some(VerificationPermit::unlimited()), true) {
            VerifyProgress::Done(outcome) => Some(outcome),
            VerifyProgress::Waiting(_) => None,
        }
    }

    /// Waits until there are keys, so that the first request does not wait for them.
    ///
    /// Retries temporary failures without a limit; wrap it in `tokio::time::timeout` if the service
    /// should start anyway.
    ///
    /// # Errors
    /// When waiting is not likely to help: the issuer's discovery document contradicts the
    /// configuration, none of its keys is usable, its certificate is not trusted or this machine
    /// has no root certificates, it does not speak HTTP/1.1, or there is no tokio runtime.
    ///
    /// # Panics
    /// On a tokio runtime whose timer is not enabled.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        let Pipeline { jwks, clock, .. } = &*self.pipeline;
        loop {
            let now = clock.now();
            if jwks.current(now).is_some() {
                return Ok(());
            }
            if tokio::runtime::Handle::try_current().is_err() {
                return Err(ReadyError("there is no tokio runtime to fetch the signing keys on".to_owned()));
            }
            match jwks.refresh(None, now) {
                RefreshStatus::Running(keys) => {
                    drop(tokio::time::timeout(ATTEMPT_TIMEOUT, keys.outcome()).await);
                }
                RefreshStatus::NotYet(pause) => match jwks.lasting_failure() {
                    Some(why) => return Err(ReadyError(why)),
                    None => tokio::time::sleep(pause.left).await,
                },
                RefreshStatus::Newer => {}
            }
        }
    }

    /// Returns the health of the signing keys, for readiness probes and status pages. Sends no
    /// request.
    #[must_use]
    pub fn health(&self) -> JwksHealth {
        self.pipeline.jwks.health()
    }

    #[cfg(test)]
    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// The hot path: synchronous.
    pub(crate) fn verify_now(&self, token: &[u8]) -> VerifyProgress {
        self.pipeline.verify(token, None, true)
    }

    /// The slow path: waits, and verifies the token again. All waits share one time limit.
    pub(crate) async fn verify_after(&self, wait: Wait, token: &[u8]) -> Result<IdInfo, VerifyError> {
        // Without a runtime nothing is fetched, and there is no timer to end the wait.
        if tokio::runtime::Handle::try_current().is_err() {
            return self.verify_last(token, Some(VerificationPermit::unlimited()));
        }
        let max_wait = self.pipeline.jwks.max_wait();
        match tokio::time::timeout(max_wait, self.wait_and_verify(wait, token)).await {
            Ok(outcome) => outcome,
            Err(_) => self.verify_last(token, None),
        }
    }

    async fn wait_and_verify(&self, mut wait: Wait, token: &[u8]) -> Result<IdInfo, VerifyError> {
        let (mut waits, mut slot) = (0, None);
        loop {
            slot = self.pipeline.queues.slot(slot, matches!(wait, Wait::Keys(_)));
            if slot.is_none() {
                return self.verify_last(token, None);
            }
            let permit = match wait {
                Wait::Keys(keys) => {
                    // A fetch that was dropped with its runtime does not count: this call starts
                    // another.
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

    /// Verifies a token without waiting any more.
    fn verify_last(&self, token: &[u8], permit: Option<VerificationPermit>) -> Result<IdInfo, VerifyError> {
        match self.pipeline.verify(token, permit, false) {
            VerifyProgress::Done(outcome) => outcome,
            VerifyProgress::Waiting(_) => {
                counters::overloaded();
                Err(VerifyError::Overloaded { retry_after: SOON })
            }
        }
    }
}

#[cfg(test)]
mod tests;
