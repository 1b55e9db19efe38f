//! The one connection of a process.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_outbound::{StoreError, WakeUps};
use redis::{Cmd, FromRedisValue, RedisResult};

use crate::{
    background::Background,
    error::{concerns_the_connection, is_an_answer, store_error},
    target::{Connection, Target},
};

/// How long it may take until there is a connection, its password and certificates included. Nobody waits for longer than the
/// store may take; the next call has it.
const MAX_CONNECTING: Duration = Duration::from_secs(5);

/// Connects when there is something to ask. A connection that has failed is left behind; who comes next makes another. When
/// that is, is not decided here: the store is asked nothing while it does not work, but by a probe.
pub(crate) struct Link {
    target: Target,
    wake_ups: WakeUps,
    current: Mutex<Option<Arc<Connection>>>,
    connecting: Background<Arc<Connection>>,
}

impl Link {
    pub(crate) fn new(target: Target, wake_ups: WakeUps) -> Self {
        let connecting = Background::new(MAX_CONNECTING, "no connection to Redis could be made in time");
        Self { target, wake_ups, current: Mutex::default(), connecting }
    }

    /// What Redis answers. A connection that has died since it was used last is no reason to fail: it is tried once more with
    /// another. So whatever is asked must be fit to be asked twice.
    ///
    /// # Cancel safety
    /// Whoever asks has a limit. A connection that gave no answer until then is not used again.
    pub(crate) async fn ask<T: FromRedisValue>(self: &Arc<Self>, command: Cmd) -> Result<T, StoreError> {
        let error = match self.asked(&command).await? {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if !concerns_the_connection(&error) {
            return Err(store_error(&error));
        }
        self.asked(&command).await?.map_err(|error| store_error(&error))
    }

    async fn asked<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> Result<RedisResult<T>, StoreError> {
        let connection = self.connection().await?;
        let mut used = Used { link: self, connection: &connection, has_answered: false };
        let answer = connection.query(command).await;
        used.has_answered = answer.as_ref().err().is_none_or(is_an_answer);
        Ok(answer)
    }

    /// The connection there is, or a new one.
    pub(crate) async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, StoreError> {
        let current = self.current().clone();
        match current {
            Some(current) => Ok(current),
            None => self.connecting.outcome(|| Arc::clone(self).connected()).await,
        }
    }

    async fn connected(self: Arc<Self>) -> Result<Arc<Connection>, StoreError> {
        let connection = Arc::new(self.target.connect(&self.wake_ups).await?);
        *self.current() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn leave(&self, failed: &Arc<Connection>) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, failed)) {
            *current = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is used for a command. It is left behind unless it has answered: by an error, or because nobody waits any
/// more.
struct Used<'a> {
    link: &'a Link,
    connection: &'a Arc<Connection>,
    has_answered: bool,
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        if !self.has_answered {
            self.link.leave(self.connection);
        }
    }
}
