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
mod tests;
