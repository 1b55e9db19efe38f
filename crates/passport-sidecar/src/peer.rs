//! The client of a connection.

use axum::extract::Request;

/// The client of a connection, as far as the kernel identifies the client. Each request has the
/// `Peer` of its connection as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process that connected to the Unix socket, with the user id and the group id that the
    /// process runs as.
    Unix { uid: u32, gid: u32 },
    /// A process on this machine that connected on TCP. The kernel does not identify the process,
    /// so that it must send a caller token.
    Tcp,
}

impl Peer {
    /// Returns the peer of `request`. If the request has no peer as an extension, returns
    /// [`Peer::Tcp`], so that the request needs a caller token.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().copied().unwrap_or(Self::Tcp)
    }
}
