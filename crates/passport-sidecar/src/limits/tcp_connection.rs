//! Counts a TCP connection against the limit of each caller that sends requests on the
//! connection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::shares::Shares;
use crate::error::ErrorResponse;

/// The callers that send requests on one TCP connection. When the connection is accepted, no
/// caller is known. As soon as a request on the connection has the token of a caller, the
/// connection counts against the limit of this caller.
#[derive(Clone, Debug)]
pub(crate) struct TcpConnection {
    shares: Arc<Shares>,
    callers: Arc<Mutex<BTreeMap<Arc<str>, OwnedSemaphorePermit>>>,
    rejected: CancellationToken,
}

impl TcpConnection {
    /// Creates the state of a connection on which no caller has been identified.
    pub(crate) fn new(shares: Arc<Shares>) -> Self {
        Self { shares, callers: Arc::default(), rejected: CancellationToken::new() }
    }

    /// Counts the connection against the limit of `caller`. Has no effect if the connection already
    /// counts against this limit.
    ///
    /// # Errors
    /// Returns a 429 if the caller has too many connections. The connection is then closed.
    pub(crate) fn count_for(&self, caller: &Arc<str>) -> Result<(), ErrorResponse> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.contains_key(caller) {
            return Ok(());
        }
        let Some(permit) = self.shares.of_caller(caller) else {
            self.rejected.cancel();
            return Err(ErrorResponse::too_many_requests(
                "too many connections of this caller: close some, or raise limits.max_connections_per_caller",
            ));
        };
        callers.insert(Arc::clone(caller), permit);
        Ok(())
    }

    /// Returns a cancellation token. It is canceled when a caller that uses the connection has too
    /// many connections. The connection is then closed.
    pub(crate) fn rejected(&self) -> &CancellationToken {
        &self.rejected
    }
}
