//! The deadline of a token, and a timer for it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use passport_core::{Clock, SystemClock};
use tokio::time::{Sleep, sleep};

use crate::IdInfo;

/// The longest time between two reads of the wall clock. If the clock is set forward, or the
/// machine was suspended, the stream ends at most this long after the deadline.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// The wall-clock time from which the verifier rejects a token, and the clock that this time is
/// compared with.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    at: SystemTime,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    pub(super) fn new(at: SystemTime, clock: Arc<dyn Clock>) -> Self {
        Self { at, clock }
    }

    /// Returns the deadline of the caller's token.
    pub(super) fn of(caller: &IdInfo, clock: Arc<dyn Clock>) -> Self {
        Self::new(caller.accepted_until(), clock)
    }

    pub(super) fn is_reached(&self) -> bool {
        self.remaining().is_none()
    }

    /// Returns the time until the deadline. Returns `None` if the deadline is reached.
    fn remaining(&self) -> Option<Duration> {
        self.at.duration_since(self.clock.now()).ok().filter(|remaining| !remaining.is_zero())
    }

    /// Waits until the deadline is reached.
    async fn reached(self) {
        let mut timer = DeadlineTimer::default();
        std::future::poll_fn(|cx| timer.poll(&self, cx)).await;
    }
}

/// A timer that completes when a [`Deadline`] is reached. The first poll that has to wait
/// creates tokio's timer.
#[derive(Debug, Default)]
pub(super) struct DeadlineTimer(Option<Pin<Box<Sleep>>>);

impl DeadlineTimer {
    pub(super) fn poll(&mut self, deadline: &Deadline, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(remaining) = deadline.remaining() else { return Poll::Ready(()) };
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep(remaining.min(MAX_SLEEP))));
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.0 = None,
            }
        }
    }
}

// This method is here so that the module `identity` does not depend on timers.
impl IdInfo {
    /// Waits until the verifier would reject the token as expired: until `exp` plus the verifier's
    /// clock skew, by default 60 s.
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
    /// Cancel safe: the future has no state but a timer.
    pub async fn expired(&self) {
        Deadline::of(self, Arc::new(SystemClock)).reached().await;
    }
}
