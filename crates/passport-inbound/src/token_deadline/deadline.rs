//! The deadline of a token, at its expiry or its revocation, and a timer for it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use passport_core::{Clock, SystemClock};
use tokio::time::{Sleep, sleep};

use super::revocation;
use crate::IdInfo;

/// The longest time between two reads of the wall clock. If the clock is set forward, or the
/// machine was suspended, the stream ends at most this long after the deadline.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// When an open stream ends: the wall-clock time from which the verifier rejects the token, the
/// clock that this time is compared with, and the caller if the token can be revoked before.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    at: SystemTime,
    clock: Arc<dyn Clock>,
    /// `None` if nothing can revoke the token.
    revocable: Option<IdInfo>,
}

impl Deadline {
    #[cfg(test)]
    pub(super) fn new(at: SystemTime, clock: Arc<dyn Clock>) -> Self {
        Self { at, clock, revocable: None }
    }

    /// Returns the deadline of the caller's token.
    pub(super) fn of(caller: &IdInfo, clock: Arc<dyn Clock>) -> Self {
        let revocable = revocation::is_possible(caller).then(|| caller.clone());
        Self { at: caller.accepted_until(), clock, revocable }
    }

    /// Returns whether the token has expired or was revoked.
    pub(super) fn is_reached(&self) -> bool {
        self.remaining().is_none() || self.revocable.as_ref().is_some_and(revocation::is_revoked)
    }

    /// Returns the time until the token expires. Returns `None` if it has expired.
    fn remaining(&self) -> Option<Duration> {
        self.at.duration_since(self.clock.now()).ok().filter(|remaining| !remaining.is_zero())
    }

    /// Waits until the deadline is reached.
    async fn reached(self) {
        let mut timer = DeadlineTimer::default();
        std::future::poll_fn(|cx| timer.poll(&self, cx)).await;
    }
}

/// A timer that completes when a [`Deadline`] is reached. The first poll that has to wait creates
/// tokio's timer, and subscribes to revocations.
#[derive(Default)]
pub(super) struct DeadlineTimer {
    sleep: Option<Pin<Box<Sleep>>>,
    revoked: Option<RevokedFuture>,
}

/// A future that completes when the token is revoked.
type RevokedFuture = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl DeadlineTimer {
    pub(super) fn poll(&mut self, deadline: &Deadline, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(caller) = &deadline.revocable {
            let revoked = self.revoked.get_or_insert_with(|| Box::pin(revocation::revoked(caller.clone())));
            if revoked.as_mut().poll(cx).is_ready() {
                // A completed future must not be polled again.
                self.revoked = None;
                return Poll::Ready(());
            }
        }
        loop {
            let Some(remaining) = deadline.remaining() else { return Poll::Ready(()) };
            let timer = self.sleep.get_or_insert_with(|| Box::pin(sleep(remaining.min(MAX_SLEEP))));
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.sleep = None,
            }
        }
    }
}

impl DeadlineTimer {
    /// Returns whether the issuer says that the token is not active, or the deadline is reached. A
    /// body that always has data never waits, so the issuer is also asked while it sends data.
    pub(super) fn is_inactive(&mut self, deadline: &Deadline, cx: &mut Context<'_>) -> bool {
        let asks_issuer = deadline.revocable.as_ref().is_some_and(|caller| caller.token().is_some());
        asks_issuer && self.poll(deadline, cx).is_ready()
    }
}

impl fmt::Debug for DeadlineTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadlineTimer").field("sleep", &self.sleep).finish_non_exhaustive()
    }
}

// This method is here so that the module `identity` does not depend on timers.
impl IdInfo {
    /// Waits until the verifier would reject the token: until `exp` plus the verifier's clock skew,
    /// by default 60 s, or until its [deny list](crate::TokenVerifierBuilder::deny_list) denies the
    /// caller. If the issuer's [`IntrospectionMode`](crate::IntrospectionMode) or a requirement
    /// needs its answer, also until the issuer says that the token is not active, or gives no
    /// answer for twice the maximum age of an answer.
    ///
    /// Use this method to close a WebSocket. For response bodies, use
    /// [`TokenDeadlineLayer`](crate::TokenDeadlineLayer). The method reads the clock of the
    /// operating system. If [`reject_if`](crate::TokenVerifierBuilder::reject_if) starts to reject
    /// the caller, the method does not complete earlier.
    ///
    /// ```
    /// # async fn example(caller: passport_inbound::IdInfo, socket: impl Future<Output = ()>) {
    /// tokio::select! {
    ///     () = socket => {}
    ///     () = caller.expired() => println!("token expired, closing the socket"),
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    /// Panics if the future is polled outside a tokio runtime with an enabled timer.
    ///
    /// # Cancel safety
    /// Cancel safe: the future has no state but a timer and a subscription.
    pub async fn expired(&self) {
        Deadline::of(self, Arc::new(SystemClock)).reached().await;
    }
}
