use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::shares::Shares;
use crate::error::ErrorResponse;

/// A connection on TCP. Its caller is unknown when it is accepted, so it counts as one of each
/// caller from when that caller's token is first sent on it.
#[derive(Clone, Debug)]
pub(crate) struct TcpConnection {
    shares: Arc<Shares>,
    callers: Arc<Mutex<BTreeMap<Arc<str>, OwnedSemaphorePermit>>>,
    rejected: CancellationToken,
}

impl TcpConnection {
    pub(crate) fn new(shares: Arc<Shares>) -> Self {
        Self { shares, callers: Arc::default(), rejected: CancellationToken::new() }
    }

    /// Counts the connection as one of `caller`.
    ///
    /// # Errors
    /// 429 when that caller has too many.
    pub(crate) fn count_for(&self, caller: &Arc<str>) -> Result<(), ErrorResponse> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.contains_key(caller) {
            return Ok(());
        }
        let Some(permit) = self.shares.of_caller(caller) else {
            self.rejected.cancel();
            return Err(ErrorResponse::too_many_requests(
                "this caller has too many connections; see limits.max_connections_per_caller",
            ));
        };
        callers.insert(Arc::clone(caller), permit);
        Ok(())
    }

    /// Canceled when a caller has one too many, so that it is closed.
    pub(crate) fn rejected(&self) -> &CancellationToken {
        &self.rejected
    }
}
