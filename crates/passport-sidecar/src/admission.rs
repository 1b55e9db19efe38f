//! Authentication of callers, and the permits of their requests.

use std::sync::Arc;

use crate::{
    caller_auth::{Caller, Callers},
    error::ErrorResponse,
    limits::{OpenFiles, Share, Shares, TcpConnection},
    peer::Peer,
};

/// Authenticates the callers of requests, and gives permits that limit the share of each caller.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) callers: Callers,
    /// Permits of requests to the sidecar's own endpoints.
    pub(crate) own_requests: Shares,
    /// Permits of forwarded requests.
    pub(crate) forwarded: Shares,
    /// Permits of open files.
    pub(crate) files: OpenFiles,
}

impl Admission {
    /// Returns the caller of a request, and counts the connection against the caller's limit.
    ///
    /// # Errors
    /// Returns a 401 or 403 if `peer` and `tokens` identify no caller, and a 429 if the caller has
    /// too many connections.
    pub(crate) async fn authenticate(
        &self,
        peer: Peer,
        connection: Option<TcpConnection>,
        tokens: &[&str],
    ) -> Result<Arc<Caller>, ErrorResponse> {
        let caller = self.callers.authenticate(peer, tokens).await?;
        connection.map_or(Ok(()), |connection| connection.count_for(&caller.name))?;
        Ok(caller)
    }

    /// Takes a permit for a request to an own endpoint. These permits bound the memory of such
    /// requests.
    ///
    /// # Errors
    /// Returns a 429 if the caller has too many requests in flight, and a 503 if all callers
    /// together have.
    pub(crate) fn own_request(&self, caller: &Caller) -> Result<Share, ErrorResponse> {
        let share = self.own_requests.take(Some(&caller.name));
        share.map_err(|exhausted| exhausted.response("max_buffered_mib"))
    }
}
