use std::{fmt, sync::Arc};

use tokio::sync::broadcast::{self, error::RecvError};

use super::super::TokenKey;

/// How much news may come before a listener looks. Whoever misses some looks into the store.
const CAPACITY: usize = 64;

/// Where a [`TokenStore`](super::TokenStore) tells that there is news of a token: it was published, or its holder has given
/// up. A hint, no more: whoever hears it looks into the store, and whoever does not looks there too, later. Cheap to clone;
/// clones share.
#[derive(Clone)]
pub struct WakeUps(broadcast::Sender<Arc<str>>);

impl WakeUps {
    /// Without listeners.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    /// There is news of the token whose key ([`TokenKey`](crate::TokenKey)), as text, is `key`.
    pub fn wake(&self, key: &str) {
        // Nobody may be listening.
        let _ = self.0.send(key.into());
    }

    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Notifications {
        Notifications { key: key.to_string(), from: self.0.subscribe() }
    }
}

impl Default for WakeUps {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakeUps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeUps").finish_non_exhaustive()
    }
}

/// The news of one token, from the moment on when it was listened for.
pub(in crate::cache) struct Notifications {
    key: String,
    from: broadcast::Receiver<Arc<str>>,
}

impl Notifications {
    /// There is some. Never, if nobody can tell any more.
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
mod tests {
    use tokio_test::{assert_pending, assert_ready, task::spawn};

    use super::*;

    fn key(scope: &str) -> TokenKey {
        let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
        TokenKey::new(&"mi-1".parse().unwrap(), &url, "client_secret", &scope.parse().unwrap())
    }

    #[test]
    fn one_hears_of_the_token_that_one_waits_for_and_of_no_other() {
        let wake_ups = WakeUps::new();
        let mut notifications = wake_ups.listen(&key("mine"));
        let mut received = spawn(notifications.received());
        assert_pending!(received.poll());
        wake_ups.wake(&key("other").to_string());
        assert_pending!(received.poll());
        wake_ups.clone().wake(&key("mine").to_string());
        assert_ready!(received.poll());
    }

    #[test]
    fn whoever_missed_some_looks() {
        let wake_ups = WakeUps::new();
        let mut notifications = wake_ups.listen(&key("mine"));
        for _ in 0..=CAPACITY {
            wake_ups.wake("other");
        }
        assert_ready!(spawn(notifications.received()).poll());
    }
}
