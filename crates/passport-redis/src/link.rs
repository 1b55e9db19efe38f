//! The one connection of a process.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{SharedTask, TaskLimits};
use passport_outbound::{StoreError, WakeUps};
use redis::{Cmd, FromRedisValue, RedisResult};
use tokio::runtime::Handle;

use crate::{
    error::{completed, concerns_the_connection, interrupted, is_an_answer, store_error},
    target::{Connection, Target},
};

/// For a connection, including the read of its password and certificates. No call waits for longer
/// than the store may take; the connection is there for the next call.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(5), grace: Duration::from_secs(5) };

const LATE: &str = "no connection to Redis could be made in time";

/// Connects when there is something to ask. A connection that has failed is left behind; who comes next makes another. When
/// that is, is not decided here: the store is asked nothing while it does not work, but by a probe.
pub(crate) struct Link {
    target: Target,
    wake_ups: WakeUps,
    current: Mutex<Option<Arc<Connection>>>,
    connecting: SharedTask<Result<Arc<Connection>, StoreError>>,
}

impl Link {
    pub(crate) fn new(target: Target, wake_ups: WakeUps) -> Self {
        Self { target, wake_ups, current: Mutex::default(), connecting: SharedTask::new() }
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
        if let Some(current) = current {
            return Ok(current);
        }
        let connect = || Arc::clone(self).connected();
        let waiter =
            self.connecting.join_or_spawn(&Handle::current(), LIMITS, connect, |made| completed(made, LATE));
        waiter.outcome().await.unwrap_or_else(interrupted)
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
