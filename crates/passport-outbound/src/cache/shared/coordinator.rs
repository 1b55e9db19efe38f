//! What an instance of a fleet does before it asks Passport, and after: the policy of [`TokenCache::shared`].
//!
//! Whoever needs a token looks into the store, and takes a lease if there is none of use. The holder of the lease fetches and
//! publishes; the others wait for its news. A holder prolongs its lease while it lives, so that nobody waits for a dead one
//! for longer than [`LEASE`]. Nothing here is ever needed for a token: whatever goes wrong, an instance fetches for itself.
//!
//! [`TokenCache::shared`]: crate::TokenCache::shared

use std::{pin::pin, sync::Arc, time::Duration};

use passport_core::{AccessToken, Clock};
use tokio::time::{Instant, sleep};

use super::{
    events::{self, FetchPath},
    lease::Holder,
};
use crate::{
    cache::{
        TokenKey,
        store::{Lease, News, Store, StoredToken},
    },
    token::{Ask, MintFuture, Minted, NotMinted, Phase, RefreshPolicy, TokenSource},
};

/// How long a lease lasts after its holder was last heard of.
pub(super) const LEASE: Duration = Duration::from_secs(3);

/// How often those who wait look, on average: at first, and the longest. News comes sooner, if the store has any.
const LOOK_EACH: Duration = Duration::from_millis(50);
const LOOK_EACH_WITH_NEWS: Duration = Duration::from_millis(250);
const LOOK_AT_LEAST_EACH: Duration = Duration::from_secs(1);

/// News wakes everybody at once; they look one after the other.
const SPREAD: Duration = Duration::from_millis(10);

/// The most that a store adds to an attempt that may take `request_timeout`: as long again for somebody else's, which may end in the
/// middle of a pause, and what it may take itself: before the wait, after it, to prolong the lease, and after the fetch.
pub(crate) fn store_takes(store: &Store, request_timeout: Duration) -> Duration {
    request_timeout + 2 * LOOK_AT_LEAST_EACH + 4 * store.limit()
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
            let (path, result) = self.shared_or_minted(ask).await;
            events::fetched(self.key.client_id(), path, started.elapsed());
            result
        })
    }
}

/// What came, and in which way.
type Outcome = (FetchPath, Result<Minted, NotMinted>);

impl Shared {
    async fn shared_or_minted(&self, ask: Ask) -> Outcome {
        // Before the first look, so that no news is missed.
        let mut wait = Wait::new(self.store.listen(&self.key));
        let mut turn = self.store.turn(&self.key);
        if let Some(unwanted) = &ask.unwanted {
            turn.remove(unwanted).await;
        }
        let stored = turn.get().await;
        if let Some(minted) = self.useful(stored, &ask) {
            return (FetchPath::Found, Ok(minted));
        }
        let mut holder = Holder::new(turn);
        let give_up_at = Instant::now() + self.patience;
        let mut path = FetchPath::Leased;
        while let Some(leased) = holder.try_lease().await {
            match (self.useful(leased.token, &ask), leased.lease) {
                (Some(minted), lease) => {
                    if lease == Lease::Granted {
                        holder.release().await;
                    }
                    let path = if path == FetchPath::Leased { FetchPath::Found } else { FetchPath::Waited };
                    return (path, Ok(minted));
                }
                (None, Lease::Granted) => return (path, self.mint_for_all(ask, holder).await),
                (None, Lease::Held { left }) if Instant::now() < give_up_at => {
                    path = FetchPath::LeasedLater;
                    wait.a_while(left).await;
                    holder.has_waited();
                }
                (None, Lease::Held { .. }) if ask.is_live() && ask.unwanted.is_none() => {
                    return (FetchPath::Postponed, Err(NotMinted::Postponed));
                }
                (None, Lease::Held { .. }) => break,
            }
        }
        // The store does not work, or others hold the lease for too long.
        (FetchPath::Alone, self.mint_and_publish(ask, holder).await)
    }

    /// With the lease in hand, which is prolonged until there is something to say.
    async fn mint_for_all(&self, ask: Ask, mut holder: Holder) -> Result<Minted, NotMinted> {
        let mut mint = pin!(self.source.mint(ask));
        let minted = loop {
            tokio::select! {
                biased;
                minted = &mut mint => break minted,
                () = sleep(LEASE / 3) => holder.has_waited(),
            }
            // Whatever comes of it: who has lost the lease may have it back, or two fetch at a time. It is waited for, so that it
            // does not come after what is published.
            let mut prolonged = pin!(holder.try_lease());
            tokio::select! {
                biased;
                minted = &mut mint => {
                    prolonged.await;
                    break minted;
                }
                _ = &mut prolonged => {}
            }
        };
        holder.has_waited();
        match &minted {
            Ok(minted) => holder.publish(&stored(minted)).await,
            Err(_) => holder.release().await,
        }
        minted
    }

    async fn mint_and_publish(&self, ask: Ask, mut holder: Holder) -> Result<Minted, NotMinted> {
        let minted = self.source.mint(ask).await?;
        holder.has_waited();
        holder.publish(&stored(&minted)).await;
        Ok(minted)
    }

    /// What is in the store, if it is of use: not older than the token that is held or was refused, and not due itself, unless
    /// there is no live one.
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
            Phase::Soft if !ask.is_live() => {}
            Phase::Soft | Phase::Hard => return None,
        }
        events::clocks_differ(self.key.client_id(), stored.minted_at(), minted_at);
        let token = AccessToken::new(stored.token().expose(), ends_at).ok()?;
        Some(Minted { token, minted_at, lifetime, missing_scopes: Vec::new() })
    }
}

fn stored(minted: &Minted) -> StoredToken {
    StoredToken::new(minted.token.clone(), minted.minted_at)
}

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
                () = news.heard() => sleep(SPREAD.mul_f64(fastrand::f64())).await,
                () = sleep(pause) => {}
            },
            None => sleep(pause).await,
        }
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
