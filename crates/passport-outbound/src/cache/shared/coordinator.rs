//! Coordinates the instances of a service through a shared store, so that one instance fetches a
//! token for all instances. This is the protocol of [`TokenCache::shared`]:
//!
//! 1. An instance that needs a token reads the store.
//! 2. If the store has no usable token, the instance requests the lease of the token.
//! 3. The lease holder fetches the token and publishes it. The holder renews the lease until the
//!    token is published. If the holder crashes, the lease expires, and the other instances are
//!    delayed by [`LEASE`] at most.
//! 4. The other instances wait for a notification, poll the store, and use the published token.
//! 5. If the store fails, or other instances hold the lease for too long, an instance fetches a
//!    token without the lease.
//!
//! [`TokenCache::shared`]: crate::TokenCache::shared

use std::{pin::pin, time::Duration};

use passport_core::{AccessToken, Clock, SharedClock};
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

/// The average time after which a waiting instance reads the store for the first time. The
/// average time doubles with each read, up to [`MAX_POLL_INTERVAL`].
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The average time before the first read of a store that sends notifications. This time is
/// longer than [`POLL_INTERVAL`], because a notification usually arrives sooner.
const POLL_INTERVAL_WITH_NOTIFICATIONS: Duration = Duration::from_millis(250);
/// The maximum average time between two reads of the store by a waiting instance.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The maximum random delay between a notification and the read of the store. The delay keeps
/// the notified instances from reading the store at the same time.
const MAX_READ_DELAY: Duration = Duration::from_millis(10);

/// Returns the maximum time that a shared store adds to a token fetch. The returned time is the
/// sum of:
/// - `request_timeout`, for the token fetch of another instance;
/// - two poll intervals, until the end of that fetch is noticed;
/// - four times the store's own time limit: before the wait, after the wait, for the renewal of
///   the lease, and after the fetch.
pub(crate) fn store_time_limit(store: &StoreHandle, request_timeout: Duration) -> Duration {
    request_timeout + 2 * MAX_POLL_INTERVAL + 4 * store.timeout()
}

/// A token source that reads a shared store first. If instances find no token in the store, one
/// instance at a time fetches a token from `source`.
pub(crate) struct Coordinator {
    pub(crate) store: StoreHandle,
    pub(crate) key: TokenKey,
    pub(crate) source: Box<dyn TokenSource>,
    pub(crate) policy: RefreshSettings,
    /// How long an instance waits for the token of another instance before it fetches a token
    /// without the lease. The value is the time limit of `source`.
    pub(crate) wait_limit: Duration,
    pub(crate) clock: SharedClock,
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

/// The result of a token fetch through the store, and how the instance got the token or why it
/// got none.
type SharedFetch = (FetchPath, Result<FetchedToken, SourceError>);

impl Coordinator {
    /// Returns the stored token if it is usable. Otherwise fetches a token:
    /// - with the lease, if the store grants the lease;
    /// - without the lease, if the store fails or the wait for the lease takes too long.
    ///
    /// If that wait takes too long while the current token is valid and no token is excluded,
    /// returns [`SourceError::Postponed`] instead of a fetched token.
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
                (None, Lease::Held { .. }) if request.has_valid_token() && request.excluded.is_none() => {
                    return (FetchPath::Postponed, Err(SourceError::Postponed));
                }
                (None, Lease::Held { .. }) => break,
            }
        }
        // The store fails, or other instances have held the lease for too long.
        (FetchPath::Alone, self.fetch_and_publish(request, holder).await)
    }

    /// Fetches a token while holding the lease, and stores the token for all instances. Renews the
    /// lease until the fetch ends.
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
            // The result of the renewal is ignored. A holder that has lost the lease can get it
            // back. Otherwise two instances fetch at the same time, which is harmless. A renewal
            // that is in flight when the fetch ends is awaited, so that the renewal does not reach
            // the store after the token.
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

    /// Fetches a token without the lease, and stores the token for all instances.
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

    /// Returns the stored token if it is usable. Both conditions must be true:
    /// - The stored token differs from the current token and from the excluded token, and expires
    ///   no earlier than either of them.
    /// - The stored token is not due for a refresh. If it is due but still valid, it is usable only
    ///   if the current token is no longer valid.
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
            Phase::Soft if !request.has_valid_token() => {}
            Phase::Soft | Phase::Hard => return None,
        }
        events::clocks_differ(self.key.client_id(), stored.issued_at(), issued_at);
        let token = AccessToken::new(stored.token().expose(), ends_at).ok()?;
        Some(FetchedToken { token, issued_at, lifetime, missing_scopes: Vec::new() })
    }
}

/// Converts a fetched token to the form in which it is stored.
fn stored(fetched: &FetchedToken) -> StoredToken {
    StoredToken::new(fetched.token.clone(), fetched.issued_at)
}

/// Waits between two reads of the store, while another instance holds the lease.
struct PollTimer {
    notifications: Option<Notifications>,
    interval: Duration,
}

impl PollTimer {
    fn new(notifications: Option<Notifications>) -> Self {
        let interval = if notifications.is_some() { POLL_INTERVAL_WITH_NOTIFICATIONS } else { POLL_INTERVAL };
        Self { notifications, interval }
    }

    /// Waits for a notification, or until the next read of the store is due. `left` is the time
    /// until the lease expires. The wait ends soon after the lease has expired, because an expired
    /// lease means that its holder has crashed.
    async fn next(&mut self, left: Duration) {
        let jitter = 0.5 + fastrand::f64();
        let pause = self.interval.mul_f64(jitter).min(left + POLL_INTERVAL.mul_f64(jitter));
        self.interval = (2 * self.interval).min(MAX_POLL_INTERVAL);
        match &mut self.notifications {
            Some(notifications) => tokio::select! {
                biased;
                () = notifications.received() => sleep(MAX_READ_DELAY.mul_f64(fastrand::f64())).await,
                () = sleep(pause) => {}
            },
            None => sleep(pause).await,
        }
    }
}

#[cfg(test)]
mod tests;
