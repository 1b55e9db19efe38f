//! The one connection of a process, shared by all calls.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{SharedTask, TaskLimits};
use passport_outbound::{Notifier, StoreError};
use redis::{Cmd, FromRedisValue, RedisResult};
use tokio::runtime::Handle;

use super::{endpoint::RedisEndpoint, server_or_cluster::RedisConnection};
use crate::{
    error::{concerns_the_connection, is_server_error, store_error},
    task_outcome::{interrupted, outcome_of},
};

/// For a connection, including the read of its password and certificates. No call waits for longer
/// than the store may take; the connection is there for the next call.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(5), grace: Duration::from_secs(5) };

const LATE: &str = "no connection to Redis could be made in time";

/// Connects when there is something to ask. A connection that has failed is discarded, and the next
/// call makes another. There is no backoff here: while the store does not work, only probes ask it.
pub(crate) struct SharedConnection {
    endpoint: RedisEndpoint,
    notifier: Notifier,
    current: Mutex<Option<Arc<RedisConnection>>>,
    connecting: SharedTask<Result<Arc<RedisConnection>, StoreError>>,
}

impl SharedConnection {
    pub(crate) fn new(endpoint: RedisEndpoint, notifier: Notifier) -> Self {
        Self { endpoint, notifier, current: Mutex::default(), connecting: SharedTask::new() }
    }

    /// Returns the reply of Redis. If the connection has died since its last use, the command is
    /// sent again on another one: it must be fit to be run twice.
    ///
    /// # Cancel safety
    /// A connection without a reply when the future is dropped is not used again.
    pub(crate) async fn query<T: FromRedisValue>(self: &Arc<Self>, command: Cmd) -> Result<T, StoreError> {
        let error = match self.query_once(&command).await? {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        if !concerns_the_connection(&error) {
            return Err(store_error(&error));
        }
        self.query_once(&command).await?.map_err(|error| store_error(&error))
    }

    async fn query_once<T: FromRedisValue>(
        self: &Arc<Self>,
        command: &Cmd,
    ) -> Result<RedisResult<T>, StoreError> {
        let connection = self.get().await?;
        let mut query = PendingQuery { shared: self, connection: &connection, has_reply: false };
        let reply = connection.query(command).await;
        query.has_reply = reply.as_ref().err().is_none_or(is_server_error);
        Ok(reply)
    }

    /// Returns the current connection, or makes one.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<RedisConnection>, StoreError> {
        let current = self.current().clone();
        if let Some(current) = current {
            return Ok(current);
        }
        let connect = || Arc::clone(self).connect();
        let waiter =
            self.connecting.join_or_spawn(&Handle::current(), LIMITS, connect, |made| outcome_of(made, LATE));
        waiter.outcome().await.unwrap_or_else(interrupted)
    }

    async fn connect(self: Arc<Self>) -> Result<Arc<RedisConnection>, StoreError> {
        let connection = Arc::new(self.endpoint.connect(&self.notifier).await?);
        *self.current() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn discard(&self, failed: &Arc<RedisConnection>) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, failed)) {
            *current = None;
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<RedisConnection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query on its way. Its connection is discarded unless Redis has replied: after an error, or
/// when the caller has stopped waiting.
struct PendingQuery<'a> {
    shared: &'a SharedConnection,
    connection: &'a Arc<RedisConnection>,
    has_reply: bool,
}

impl Drop for PendingQuery<'_> {
    fn drop(&mut self) {
        if !self.has_reply {
            self.shared.discard(self.connection);
        }
    }
}
