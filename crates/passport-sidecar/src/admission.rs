//! Authenticates callers, and gives their requests permits that limit the share of each caller.

use std::sync::Arc;

use crate::{
    caller_auth::{Caller, Callers},
    error::ErrorResponse,
    limits::{OpenFiles, Share, Shares, TcpConnection},
    peer::Peer,
};

/// The callers and the permits that they share. Each caller can take only a part of the permits.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) callers: Callers,
    /// Permits for requests to the sidecar's own endpoints.
    pub(crate) own_requests: Shares,
    /// Permits for forwarded requests.
    pub(crate) forwarded: Shares,
    /// Permits for open files.
    pub(crate) files: OpenFiles,
}

impl Admission {
    /// Returns the caller of a request, and counts `connection` against the caller's limit on
    /// connections. `tokens` are the possible decodings of the token that was sent.
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

    /// Takes a permit for a request to one of the sidecar's own endpoints, or fails immediately.
    /// These permits bound the memory of such requests.
    ///
    /// # Errors
    /// Returns a 429 if the caller has too many requests in flight, and a 503 if all callers
    /// together have.
    pub(crate) fn own_request(&self, caller: &Caller) -> Result<Share, ErrorResponse> {
        let share = self.own_requests.take(Some(&caller.name));
        share.map_err(|exhausted| exhausted.response("max_buffered_mib"))
    }
}
