//! Notifications about stored tokens and leases.

use std::{fmt, sync::Arc};

use tokio::sync::broadcast::{self, error::RecvError};

use super::super::TokenKey;

/// The number of unread notifications that are kept for a subscriber. A subscriber with more
/// unread notifications misses some of them, and reads the store instead.
const CAPACITY: usize = 64;

/// Sends the notifications of a [`TokenStore`](super::TokenStore): a token was published, or a
/// lease was released.
///
/// Notifications are hints. A subscriber reads the store after each notification, and also polls
/// the store, so a lost notification only delays the subscriber. A notifier is cheap to clone;
/// clones share their subscribers.
#[derive(Clone)]
pub struct Notifier(broadcast::Sender<Arc<str>>);

impl Notifier {
    /// Creates a notifier without subscribers.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// Notifies waiting token fetches in this process that the token or the lease for `key` has
    /// changed. `key` is the text of a [`TokenKey`].
    pub fn notify(&self, key: &str) {
        // The result is ignored: `send` fails if there are no subscribers, which is not a problem
        // here.
        let _ = self.0.send(key.into());
    }

    /// Subscribes to the notifications for `key`.
    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Notifications {
        Notifications { key: key.to_string(), from: self.0.subscribe() }
    }
}

impl Default for Notifier {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

/// A subscription to the notifications for one token.
pub(in crate::cache) struct Notifications {
    key: String,
    from: broadcast::Receiver<Arc<str>>,
}

impl Notifications {
    /// Waits for the next notification for the token. Also returns if notifications were missed. If
    /// the notifier is dropped, never returns.
    pub(in crate::cache) async fn received(&mut self) {
        loop {
            match self.from.recv().await {
                Ok(key) if *key == *self.key => return,
                Ok(_of_another) => {}
                Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests;
