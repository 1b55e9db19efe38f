//! Counts the TCP connections of each caller.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::shares::Shares;
use crate::error::ErrorResponse;

/// A connection on TCP. Its caller is unknown when it is accepted. It counts against the limit
/// of a caller as soon as that caller's token is sent on it.
#[derive(Clone, Debug)]
pub(crate) struct TcpConnection {
    shares: Arc<Shares>,
    callers: Arc<Mutex<BTreeMap<Arc<str>, OwnedSemaphorePermit>>>,
    rejected: CancellationToken,
}

impl TcpConnection {
    /// Creates the state of a connection that no caller has used.
    pub(crate) fn new(shares: Arc<Shares>) -> Self {
        Self { shares, callers: Arc::default(), rejected: CancellationToken::new() }
    }

    /// Counts the connection against the limit of `caller`, once.
    ///
    /// # Errors
    /// Returns a 429 if the caller has too many connections.
    pub(crate) fn count_for(&self, caller: &Arc<str>) -> Result<(), ErrorResponse> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.contains_key(caller) {
            return Ok(());
        }
        let Some(permit) = self.shares.of_caller(caller) else {
            self.rejected.cancel();
            return Err(ErrorResponse::too_many_requests(
                "too many connections of this caller; see limits.max_connections_per_caller",
            ));
        };
        callers.insert(Arc::clone(caller), permit);
        Ok(())
    }

    /// Returns a token that is canceled when the connection exceeds the limit of a caller and has
    /// to be closed.
    pub(crate) fn rejected(&self) -> &CancellationToken {
        &self.rejected
    }
}
