//! The one connection of a store, shared by all calls.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{SharedTask, TaskError, TaskLimits};
use passport_outbound::{Notifier, StoreError};
use redis::{Cmd, FromRedisValue, RedisResult};
use tokio::runtime::Handle;

use super::{endpoint::RedisEndpoint, server_or_cluster::RedisConnection};
use crate::{
    error::{is_connection_error, is_server_error, store_error},
    task_outcome::{interrupted, outcome_of},
};

/// The time limits of connecting, including the read of password and certificates. A call stops
/// waiting earlier, at the timeout of the store; the connection is then ready for the next call.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(5), grace: Duration::from_secs(5) };

const TIMED_OUT: &str = "connecting to Redis, with its password and certificates, took longer than 5 s; check the network and the vault";

/// A connection that is established by the first call that needs it. A failed connection is
/// discarded, and the next call establishes another. There is no backoff here: after a failure,
/// the circuit breaker of the caller lets only probes through.
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

    /// Sends `command` and returns the reply. If the connection has failed since its last use, the
    /// command is sent again on a new connection, so it must be idempotent.
    ///
    /// # Cancel safety
    /// If the future is dropped before the reply, the connection is discarded.
    pub(crate) async fn query<T: FromRedisValue>(self: &Arc<Self>, command: Cmd) -> Result<T, StoreError> {
        let error = match self.query_once(&command).await? {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        if !is_connection_error(&error) {
            return Err(store_error(&error, &self.endpoint));
        }
        self.query_once(&command).await?.map_err(|error| store_error(&error, &self.endpoint))
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

    /// Returns the current connection, or connects. Concurrent callers share one attempt.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<RedisConnection>, StoreError> {
        let current = self.current().clone();
        if let Some(current) = current {
            return Ok(current);
        }
        let connect = || Arc::clone(self).connect();
        let shared = Arc::clone(self);
        let timed_out = move |failure| shared.timed_out(failure);
        let waiter = self
            .connecting
            .join_or_spawn(&Handle::current(), LIMITS, connect, |made| outcome_of(made, timed_out));
        waiter.outcome().await.unwrap_or_else(interrupted)
    }

    async fn connect(self: Arc<Self>) -> Result<Arc<RedisConnection>, StoreError> {
        let connection = Arc::new(self.endpoint.connect(&self.notifier).await?);
        *self.current() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn timed_out(&self, source: TaskError) -> StoreError {
        StoreError::new(TIMED_OUT)
            .with_source(ConnectTimedOut { endpoint: self.endpoint.to_string(), source })
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

/// The servers to which no connection was established in time.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: no connection")]
struct ConnectTimedOut {
    endpoint: String,
    source: TaskError,
}

/// A query in flight. When it is dropped without a reply, after an error or because the caller
/// was canceled, its connection is discarded.
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
