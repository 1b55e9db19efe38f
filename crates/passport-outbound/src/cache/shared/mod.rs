//! What an instance of a fleet does before it asks Passport, and after: the policy of [`TokenCache::shared`].
//!
//! Whoever needs a token looks into the store, and takes a lease if there is none of use. The holder of the lease fetches and
//! publishes; the others wait for its news. A holder prolongs its lease while it lives, so that nobody waits for a dead one
//! for longer than [`LEASE`]. Nothing here is ever needed for a token: whatever goes wrong, an instance fetches for itself.
//!
//! [`TokenCache::shared`]: crate::TokenCache::shared

mod lease;

use std::{sync::Arc, time::Duration};

use passport_core::{AccessToken, Clock};
use tokio::time::{Instant, sleep};

use self::lease::Holder;
use super::{
    TokenKey,
    store::{LIMIT, Lease, News, Store, StoredToken},
};
use crate::{
    TokenErrorKind,
    engine::{Ask, MintFuture, Minted, TokenSource},
    error::Failure,
    refresh::{Phase, RefreshPolicy},
    telemetry::{self, Way},
};

/// How long a lease lasts after its holder was last heard of.
const LEASE: Duration = Duration::from_secs(3);

/// How often those who wait look, on average: at first, and the longest. News comes sooner, if the store has any.
const LOOK_EACH: Duration = Duration::from_millis(50);
const LOOK_EACH_WITH_NEWS: Duration = Duration::from_millis(250);
const LOOK_AT_LEAST_EACH: Duration = Duration::from_secs(1);

/// The most that a store adds to an attempt that may take `request_timeout`: as long again for somebody else's, and its own
/// calls. The first that fails is the last.
pub(crate) fn store_takes(request_timeout: Duration) -> Duration {
    request_timeout + 5 * LIMIT
}

/// Tokens from a store that a fleet shares; from `source` if there is none in it, by one instance at a time.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) key: TokenKey,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) policy: RefreshPolicy,
    /// How long others are waited for: as long as the source may take.
    pub(crate) patience: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for Shared {
    fn mint(&self, ask: Ask) -> MintFuture<'_> {
        Box::pin(async {
            let started = Instant::now();
            let result = self.shared_or_minted(ask).await;
            let (way, result) = match result {
                Ok((way, minted)) => (way, Ok(minted)),
                Err((way, failure)) => (way, Err(failure)),
            };
            telemetry::shared(self.key.client_id(), way, started.elapsed());
            result
        })
    }
}

/// What came, and in which way.
type Outcome = Result<(Way, Minted), (Way, Failure)>;

impl Shared {
    async fn shared_or_minted(&self, ask: Ask) -> Outcome {
        if let Some(unwanted) = &ask.unwanted {
            self.store.remove(&self.key, unwanted).await;
        }
        // Before the first look, so that no news is missed.
        let mut wait = Wait::new(self.store.listen(&self.key));
        let stored = self.store.get(&self.key).await.flatten();
        if let Some(minted) = self.useful(stored, &ask) {
            return Ok((Way::Found, minted));
        }
        let holder = Holder::new(self.store.clone(), self.key.clone());
        let give_up_at = Instant::now() + self.patience;
        let mut way = Way::Leased;
        loop {
            let Some(leased) = holder.try_lease().await else {
                return self.mint_alone(ask, &holder).await;
            };
            match (self.useful(leased.token, &ask), leased.lease) {
                (Some(minted), Lease::Held { .. }) => return Ok((Way::Waited, minted)),
                (Some(minted), Lease::Granted) => {
                    holder.release().await;
                    return Ok((Way::Waited, minted));
                }
                (None, Lease::Granted) => return self.mint_for_all(ask, way, holder).await,
                (None, Lease::Held { left }) if Instant::now() < give_up_at => {
                    way = Way::LeasedLater;
                    wait.a_while(left).await;
                }
                (None, Lease::Held { .. }) if self.may_wait(&ask) => {
                    return Err((
                        Way::Waited,
                        Failure::of(TokenErrorKind::Unavailable).caused_by(SomebodyElse),
                    ));
                }
                (None, Lease::Held { .. }) => return self.mint_alone(ask, &holder).await,
            }
        }
    }

    /// With the lease in hand, which is kept until there is something to say.
    async fn mint_for_all(&self, ask: Ask, way: Way, holder: Holder) -> Outcome {
        let minted = tokio::select! {
            biased;
            minted = self.source.mint(ask) => minted,
            never = holder.keeps_the_lease() => match never {},
        };
        match minted {
            Ok(minted) => {
                holder.publish(&stored(&minted)).await;
                Ok((way, minted))
            }
            Err(failure) => {
                holder.release().await;
                Err((way, failure))
            }
        }
    }

    /// Without a lease: the store does not work, or others hold it for too long.
    async fn mint_alone(&self, ask: Ask, holder: &Holder) -> Outcome {
        let minted = self.source.mint(ask).await.map_err(|failure| (Way::Alone, failure))?;
        holder.publish(&stored(&minted)).await;
        Ok((Way::Alone, minted))
    }

    /// What is in the store, if it is of use: not older than the token that is held or was refused, and not due itself, unless
    /// there is none at all.
    fn useful(&self, stored: Option<StoredToken>, ask: &Ask) -> Option<Minted> {
        let (stored, now) = (stored?, self.clock.now());
        let (ends_at, lifetime) = (stored.ends_at(now), stored.lifetime());
        let is_older = |had: &AccessToken| {
            had.authorization() == stored.token().authorization() || ends_at < had.expires_at()
        };
        if ask.held.as_ref().is_some_and(is_older) || ask.unwanted.as_ref().is_some_and(is_older) {
            return None;
        }
        let minted_at = ends_at.checked_sub(lifetime)?;
        match self.policy.schedule(minted_at, lifetime).phase(now) {
            Phase::Fresh => {}
            Phase::Soft if ask.held.is_none() => {}
            Phase::Soft | Phase::Hard => return None,
        }
        telemetry::clocks_differ(self.key.client_id(), stored.minted_at(), minted_at);
        let token = AccessToken::new(stored.token().expose(), ends_at).ok()?;
        Some(Minted { token, minted_at, lifetime, missing_scopes: Vec::new() })
    }

    /// With a token that lives, only a holder of the lease refreshes.
    fn may_wait(&self, ask: &Ask) -> bool {
        let is_live = |held: &AccessToken| self.clock.now() + 2 * LEASE < held.expires_at();
        ask.unwanted.is_none() && ask.held.as_ref().is_some_and(is_live)
    }
}

fn stored(minted: &Minted) -> StoredToken {
    StoredToken::new(minted.token.clone(), minted.minted_at)
}

/// Why there is no token yet.
#[derive(Debug, thiserror::Error)]
#[error("another instance of the fleet is fetching a token, and takes long")]
struct SomebodyElse;

/// Waits between two looks.
struct Wait {
    news: Option<News>,
    next: Duration,
}

impl Wait {
    fn new(news: Option<News>) -> Self {
        let next = if news.is_some() { LOOK_EACH_WITH_NEWS } else { LOOK_EACH };
        Self { news, next }
    }

    /// Until there is news, or it is time to look: in a while, or when the lease of a dead holder has run out.
    async fn a_while(&mut self, left: Duration) {
        let jitter = 0.5 + fastrand::f64();
        let pause = self.next.mul_f64(jitter).min(left + LOOK_EACH.mul_f64(jitter));
        self.next = (2 * self.next).min(LOOK_AT_LEAST_EACH);
        match &mut self.news {
            Some(news) => tokio::select! {
                biased;
                () = news.heard() => {}
                () = sleep(pause) => {}
            },
            None => sleep(pause).await,
        }
    }
}

#[cfg(test)]
mod tests;
