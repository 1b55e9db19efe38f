//! Opens the listeners: the sockets that systemd passes (socket activation), or, if systemd
//! passes none, the sockets of the configuration.

use std::{io, net::SocketAddr};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::unix_socket::SocketFile;
use crate::config::Listen;

/// A socket that accepts connections.
pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Returns the name of the listener in logs, which is also the value of the label `listener` in
    /// metrics.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unix(_) => "unix",
            Self::Tcp(_) => "tcp",
        }
    }

    /// Returns the address of a TCP listener. Returns `None` for a Unix socket, or if the address
    /// cannot be determined.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp(listener) => listener.local_addr().ok(),
        }
    }
}

/// Returns the listeners that systemd has opened. If systemd has opened none, binds the
/// listeners of the configuration. Also returns the file of the Unix socket, if this function
/// has created one. The file is removed when the [`SocketFile`] is dropped.
///
/// # Errors
/// Returns an error in these cases:
/// - a listener cannot be bound. The error names the configuration key;
/// - a TCP socket of systemd is not on loopback;
/// - no listener is configured, and systemd has opened none.
pub(crate) async fn bind(listen: &Listen) -> io::Result<(Vec<Listener>, Option<SocketFile>)> {
    let inherited = inherited()?;
    if !inherited.is_empty() {
        return Ok((inherited, None));
    }
    let (mut listeners, mut file) = (Vec::new(), None);
    if !listen.unix.as_os_str().is_empty() {
        let (listener, bound) = SocketFile::bind(listen)?;
        listeners.push(Listener::Unix(listener));
        file = Some(bound);
    }
    if let Some(address) = listen.tcp {
        listeners.push(Listener::Tcp(bind_tcp("listen.tcp", address).await?));
    }
    if listeners.is_empty() {
        return Err(io::Error::other(
            "no listener is configured: set listen.unix or listen.tcp, or use a socket unit of systemd",
        ));
    }
    Ok((listeners, file))
}

/// Binds `address`, which is the value of the configuration key `key`.
///
/// # Errors
/// Returns an error that names `key` and `address` if the address cannot be bound.
pub(crate) async fn bind_tcp(key: &str, address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("{key} = {address}: {error}")))
}

/// Returns the sockets that systemd has opened and passed to this process (socket activation)
/// ([sd_listen_fds](https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html)).
fn inherited() -> io::Result<Vec<Listener>> {
    let (mut fds, mut listeners) = (ListenFd::from_env(), Vec::new());
    for at in 0..fds.len() {
        if let Ok(Some(listener)) = fds.take_unix_listener(at) {
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Unix(UnixListener::from_std(listener)?));
        } else if let Some(listener) = fds.take_tcp_listener(at)? {
            if !listener.local_addr()?.ip().is_loopback() {
                return Err(io::Error::other(
                    "the socket of systemd is not on loopback: set ListenStream=127.0.0.1:<port>",
                ));
            }
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Tcp(TcpListener::from_std(listener)?));
        }
    }
    Ok(listeners)
}
