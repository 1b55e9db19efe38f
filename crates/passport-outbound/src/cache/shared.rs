//! What an instance of a fleet does before it asks Passport, and after: the policy of [`TokenCache::shared`].
//!
//! [`TokenCache::shared`]: crate::TokenCache::shared

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand;
use passport_core::{AccessToken, ClientId, Clock};
use tokio::time::{Instant, sleep};

use super::{
    TokenKey,
    store::{LIMIT, Store, StoreError, StoredToken},
};
use crate::{
    engine::{Ask, MintFuture, Minted, TokenSource},
    error::Failure,
    refresh::{Phase, RefreshPolicy},
    telemetry,
};

/// How long an instance waits for the one that fetches, before it goes alone.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it looks meanwhile, on average.
const LOOK_EACH: Duration = Duration::from_millis(50);

/// The most that a store adds to an attempt: what it takes to wait in vain, to take an unwanted token out, to look twice, to
/// publish and to release.
pub(crate) const STORE_TAKES: Duration = PATIENCE.saturating_add(LIMIT.saturating_mul(7));

/// Tokens from a store that a fleet shares; from `source` if there is none in it, by one instance at a time.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) key: TokenKey,
    pub(crate) client_id: ClientId,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) policy: RefreshPolicy,
    /// A lease lasts as long as the source may take.
    pub(crate) lease: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for Shared {
    fn mint(&self, ask: Ask) -> MintFuture<'_> {
        Box::pin(self.shared_or_minted(ask))
    }
}

impl Shared {
    async fn shared_or_minted(&self, ask: Ask) -> Result<Minted, Failure> {
        if let Some(unwanted) = &ask.unwanted {
            self.noted(self.store.remove(&self.key, unwanted).await);
        }
        let holder = Holder::random();
        let give_up_at = Instant::now() + PATIENCE;
        loop {
            if let Some(minted) = self.stored(&ask).await {
                return Ok(minted);
            }
            let leased = self.store.try_lease(&self.key, &holder.0, self.lease).await;
            match self.noted(leased) {
                Some(true) => return self.mint_for_all(ask, &holder).await,
                Some(false) if Instant::now() < give_up_at => {}
                // The holder is gone or slow, or the store does not work: each for itself.
                Some(false) | None => return self.mint_and_publish(ask).await,
            }
            sleep(LOOK_EACH.mul_f64(0.5 + fastrand::f64())).await;
        }
    }

    /// With the lease in hand. The token may have come between the look and the lease.
    async fn mint_for_all(&self, ask: Ask, holder: &Holder) -> Result<Minted, Failure> {
        let minted = match self.stored(&ask).await {
            Some(minted) => Ok(minted),
            None => self.mint_and_publish(ask).await,
        };
        self.noted(self.store.release(&self.key, &holder.0).await);
        minted
    }

    async fn mint_and_publish(&self, ask: Ask) -> Result<Minted, Failure> {
        let minted = self.source.mint(ask).await?;
        let token = StoredToken::new(minted.token.clone(), minted.minted_at);
        self.noted(self.store.put(&self.key, &token).await);
        Ok(minted)
    }

    /// What is in the store, if it is of use: another token than the one that is held, and one that is not due itself,
    /// unless there is none at all.
    async fn stored(&self, ask: &Ask) -> Option<Minted> {
        let stored = self.noted(self.store.get(&self.key).await)??;
        let is = |other: &AccessToken| other.authorization() == stored.token().authorization();
        if ask.held.as_ref().is_some_and(is) || ask.unwanted.as_ref().is_some_and(is) {
            return None;
        }
        let schedule = self.policy.schedule(stored.minted_at(), stored.lifetime());
        match schedule.phase(self.clock.now()) {
            Phase::Fresh => {}
            Phase::Soft if ask.held.is_none() => {}
            Phase::Soft | Phase::Hard => return None,
        }
        Some(Minted {
            lifetime: stored.lifetime(),
            minted_at: stored.minted_at(),
            token: stored.token().clone(),
            missing_scopes: Vec::new(),
        })
    }

    /// A store that fails is a miss.
    fn noted<T>(&self, result: Result<T, StoreError>) -> Option<T> {
        result.map_err(|error| telemetry::store_failed(&self.client_id, &error)).ok()
    }
}

/// Tells this attempt from all others of the fleet.
struct Holder(String);

impl Holder {
    fn random() -> Self {
        let mut random = [0; 16];
        // Without randomness the name is not unique, and two instances may fetch at a time. That is all it does.
        let _ = rand::fill(&mut random);
        Self(format!("{:032x}", u128::from_be_bytes(random)))
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
