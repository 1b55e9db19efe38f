//! The client of a connection.

/// The client of a connection, as far as the kernel identifies the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A process that connected to the Unix socket, with the user id and the group id that the
    /// process runs as.
    Unix { uid: u32, gid: u32 },
    /// A process on this machine that connected on TCP. The kernel does not identify the process,
    /// so that it must send a caller token.
    Tcp,
}
