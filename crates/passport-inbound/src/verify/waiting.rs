//! Waits for keys or for a verification permit, and verifies again.

use std::time::Duration;

use super::{
    TokenVerifier, VerifyError,
    limits::VerificationPermit,
    pipeline::{VerifyProgress, Wait},
};

/// The `retry_after` of [`VerifyError::Overloaded`]. The 503 response contains this duration as
/// `Retry-After`.
const OVERLOAD_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The maximum number of JWKS refreshes that one token waits for. In the worst case, three are
/// needed:
/// 1. The first refresh only loads the cache file.
/// 2. The second refresh reads the key set before the issuer publishes the token's key.
/// 3. The third refresh reads the token's key.
const MAX_WAITS: u32 = 3;

impl TokenVerifier {
    /// Waits for keys or a permit, and calls `verify` again, until the token is accepted or
    /// rejected. All waits share one time limit. The arguments of `verify` are the permit, if one
    /// was acquired, and whether the token may cause a refresh of the keys.
    pub(super) async fn wait_and_verify<T>(
        &self,
        wait: Wait,
        verify: impl Fn(Option<VerificationPermit>, bool) -> VerifyProgress<T>,
    ) -> Result<T, VerifyError> {
        // Without a runtime, no keys are fetched and no timer would end the wait.
        if tokio::runtime::Handle::try_current().is_err() {
            return last(verify(Some(VerificationPermit::unlimited()), false));
        }
        let max_wait = self.pipeline.max_wait;
        match tokio::time::timeout(max_wait, self.repeat(wait, &verify)).await {
            Ok(outcome) => outcome,
            Err(_) => last(verify(None, false)),
        }
    }

    /// Repeats waiting and verifying. If the wait queue is full, verifies the token a last time
    /// instead of waiting.
    async fn repeat<T>(
        &self,
        mut wait: Wait,
        verify: &impl Fn(Option<VerificationPermit>, bool) -> VerifyProgress<T>,
    ) -> Result<T, VerifyError> {
        let (mut waits, mut slot) = (0, None);
        loop {
            let keys = if let Wait::Keys(_, queue) = &wait { Some(queue) } else { None };
            slot = self.pipeline.permit_queue.slot(slot, keys);
            if slot.is_none() {
                return last(verify(None, false));
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
            match verify(permit, waits < MAX_WAITS) {
                VerifyProgress::Done(outcome) => return outcome,
                VerifyProgress::Waiting(next) => wait = next,
            }
        }
    }
}

/// Returns the result of a verification with the keys that are installed now, which caused no
/// refresh. If all permits are in use, returns [`VerifyError::Overloaded`] instead of waiting.
fn last<T>(progress: VerifyProgress<T>) -> Result<T, VerifyError> {
    match progress {
        VerifyProgress::Done(outcome) => outcome,
        VerifyProgress::Waiting(_) => Err(VerifyError::Overloaded { retry_after: OVERLOAD_RETRY_AFTER }),
    }
}
