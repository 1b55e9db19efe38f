//! When it is over.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use passport_core::Clock;
use tokio::time::{Sleep, sleep};

/// No longer than this is slept at a time: a machine may sleep too, and a wall clock be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The moment from which on a token counts no more, by the wall clock.
#[derive(Clone, Debug)]
pub(crate) struct End {
    at: SystemTime,
    clock: Arc<dyn Clock>,
}

impl End {
    pub(crate) fn new(at: SystemTime, clock: Arc<dyn Clock>) -> Self {
        Self { at, clock }
    }

    pub(super) fn is_reached(&self) -> bool {
        self.left().is_none()
    }

    fn left(&self) -> Option<Duration> {
        self.at.duration_since(self.clock.now()).ok().filter(|left| !left.is_zero())
    }

    pub(crate) async fn reached(self) {
        let mut timer = Timer::default();
        std::future::poll_fn(|cx| timer.poll(&self, cx)).await;
    }
}

/// Wakes whoever waits for an [`End`]. Set up when somebody does.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    pub(super) fn poll(&mut self, end: &End, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(left) = end.left() else { return Poll::Ready(()) };
            let timer = self.0.get_or_insert_with(|| Box::pin(sleep(left.min(LONGEST_SLEEP))));
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.0 = None,
            }
        }
    }
}
