use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use passport_core::{Clock, Flight};

use crate::{
    IdInfo, RejectionReason, TokenVerifierBuilder, VerifyError,
    claims::Claims,
    jwks::{KeyKeeper, Refresh, Selected, Snapshot},
    jws::Jws,
    policy::Policy,
};

/// Turns a token into an [`IdInfo`], or says why not. Knows no HTTP framework.
///
/// Cheap to clone; clones share the keys. Building one does no I/O; the keys are fetched when the first token comes.
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    policy: Policy,
    keeper: Arc<KeyKeeper>,
    clock: Arc<dyn Clock>,
}

/// What can be said of a token without waiting.
#[derive(Debug)]
pub(crate) enum Verdict {
    Settled(Result<IdInfo, VerifyError>),
    /// Its key is not known; newer keys are on their way.
    KeysOnTheWay(Flight<()>),
}

/// What the keys at hand say to a token.
enum Finding<'a> {
    Settled(Result<IdInfo, RejectionReason>),
    /// Other keys might say more. If there are none, this is the reason; without one, there are no keys at all.
    Unsettled(Jws<'a>, Option<RejectionReason>),
}

impl TokenVerifier {
    /// A verifier of tokens for `audience`, the one thing that has no default. A service that users and managed
    /// identities call has several; add them with [`TokenVerifierBuilder::accept_audience`].
    pub fn builder(audience: impl Into<String>) -> TokenVerifierBuilder {
        TokenVerifierBuilder::new(audience.into())
    }

    pub(crate) fn new(policy: Policy, keeper: KeyKeeper, clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { policy, keeper: Arc::new(keeper), clock }) }
    }

    /// Verifies a token in the compact form, without the `Bearer` in front of it.
    ///
    /// Waits only if the token's key is not known: for the one refresh that all callers share, and 2 s at most.
    ///
    /// # Errors
    /// [`VerifyError::Rejected`] when the token is not acceptable, [`VerifyError::KeysUnavailable`] when there are no
    /// keys to tell. It needs a tokio runtime with its timer enabled; without a runtime no keys can be fetched.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a refresh running for the others.
    pub async fn verify(&self, token: &str) -> Result<IdInfo, VerifyError> {
        match self.verify_now(token) {
            Verdict::Settled(outcome) => outcome,
            Verdict::KeysOnTheWay(keys) => self.verify_with(keys, token).await,
        }
    }

    /// The hot path: synchronous.
    pub(crate) fn verify_now(&self, token: &str) -> Verdict {
        let Shared { keeper, clock, .. } = &*self.shared;
        let mut jws = match Jws::parse(token) {
            Ok(jws) => jws,
            Err(reason) => return Verdict::Settled(Err(reason.into())),
        };
        let now = clock.now();
        loop {
            let snapshot = keeper.snapshot(now);
            let reason;
            (jws, reason) = match self.examine(jws, snapshot.as_deref(), now) {
                Finding::Settled(outcome) => return Verdict::Settled(outcome.map_err(Into::into)),
                Finding::Unsettled(jws, reason) => (jws, reason),
            };
            match keeper.refresh(snapshot.as_ref(), now) {
                Refresh::Wait(keys) => return Verdict::KeysOnTheWay(keys),
                Refresh::TooSoon(retry_after) => {
                    return Verdict::Settled(Err(unsettled(reason, retry_after)));
                }
                // Newer keys have come since we looked.
                Refresh::Done => {}
            }
        }
    }

    /// The slow path: once more when the keys have come. They may have left the issuer before the token's key was
    /// published, so a second refresh is waited for as well, if the cooldown allows one; all within one patience.
    pub(crate) async fn verify_with(&self, keys: Flight<()>, token: &str) -> Result<IdInfo, VerifyError> {
        let look_again = async {
            keys.outcome().await;
            match self.verify_now(token) {
                Verdict::Settled(outcome) => outcome,
                Verdict::KeysOnTheWay(keys) => {
                    keys.outcome().await;
                    self.verify_last(Jws::parse(token)?)
                }
            }
        };
        // Without a runtime nobody fetches, so there is nothing to wait for, and no timer to end the wait.
        if tokio::runtime::Handle::try_current().is_err() {
            return self.verify_last(Jws::parse(token)?);
        }
        match tokio::time::timeout(self.shared.keeper.patience(), look_again).await {
            Ok(outcome) => outcome,
            Err(_) => self.verify_last(Jws::parse(token)?),
        }
    }

    /// Asks for no further keys.
    fn verify_last(&self, jws: Jws<'_>) -> Result<IdInfo, VerifyError> {
        let Shared { keeper, clock, .. } = &*self.shared;
        let now = clock.now();
        match self.examine(jws, keeper.snapshot(now).as_deref(), now) {
            Finding::Settled(outcome) => outcome.map_err(Into::into),
            Finding::Unsettled(_, reason) => Err(unsettled(reason, keeper.retry_after(now))),
        }
    }

    fn examine<'a>(&self, jws: Jws<'a>, snapshot: Option<&Snapshot>, now: SystemTime) -> Finding<'a> {
        let Some(snapshot) = snapshot else { return Finding::Unsettled(jws, None) };
        match snapshot.keys.select(jws.kid.as_deref(), jws.message, &jws.signature) {
            Selected::Verified => Finding::Settled(self.accept(jws.payload, now)),
            Selected::Forged => Finding::Settled(Err(RejectionReason::SignatureInvalid)),
            Selected::UnknownKey => Finding::Unsettled(jws, Some(RejectionReason::KeyNotFound)),
            Selected::NoneFits => Finding::Unsettled(jws, Some(RejectionReason::SignatureInvalid)),
        }
    }

    /// The signature is good; are the claims?
    fn accept(&self, payload: Vec<u8>, now: SystemTime) -> Result<IdInfo, RejectionReason> {
        let claims = Claims::parse(&payload)?;
        self.shared.policy.check(&claims, now)?;
        Ok(IdInfo::new(claims, payload))
    }
}

fn unsettled(reason: Option<RejectionReason>, retry_after: Duration) -> VerifyError {
    reason.map_or(VerifyError::KeysUnavailable { retry_after }, VerifyError::Rejected)
}
