use axum::extract::Request;

/// The client of a connection, as the kernel identifies it. It is an extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A user and its group.
    Unix { uid: u32, gid: u32 },
    /// Any process on this machine: it has to show a caller's token.
    Tcp,
}

impl Peer {
    /// Returns the peer that sent `request`. A request without one is treated as one on TCP.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().copied().unwrap_or(Self::Tcp)
    }
}
