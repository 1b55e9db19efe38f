//! Which callers have a connection.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OwnedSemaphorePermit;

use crate::{refusal::Refusal, shares::Shares};

/// A connection on TCP. Its caller is not known when it begins, so that each caller that shows its
/// token on it takes a permit of its share of connections then.
#[derive(Clone, Debug)]
pub(crate) struct TcpConnection {
    shares: Arc<Shares>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    callers: BTreeMap<Arc<str>, OwnedSemaphorePermit>,
    is_refused: bool,
}

impl TcpConnection {
    pub(crate) fn new(shares: Arc<Shares>) -> Self {
        Self { shares, state: Arc::default() }
    }

    /// Counts the connection as one of `caller`.
    ///
    /// # Errors
    /// 429 when that caller has too many.
    pub(crate) fn count_for(&self, caller: &Arc<str>) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.callers.contains_key(caller) {
            return Ok(());
        }
        let Some(permit) = self.shares.of_caller(caller) else {
            state.is_refused = true;
            return Err(Refusal::too_many(
                "this caller has too many connections; see limits.connections_per_caller",
            ));
        };
        state.callers.insert(Arc::clone(caller), permit);
        Ok(())
    }

    /// Whether it is one too many of a caller, and has to be closed.
    pub(crate) fn is_refused(&self) -> bool {
        self.state().is_refused
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
