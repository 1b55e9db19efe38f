//! Identifies the client of a request as a configured caller, and takes permits for the request.
//! The permits limit the share of each caller.

use std::sync::Arc;

use crate::{
    caller_auth::{Caller, Callers},
    error::ErrorResponse,
    limits::{OpenFiles, Share, Shares, TcpConnection},
    peer::Peer,
};

/// The configured callers, and the permits that all callers share. Each caller can take only a
/// part of the permits.
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
    /// Identifies the client of a request as a configured caller, and returns the caller. On TCP,
    /// also counts `connection` against the caller's limit on connections. `tokens` are the
    /// possible decodings of the caller token that the client sent.
    ///
    /// # Errors
    /// Returns an error response in these cases:
    /// - `peer` and `tokens` identify no caller (403 on the Unix socket, 401 on TCP);
    /// - the caller has too many connections (429).
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

    /// Takes a permit for a request to one of the sidecar's own endpoints. Fails immediately if no
    /// permit is left. These permits bound the memory of such requests.
    ///
    /// # Errors
    /// Returns a 429 if the caller has too many requests to own endpoints in flight. Returns a 503
    /// if all callers together have too many of these requests in flight.
    pub(crate) fn own_request(&self, caller: &Caller) -> Result<Share, ErrorResponse> {
        let share = self.own_requests.take(Some(&caller.name));
        share.map_err(|exhausted| exhausted.response("max_buffered_mib"))
    }
}
