//! Tokens for those who ask: as Passport hands them out, and in a form of our own.

mod drop_in;
mod reply;
mod v1;

use std::time::Duration;

use http::StatusCode;
use passport_outbound::{AccessToken, ManagedIdentity, Scopes, TokenError};
use tokio::time::timeout;

pub(crate) use self::{
    drop_in::{UNKNOWN_FORMS, UnknownForms, drop_in},
    v1::{get, refresh},
};
use crate::{callers::Caller, refusal::Refusal, router::Shared};

/// The longest life that is waited for.
const MAX_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What is wanted of an identity.
struct Wanted {
    identity: ManagedIdentity,
    scopes: Scopes,
    /// How long it is waited for.
    time: Duration,
}

impl Shared {
    /// What `caller` wants, if it may have it. Whether there is an identity that is not for it, it is not told.
    fn wanted(&self, caller: &Caller, identity: &str, scopes: Option<&str>) -> Result<Wanted, Refusal> {
        let identity = self.identity(identity, caller).ok_or_else(|| {
            let description = "there is no such identity, or it is not for this caller";
            Refusal::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
        })?;
        let invalid = |description: &str| Refusal::new(StatusCode::BAD_REQUEST, "invalid_scope", description);
        let scopes: Scopes = match scopes.filter(|scopes| !scopes.is_empty()) {
            Some(scopes) => scopes.parse().map_err(|_| invalid("these are no scopes"))?,
            None => identity.scopes().clone(),
        };
        if !caller.may_ask_for(&scopes, identity.scopes()) {
            return Err(invalid("some of the scopes are not for this caller; ask for those that are"));
        }
        let identity =
            identity.with_scopes(&scopes.to_string()).map_err(|_| invalid("these are no scopes"))?;
        Ok(Wanted { identity, scopes, time: self.answer_time })
    }
}

impl Wanted {
    async fn token(&self, life: Duration) -> Result<AccessToken, Refusal> {
        self.told(self.identity.token_for(life.min(MAX_LIFE))).await
    }

    /// The attempt goes on when nobody waits for it any more.
    async fn told(
        &self,
        asked: impl Future<Output = Result<AccessToken, TokenError>>,
    ) -> Result<AccessToken, Refusal> {
        let late = || Refusal::later("there was no token in time; it is still asked for", Duration::ZERO);
        let outcome = timeout(self.time, asked).await.map_err(|_| late())?;
        outcome.map_err(|error| Refusal::without_token(&self.identity, &error))
    }

    /// Those that were asked for and granted.
    fn granted(&self) -> String {
        let missing = self.identity.status().missing_scopes().to_vec();
        let scopes = self.scopes.to_string();
        let granted = scopes.split(' ').filter(|scope| !missing.iter().any(|missing| missing == scope));
        granted.collect::<Vec<_>>().join(" ")
    }
}
