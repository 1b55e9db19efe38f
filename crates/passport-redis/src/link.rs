//! The one connection of a process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use passport_outbound::{StoreError, WakeUps};
use redis::{Cmd, FromRedisValue};
use tokio::time::timeout;

use crate::{
    error::{concerns_the_connection, store_error},
    target::{Connection, Target},
};

/// Connects when there is something to ask. A connection that has failed is left behind; who comes next makes another. When
/// that is, is not decided here: the store is asked nothing while it does not work, but by a probe.
pub(crate) struct Link {
    target: Target,
    wake_ups: WakeUps,
    current: Mutex<Option<Arc<Connection>>>,
    /// One connects at a time.
    connecting: tokio::sync::Mutex<()>,
}

impl Link {
    pub(crate) fn new(target: Target, wake_ups: WakeUps) -> Self {
        Self { target, wake_ups, current: Mutex::default(), connecting: tokio::sync::Mutex::default() }
    }

    /// What Redis answers, within the deadline. A connection that has died since it was used last is no reason to fail: it is
    /// tried once more with another. So whatever is asked must be fit to be asked twice.
    pub(crate) async fn ask<T: FromRedisValue>(self: &Arc<Self>, command: Cmd) -> Result<T, StoreError> {
        let asked = async {
            let first = self.connection().await?;
            let error = match first.query(&command).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.leave(&first);
            if !concerns_the_connection(&error) {
                return Err(store_error(&error));
            }
            let second = self.connection().await?;
            second.query(&command).await.map_err(|error| {
                self.leave(&second);
                store_error(&error)
            })
        };
        timeout(self.target.deadline, asked)
            .await
            .unwrap_or_else(|late| Err(StoreError::new("Redis did not answer in time").caused_by(late)))
    }

    /// The connection, made in a task of its own if there is none: one that takes longer than the deadline is there for the
    /// next call.
    async fn connection(self: &Arc<Self>) -> Result<Arc<Connection>, StoreError> {
        let current = self.current().clone();
        if let Some(current) = current {
            return Ok(current);
        }
        let link = Arc::clone(self);
        let made = tokio::spawn(async move {
            let _one = link.connecting.lock().await;
            let current = link.current().clone();
            if let Some(current) = current {
                return Ok(current);
            }
            let connection = Arc::new(link.target.connect(&link.wake_ups).await?);
            *link.current() = Some(Arc::clone(&connection));
            Ok(connection)
        });
        made.await.unwrap_or_else(|lost| {
            Err(StoreError::new("no connection to Redis was made: the runtime is going").caused_by(lost))
        })
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
