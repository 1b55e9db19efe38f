//! The client of a connection.

use axum::extract::Request;

/// The client of a connection, as far as the kernel identifies it. Each request has it as an
/// extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process on the Unix socket, with the user id and group id that it runs as.
    Unix { uid: u32, gid: u32 },
    /// Any process on this machine. It is identified by the token that it sends.
    Tcp,
}

impl Peer {
    /// Returns the peer of `request`. Returns [`Peer::Tcp`] if the request has none, so that it
    /// needs a token.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().copied().unwrap_or(Self::Tcp)
    }
}
