//! The moment at which a token expires, and a timer for it.

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

/// The timer reads the wall clock this often: it may be set, and a machine may be suspended.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The moment from which on a token is not accepted any more, by the wall clock.
#[derive(Clone, Debug)]
pub(super) struct Deadline {
    at: SystemTime,
    clock: Arc<dyn Clock>,
}

impl Deadline {
    pub(super) fn new(at: SystemTime, clock: Arc<dyn Clock>) -> Self {
        Self { at, clock }
    }

    /// The deadline of the caller's token.
    pub(super) fn of(caller: &IdInfo, clock: Arc<dyn Clock>) -> Self {
        Self::new(caller.accepted_until(), clock)
    }

    pub(super) fn is_reached(&self) -> bool {
        self.left().is_none()
    }

    fn left(&self) -> Option<Duration> {
        self.at.duration_since(self.clock.now()).ok().filter(|left| !left.is_zero())
    }

    async fn reached(self) {
        let mut timer = DeadlineTimer::default();
        std::future::poll_fn(|cx| timer.poll(&self, cx)).await;
    }
}

/// Wakes the task that waits for a [`Deadline`]. The timer of tokio is created by the first poll.
#[derive(Debug, Default)]
pub(super) struct DeadlineTimer(Option<Pin<Box<Sleep>>>);

impl DeadlineTimer {
    pub(super) fn poll(&mut self, deadline: &Deadline, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(left) = deadline.left() else { return Poll::Ready(()) };
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep(left.min(LONGEST_SLEEP))));
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.0 = None,
            }
        }
    }
}

/// Here and not beside the other methods, so that the identity does not depend on timers.
impl IdInfo {
    /// Waits until the verifier does not accept the token any more, by default 60 s after its
    /// `exp`: for a WebSocket, for example. By the operating system's clock, and by the token's
    /// times alone: a deny list does not end it. For response bodies, use
    /// [`TokenDeadlineLayer`](crate::TokenDeadlineLayer).
    ///
    /// # Panics
    /// When it is polled outside of a tokio runtime with a timer.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub async fn expired(&self) {
        Deadline::of(self, Arc::new(SystemClock)).reached().await;
    }
}
