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
#[cfg(feature = "deny-list")]
use crate::error::NO_REPLY;
use crate::{
    error::{is_connection_error, is_server_error, store_error},
    task_outcome::{interrupted, outcome_of},
};

/// The time limits of the task that reads the credentials and connects. A call of the store
/// stops waiting earlier, at the timeout of the store. The task then continues, so that a later
/// call can use the connection.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(5), grace: Duration::from_secs(5) };

/// The message of the error if connecting exceeded its time limit.
const TIMED_OUT: &str = "connecting to Redis, with its password and certificates, took longer than 5 s; check the network and the vault";

/// The one connection of a store. The first call that needs it connects. A failed connection is
/// discarded, and the next call connects again. This type has no backoff: after a failure, the
/// circuit breaker of the token cache lets only probes through.
pub(crate) struct SharedConnection {
    endpoint: RedisEndpoint,
    notifier: Option<Notifier>,
    current: Mutex<Option<Arc<RedisConnection>>>,
    connecting: SharedTask<Result<Arc<RedisConnection>, StoreError>>,
}

impl SharedConnection {
    /// Creates a value that is not connected yet. Its connections forward the notifications of
    /// other instances to `notifier`. Without one, they do not subscribe to notifications.
    pub(crate) fn new(endpoint: RedisEndpoint, notifier: Option<Notifier>) -> Self {
        Self { endpoint, notifier, current: Mutex::default(), connecting: SharedTask::new() }
    }

    /// Sends `command` and returns the reply. If the command fails because of the connection,
    /// retries once on a new connection. So `command` must be idempotent.
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

    /// Sends `command` once, and returns the reply. Without a retry, no data that is lost with a
    /// connection is missed.
    ///
    /// # Cancel safety
    /// If the future is dropped before the reply, the connection is discarded.
    #[cfg(feature = "deny-list")]
    pub(crate) async fn query_without_retry<T: FromRedisValue>(
        self: &Arc<Self>,
        command: &Cmd,
    ) -> Result<T, StoreError> {
        self.query_once(command).await?.map_err(|error| store_error(&error, &self.endpoint))
    }

    /// Waits for `query`, a query of this connection, for at most `limit`.
    #[cfg(feature = "deny-list")]
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        query: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::time::timeout(limit, query).await.unwrap_or_else(|source| {
            Err(StoreError::new(NO_REPLY)
                .with_source(NoReply { endpoint: self.endpoint.to_string(), source }))
        })
    }

    /// Sends `command` once. If the connection fails, discards the connection. The outer error is
    /// an error of connecting, the inner error is an error of the command.
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

    /// Returns the current connection. If there is no connection, connects. Concurrent callers
    /// share one connection attempt.
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

    /// Connects, and makes the new connection the current connection.
    async fn connect(self: Arc<Self>) -> Result<Arc<RedisConnection>, StoreError> {
        let connection = Arc::new(self.endpoint.connect(self.notifier.as_ref()).await?);
        *self.current() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Creates the error if connecting exceeded its time limit.
    fn timed_out(&self, source: TaskError) -> StoreError {
        StoreError::new(TIMED_OUT)
            .with_source(ConnectTimedOut { endpoint: self.endpoint.to_string(), source })
    }

    /// Removes the connection `failed` if it is still the current connection.
    fn discard(&self, failed: &Arc<RedisConnection>) {
        let mut current = self.current();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, failed)) {
            *current = None;
        }
    }

    /// Locks and returns the current connection. It is `None` before connecting and after a
    /// failure.
    fn current(&self) -> MutexGuard<'_, Option<Arc<RedisConnection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cause of the error if connecting exceeded its time limit. Names the servers.
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: no connection")]
struct ConnectTimedOut {
    endpoint: String,
    source: TaskError,
}

/// The cause of the error if a query exceeded its time limit. Names the servers.
#[cfg(feature = "deny-list")]
#[derive(Debug, thiserror::Error)]
#[error("{endpoint}: no reply")]
struct NoReply {
    endpoint: String,
    source: tokio::time::error::Elapsed,
}

/// A query that is waiting for its reply. Dropping this value without a reply discards the
/// connection: the query failed, or the caller dropped the future, for example because of a
/// timeout.
struct PendingQuery<'a> {
    shared: &'a SharedConnection,
    connection: &'a Arc<RedisConnection>,
    /// Whether Redis replied. If true, dropping this value keeps the connection.
    has_reply: bool,
}

impl Drop for PendingQuery<'_> {
    fn drop(&mut self) {
        if !self.has_reply {
            self.shared.discard(self.connection);
        }
    }
}
