use std::sync::Arc;

use crate::{
    caller_auth::{Caller, Callers},
    error::ErrorResponse,
    limits::{OpenFiles, Share, Shares, TcpConnection},
    peer::Peer,
};

/// Authenticates the callers of requests, and hands out permits that limit what each of them takes
/// from the others.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) callers: Callers,
    /// Requests of the sidecar's own endpoints.
    pub(crate) own_requests: Shares,
    /// Forwarded requests.
    pub(crate) forwarded: Shares,
    pub(crate) files: OpenFiles,
}

impl Admission {
    /// Returns the caller of a request, and counts the connection as one of that caller.
    ///
    /// # Errors
    /// 401 or 403 when `peer` and `tokens` identify no caller, and 429 when the caller has too many
    /// connections.
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

    /// Takes the memory that a request of an own endpoint may need, as a part of its caller's.
    ///
    /// # Errors
    /// 429 when the caller has too many requests in flight, and 503 when all callers together have.
    pub(crate) fn own_request(&self, caller: &Caller) -> Result<Share, ErrorResponse> {
        let share = self.own_requests.take(Some(&caller.name));
        share.map_err(|exhausted| exhausted.response("max_buffered_mib"))
    }
}
