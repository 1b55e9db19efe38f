//! The client of a connection.

use axum::extract::Request;

/// The client of a connection, as the kernel identifies it. An extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process on the Unix socket, with its user and group.
    Unix { uid: u32, gid: u32 },
    /// Any process on this machine, which has to send a caller's token.
    Tcp,
}

impl Peer {
    /// Returns the peer of `request`. A request without one is treated like a request on TCP.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().copied().unwrap_or(Self::Tcp)
    }
}
