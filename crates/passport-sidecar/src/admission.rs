//! Identifies the client of a request as a configured caller, and takes permits for the request.
//! The permits limit the share of each caller.

use std::sync::{Arc, LazyLock};

use metrics::Gauge;

use crate::{
    caller_auth::{Caller, Callers},
    error::ErrorResponse,
    limits::{ClientConnection, OpenFiles, Share, Shares},
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
    /// The number of forwarded requests in flight. Set when the first request is forwarded, because
    /// the recorder of the metrics is installed after the sidecar was built.
    pub(crate) in_flight: LazyLock<Gauge>,
}

impl Admission {
    /// Identifies the client of a request on `connection` as a configured caller, and returns the
    /// caller. On TCP, also counts the connection against the caller's limit on connections.
    /// `tokens` are the possible decodings of the caller token that the client sent.
    ///
    /// # Errors
    /// Returns an error response in these cases:
    /// - the client and `tokens` identify no caller (403 on the Unix socket, 401 on TCP);
    /// - the caller has too many connections (429).
    pub(crate) async fn authenticate(
        &self,
        connection: &ClientConnection,
        tokens: &[&str],
    ) -> Result<Arc<Caller>, ErrorResponse> {
        let caller = self.callers.authenticate(connection.peer(), tokens).await?;
        connection.tcp().map_or(Ok(()), |connection| connection.count_for(&caller.name))?;
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
