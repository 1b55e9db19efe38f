pub(crate) mod builder;
pub(crate) mod cache;
pub(crate) mod counters;
mod diagnostics;
pub(crate) mod limits;
mod pipeline;

use std::{fmt, sync::Arc, time::Duration};

use passport_core::{Clock, Flight};

use crate::{
    IdInfo, KeyHealth, NotReady, TokenVerifierBuilder, VerifyError,
    jwks::{KeyKeeper, Refresh},
    jwt::validation::Policy,
    verify::{
        cache::TokenCache,
        diagnostics::{IssuerSlashWarning, TokenSizeWarning},
        limits::{Place, Places, Seats},
    },
};

/// When it is worth while to ask again for a turn.
const SOON: Duration = Duration::from_secs(1);

/// How long one look at an attempt takes at most, for who waits for keys without a limit: it may be on a runtime that nobody
/// drives, and another may have brought keys meanwhile.
const LOOK: Duration = Duration::from_secs(5);

/// How often a request waits for keys: for those of the key file, for those that may have left the issuer before the token's
/// own was published, and for those.
const MOST_WAITS: u32 = 3;

/// Turns a token into an [`IdInfo`], or says why not. Knows no HTTP framework.
///
/// Cheap to clone; clones share the keys and the verified tokens. Building one does no I/O; the keys are fetched when the
/// first token comes, or by [`ready`](Self::ready). From then on a task keeps them fresh, on that runtime or, when that has
/// ended, on the one of the next request that needs keys; until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct TokenVerifier {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) policy: Policy,
    pub(crate) keeper: Arc<KeyKeeper>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: Option<TokenCache>,
    pub(crate) deny_list: Option<DenyList>,
    /// For who has a signature verified.
    pub(crate) turns: Places,
    /// For requests that wait.
    pub(crate) seats: Seats,
    pub(crate) max_token_size: usize,
    pub(crate) slash_warning: IssuerSlashWarning,
    pub(crate) size_warning: TokenSizeWarning,
}

/// Says of a caller whose token is good that it is not welcome all the same.
#[derive(Clone)]
pub(crate) struct DenyList(pub(crate) Arc<dyn Fn(&IdInfo) -> bool + Send + Sync>);

/// What can be said of a token without waiting.
#[derive(Debug)]
pub(crate) enum Verdict {
    Settled(Result<IdInfo, VerifyError>),
    Waits(Wait),
}

/// What a verdict waits for.
#[derive(Debug)]
pub(crate) enum Wait {
    /// Its key is not known; newer keys are on their way.
    Keys(Flight<()>),
    /// Others are being verified.
    Turn,
}

impl TokenVerifier {
    /// A verifier of tokens for `audience`, the one thing that has no default. A service that users and managed
    /// identities call has several; add them with [`TokenVerifierBuilder::accept_audience`].
    pub fn builder(audience: impl Into<String>) -> TokenVerifierBuilder {
        TokenVerifierBuilder::new(audience.into())
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Verifies a token in the compact form, without the `Bearer` in front of it.
    ///
    /// Waits, for 2 s at most, only if the token's key is not known (for the one refresh that all callers share) or if as many
    /// signatures as may be are being verified.
    ///
    /// # Errors
    /// [`VerifyError::Rejected`] when the token is not acceptable, [`VerifyError::KeysUnavailable`]
    /// when there are no keys, or none that verifies the token while a refresh has failed or is
    /// still running (keys cannot be fetched without a tokio runtime), [`VerifyError::Overloaded`]
    /// when its turn did not come.
    ///
    /// # Panics
    /// On a tokio runtime whose timer is not enabled, if it has to wait.
    ///
    /// # Cancel safety
    /// Dropping the future leaves a refresh running for the others.
    pub async fn verify(&self, token: &str) -> Result<IdInfo, VerifyError> {
        let token = token.as_bytes();
        match self.verify_now(token) {
            Verdict::Settled(outcome) => outcome,
            Verdict::Waits(wait) => self.verify_after(wait, token).await,
        }
    }

    /// Verifies a token at once, on this thread, which needs no more than its key. `None` if that is not known and newer keys are
    /// being fetched: then it is for [`verify`](Self::verify) to wait. The limit on concurrent verifications does not apply.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    #[must_use]
    pub fn try_verify(&self, token: &str) -> Option<Result<IdInfo, VerifyError>> {
        match self.shared.judge(token.as_bytes(), Some(Place::unlimited()), true) {
            Verdict::Settled(outcome) => Some(outcome),
            Verdict::Waits(_) => None,
        }
    }

    /// Warms up: waits until there are keys. A service that calls it before it takes traffic has no first caller who waits.
    ///
    /// What may pass by itself is sat out, however long it takes; wrap it in `tokio::time::timeout` if the service is to start
    /// anyway.
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
    pub async fn ready(&self) -> Result<(), NotReady> {
        let Shared { keeper, clock, .. } = &*self.shared;
        loop {
            let now = clock.now();
            if keeper.installed(now).is_some() {
                return Ok(());
            }
            if tokio::runtime::Handle::try_current().is_err() {
                return Err(NotReady::new(
                    "there is no tokio runtime to fetch the signing keys on".to_owned(),
                ));
            }
            match keeper.refresh(None, now) {
                Refresh::Wait(keys) => drop(tokio::time::timeout(LOOK, keys.outcome()).await),
                Refresh::TooSoon(pause) => match keeper.lasting_failure() {
                    Some(why) => return Err(NotReady::new(why)),
                    None => tokio::time::sleep(pause.left).await,
                },
                Refresh::Done => {}
            }
        }
    }

    /// How it stands with the signing keys. For readiness probes and status pages; asks nobody.
    #[must_use]
    pub fn health(&self) -> KeyHealth {
        self.shared.keeper.health()
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The hot path: synchronous.
    pub(crate) fn verify_now(&self, token: &[u8]) -> Verdict {
        self.shared.judge(token, None, true)
    }

    /// The slow path: looks again when what was waited for has come; all within one patience.
    pub(crate) async fn verify_after(&self, wait: Wait, token: &[u8]) -> Result<IdInfo, VerifyError> {
        // Without a runtime nobody fetches, so there is nothing to wait for, and no timer to end the wait.
        if tokio::runtime::Handle::try_current().is_err() {
            return self.verify_last(token, Some(Place::unlimited()));
        }
        let patience = self.shared.keeper.patience();
        match tokio::time::timeout(patience, self.look_again(wait, token)).await {
            Ok(outcome) => outcome,
            Err(_) => self.verify_last(token, None),
        }
    }

    async fn look_again(&self, mut wait: Wait, token: &[u8]) -> Result<IdInfo, VerifyError> {
        let (mut waits, mut seat) = (0, None);
        loop {
            seat = self.shared.seats.seat(seat, matches!(wait, Wait::Keys(_)));
            if seat.is_none() {
                return self.verify_last(token, None);
            }
            let turn = match wait {
                Wait::Keys(keys) => {
                    // One that was lost with its runtime does not count: this call starts another.
                    waits += u32::from(keys.outcome().await.is_some());
                    None
                }
                Wait::Turn => self.shared.turns.wait().await,
            };
            match self.shared.judge(token, turn, waits < MOST_WAITS) {
                Verdict::Settled(outcome) => return outcome,
                Verdict::Waits(next) => wait = next,
            }
        }
    }

    /// Waits for nothing any more.
    fn verify_last(&self, token: &[u8], turn: Option<Place>) -> Result<IdInfo, VerifyError> {
        match self.shared.judge(token, turn, false) {
            Verdict::Settled(outcome) => outcome,
            Verdict::Waits(_) => {
                counters::overloaded();
                Err(VerifyError::Overloaded { retry_after: SOON })
            }
        }
    }
}

impl fmt::Debug for DenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DenyList")
    }
}
