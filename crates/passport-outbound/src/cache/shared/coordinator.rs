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
    lease::LeaseHolder,
};
use crate::{
    cache::{
        TokenKey,
        store::{Lease, Notifications, StoreHandle, StoredToken},
    },
    token::{FetchError, FetchFuture, FetchRequest, FetchedToken, Phase, RefreshPolicy, TokenSource},
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
pub(crate) fn store_time_limit(store: &StoreHandle, request_timeout: Duration) -> Duration {
    request_timeout + 2 * LOOK_AT_LEAST_EACH + 4 * store.limit()
}

/// Tokens from a store that a fleet shares; from `source` if there is none in it, by one instance at a time.
#[derive(Debug)]
pub(crate) struct Coordinator {
    pub(crate) store: StoreHandle,
    pub(crate) key: TokenKey,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) policy: RefreshPolicy,
    /// The longest wait for other instances: the time limit of the source.
    pub(crate) wait_limit: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for Coordinator {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_> {
        Box::pin(async {
            let started = Instant::now();
            let (path, result) = self.shared_or_fetched(request).await;
            events::fetched(self.key.client_id(), path, started.elapsed());
            result
        })
    }
}

/// What came, and in which way.
type SharedFetch = (FetchPath, Result<FetchedToken, FetchError>);

impl Coordinator {
    async fn shared_or_fetched(&self, request: FetchRequest) -> SharedFetch {
        // Before the first look, so that no news is missed.
        let mut wait = PollTimer::new(self.store.listen(&self.key));
        let mut session = self.store.session(&self.key);
        if let Some(excluded) = &request.excluded {
            session.remove(excluded).await;
        }
        let stored = session.get().await;
        if let Some(fetched) = self.useful(stored, &request) {
            return (FetchPath::Found, Ok(fetched));
        }
        let mut holder = LeaseHolder::new(session);
        let give_up_at = Instant::now() + self.wait_limit;
        let mut path = FetchPath::Leased;
        while let Some(leased) = holder.try_lease().await {
            match (self.useful(leased.token, &request), leased.lease) {
                (Some(fetched), lease) => {
                    if lease == Lease::Granted {
                        holder.release().await;
                    }
                    let path = if path == FetchPath::Leased { FetchPath::Found } else { FetchPath::Waited };
                    return (path, Ok(fetched));
                }
                (None, Lease::Granted) => return (path, self.fetch_for_all(request, holder).await),
                (None, Lease::Held { left }) if Instant::now() < give_up_at => {
                    path = FetchPath::LeasedLater;
                    wait.a_while(left).await;
                    holder.has_waited();
                }
                (None, Lease::Held { .. }) if request.is_live() && request.excluded.is_none() => {
                    return (FetchPath::Postponed, Err(FetchError::Postponed));
                }
                (None, Lease::Held { .. }) => break,
            }
        }
        // The store does not work, or others hold the lease for too long.
        (FetchPath::Alone, self.fetch_and_publish(request, holder).await)
    }

    /// With the lease in hand, which is prolonged until there is something to say.
    async fn fetch_for_all(
        &self,
        request: FetchRequest,
        mut holder: LeaseHolder,
    ) -> Result<FetchedToken, FetchError> {
        let mut fetch = pin!(self.source.fetch(request));
        let fetched = loop {
            tokio::select! {
                biased;
                fetched = &mut fetch => break fetched,
                () = sleep(LEASE / 3) => holder.has_waited(),
            }
            // Whatever comes of it: who has lost the lease may have it back, or two fetch at a time. It is waited for, so that it
            // does not come after what is published.
            let mut prolonged = pin!(holder.try_lease());
            tokio::select! {
                biased;
                fetched = &mut fetch => {
                    prolonged.await;
                    break fetched;
                }
                _ = &mut prolonged => {}
            }
        };
        holder.has_waited();
        match &fetched {
            Ok(fetched) => holder.publish(&stored(fetched)).await,
            Err(_) => holder.release().await,
        }
        fetched
    }

    async fn fetch_and_publish(
        &self,
        request: FetchRequest,
        mut holder: LeaseHolder,
    ) -> Result<FetchedToken, FetchError> {
        let fetched = self.source.fetch(request).await?;
        holder.has_waited();
        holder.publish(&stored(&fetched)).await;
        Ok(fetched)
    }

    /// What is in the store, if it is of use: not older than the token that is held or was refused, and not due itself, unless
    /// there is no live one.
    fn useful(&self, stored: Option<StoredToken>, request: &FetchRequest) -> Option<FetchedToken> {
        let (stored, now) = (stored?, self.clock.now());
        let (ends_at, lifetime) = (stored.ends_at(now), stored.lifetime());
        let is_older = |had: &AccessToken| {
            had.authorization() == stored.token().authorization() || ends_at < had.expires_at()
        };
        if request.current.as_ref().is_some_and(is_older) || request.excluded.as_ref().is_some_and(is_older) {
            return None;
        }
        let issued_at = ends_at.checked_sub(lifetime)?;
        match self.policy.schedule(issued_at, lifetime).phase(now) {
            Phase::Fresh => {}
            Phase::Soft if !request.is_live() => {}
            Phase::Soft | Phase::Hard => return None,
        }
        events::clocks_differ(self.key.client_id(), stored.minted_at(), issued_at);
        let token = AccessToken::new(stored.token().expose(), ends_at).ok()?;
        Some(FetchedToken { token, issued_at, lifetime, missing_scopes: Vec::new() })
    }
}

fn stored(fetched: &FetchedToken) -> StoredToken {
    StoredToken::new(fetched.token.clone(), fetched.issued_at)
}

/// Waits between two looks.
struct PollTimer {
    notifications: Option<Notifications>,
    next: Duration,
}

impl PollTimer {
    fn new(notifications: Option<Notifications>) -> Self {
        let next = if notifications.is_some() { LOOK_EACH_WITH_NEWS } else { LOOK_EACH };
        Self { notifications, next }
    }

    /// Until there is news, or it is time to look: in a while, or when the lease of a dead holder has run out.
    async fn a_while(&mut self, left: Duration) {
        let jitter = 0.5 + fastrand::f64();
        let pause = self.next.mul_f64(jitter).min(left + LOOK_EACH.mul_f64(jitter));
        self.next = (2 * self.next).min(LOOK_AT_LEAST_EACH);
        match &mut self.notifications {
            Some(notifications) => tokio::select! {
                biased;
                () = notifications.received() => sleep(SPREAD.mul_f64(fastrand::f64())).await,
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
