//! Coordinates the instances of a service so that one of them fetches a token for all: the
//! protocol of [`TokenCache::shared`].
//!
//! 1. An instance that needs a token reads the store.
//! 2. If the store has no usable token, the instance requests the lease of the token.
//! 3. The lease holder fetches the token and publishes it. It renews the lease until then, so
//!    that a crashed holder delays the others by [`LEASE`] at most.
//! 4. The other instances wait for a notification, poll the store, and use the published token.
//! 5. If the store fails, or others hold the lease for too long, an instance fetches its own
//!    token.
//!
//! [`TokenCache::shared`]: crate::TokenCache::shared

use std::{pin::pin, sync::Arc, time::Duration};

use passport_core::{AccessToken, Clock};
use tokio::time::{Instant, sleep};

use super::{
    events::{self, FetchPath},
    lease::{LEASE, LeaseHolder},
};
use crate::{
    cache::{
        TokenKey,
        store::{Lease, Notifications, StoreHandle, StoredToken},
    },
    token::{FetchFuture, FetchRequest, FetchedToken, Phase, RefreshSettings, SourceError, TokenSource},
};

/// The average initial poll interval of a waiting instance. It doubles up to the maximum. With
/// notifications, which usually arrive sooner, it begins longer.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const POLL_INTERVAL_WITH_NOTIFICATIONS: Duration = Duration::from_millis(250);
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The maximum delay after a notification. It spreads the reads of all notified instances.
const SPREAD: Duration = Duration::from_millis(10);

/// Returns the maximum time that a store adds to an attempt with the time limit
/// `request_timeout`: the attempt of another instance, up to two poll intervals until its end is
/// noticed, and four times the store's own limit (before the wait, after it, for the renewal of
/// the lease, and after the fetch).
pub(crate) fn store_time_limit(store: &StoreHandle, request_timeout: Duration) -> Duration {
    request_timeout + 2 * MAX_POLL_INTERVAL + 4 * store.timeout()
}

/// A token source that reads a shared store first. Of the instances that find no token there,
/// one at a time fetches from `source`.
pub(crate) struct Coordinator {
    pub(crate) store: StoreHandle,
    pub(crate) key: TokenKey,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) policy: RefreshSettings,
    /// The maximum wait for other instances: the time limit of the source.
    pub(crate) wait_limit: Duration,
    pub(crate) clock: Arc<dyn Clock>,
}

impl TokenSource for Coordinator {
    fn fetch(&self, request: FetchRequest) -> FetchFuture<'_> {
        Box::pin(async {
            let started = Instant::now();
            let (path, result) = self.stored_or_fetched(request).await;
            events::fetched(self.key.client_id(), path, started.elapsed());
            result
        })
    }
}

/// A result, and the path that led to it.
type SharedFetch = (FetchPath, Result<FetchedToken, SourceError>);

impl Coordinator {
    /// Returns a token of the store, or fetches one with the lease or without it.
    async fn stored_or_fetched(&self, request: FetchRequest) -> SharedFetch {
        // Subscribe before the first read, so that no notification is missed.
        let mut poll = PollTimer::new(self.store.listen(&self.key));
        let mut session = self.store.session(&self.key);
        if let Some(excluded) = &request.excluded {
            session.remove(excluded).await;
        }
        let stored = session.get().await;
        if let Some(fetched) = self.usable(stored, &request) {
            return (FetchPath::Found, Ok(fetched));
        }
        let mut holder = LeaseHolder::new(session);
        let wait_until = Instant::now() + self.wait_limit;
        let mut path = FetchPath::Leased;
        while let Some(leased) = holder.try_lease().await {
            match (self.usable(leased.token, &request), leased.lease) {
                (Some(fetched), lease) => {
                    if lease == Lease::Granted {
                        holder.release().await;
                    }
                    let path = if path == FetchPath::Leased { FetchPath::Found } else { FetchPath::Waited };
                    return (path, Ok(fetched));
                }
                (None, Lease::Granted) => return (path, self.fetch_for_all(request, holder).await),
                (None, Lease::Held { left }) if Instant::now() < wait_until => {
                    path = FetchPath::LeasedLater;
                    poll.next(left).await;
                    holder.restart_limit();
                }
                (None, Lease::Held { .. }) if request.is_live() && request.excluded.is_none() => {
                    return (FetchPath::Postponed, Err(SourceError::Postponed));
                }
                (None, Lease::Held { .. }) => break,
            }
        }
        // The store fails, or other instances have held the lease for too long.
        (FetchPath::Alone, self.fetch_and_publish(request, holder).await)
    }

    /// Fetches a token with the lease, which it renews until the fetch ends, and publishes the
    /// token.
    async fn fetch_for_all(
        &self,
        request: FetchRequest,
        mut holder: LeaseHolder,
    ) -> Result<FetchedToken, SourceError> {
        let mut fetch = pin!(self.source.fetch(request));
        let fetched = loop {
            tokio::select! {
                biased;
                fetched = &mut fetch => break fetched,
                () = sleep(LEASE / 3) => holder.restart_limit(),
            }
            // The result is ignored: a holder that has lost the lease may get it back, or two
            // instances fetch at the same time, which is harmless. A renewal that is in flight when
            // the fetch ends is awaited, so that it does not reach the store after the token.
            let mut renewal = pin!(holder.try_lease());
            tokio::select! {
                biased;
                fetched = &mut fetch => {
                    renewal.await;
                    break fetched;
                }
                _ = &mut renewal => {}
            }
        };
        holder.restart_limit();
        match &fetched {
            Ok(fetched) => holder.publish(&stored(fetched)).await,
            Err(_) => holder.release().await,
        }
        fetched
    }

    /// Fetches a token without the lease, and publishes it.
    async fn fetch_and_publish(
        &self,
        request: FetchRequest,
        mut holder: LeaseHolder,
    ) -> Result<FetchedToken, SourceError> {
        let fetched = self.source.fetch(request).await?;
        holder.restart_limit();
        holder.publish(&stored(&fetched)).await;
        Ok(fetched)
    }

    /// Returns the stored token if it is usable: it is newer than the current and the excluded
    /// token, and not due for a refresh. A token that is due is usable if there is no valid current
    /// token.
    fn usable(&self, stored: Option<StoredToken>, request: &FetchRequest) -> Option<FetchedToken> {
        let (stored, now) = (stored?, self.clock.now());
        let (ends_at, lifetime) = (stored.ends_at(now), stored.lifetime());
        let is_older = |other: &AccessToken| {
            other.authorization() == stored.token().authorization() || ends_at < other.expires_at()
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
        events::clocks_differ(self.key.client_id(), stored.issued_at(), issued_at);
        let token = AccessToken::new(stored.token().expose(), ends_at).ok()?;
        Some(FetchedToken { token, issued_at, lifetime, missing_scopes: Vec::new() })
    }
}

/// Converts a fetched token for the store.
fn stored(fetched: &FetchedToken) -> StoredToken {
    StoredToken::new(fetched.token.clone(), fetched.issued_at)
}

/// Waits between reads of the store.
struct PollTimer {
    notifications: Option<Notifications>,
    interval: Duration,
}

impl PollTimer {
    fn new(notifications: Option<Notifications>) -> Self {
        let interval = if notifications.is_some() { POLL_INTERVAL_WITH_NOTIFICATIONS } else { POLL_INTERVAL };
        Self { notifications, interval }
    }

    /// Waits for a notification or for the poll interval, but not beyond the end of the lease,
    /// which expires after `left` if its holder has crashed.
    async fn next(&mut self, left: Duration) {
        let jitter = 0.5 + fastrand::f64();
        let pause = self.interval.mul_f64(jitter).min(left + POLL_INTERVAL.mul_f64(jitter));
        self.interval = (2 * self.interval).min(MAX_POLL_INTERVAL);
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
mod tests;
