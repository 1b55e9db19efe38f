//! Where a sidecar listens, and whom it takes in.

mod io_timeout;
mod server;
mod unix_socket;
mod usage;

use std::{io, net::SocketAddr};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

pub(crate) use self::{server::Server, unix_socket::SocketFile};
use crate::config::Listen;

/// An open door.
pub(crate) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// As metrics have it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unix(_) => "unix",
            Self::Tcp(_) => "tcp",
        }
    }

    /// Where it is on loopback, if it is there.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp(listener) => listener.local_addr().ok(),
        }
    }
}

/// The listeners that systemd has opened, or else those of the configuration; and the socket that is to be taken away at the end.
pub(crate) async fn open(listen: &Listen) -> io::Result<(Vec<Listener>, Option<SocketFile>)> {
    let inherited = inherited()?;
    if !inherited.is_empty() {
        return Ok((inherited, None));
    }
    let (mut listeners, mut socket) = (Vec::new(), None);
    if !listen.unix.as_os_str().is_empty() {
        let (listener, file) = SocketFile::bind(listen)?;
        listeners.push(Listener::Unix(listener));
        socket = Some(file);
    }
    if let Some(address) = listen.tcp {
        listeners.push(Listener::Tcp(TcpListener::bind(address).await?));
    }
    if listeners.is_empty() {
        return Err(io::Error::other(
            "there is no door: give listen.unix or listen.tcp, or have systemd open one",
        ));
    }
    Ok((listeners, socket))
}

/// By socket activation ([sd_listen_fds](https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html)).
fn inherited() -> io::Result<Vec<Listener>> {
    let (mut fds, mut listeners) = (ListenFd::from_env(), Vec::new());
    for at in 0..fds.len() {
        if let Ok(Some(listener)) = fds.take_unix_listener(at) {
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Unix(UnixListener::from_std(listener)?));
        } else if let Some(listener) = fds.take_tcp_listener(at)? {
            if !listener.local_addr()?.ip().is_loopback() {
                return Err(io::Error::other(
                    "systemd has opened a door that is not on loopback; use ListenStream=127.0.0.1:port",
                ));
            }
            listener.set_nonblocking(true)?;
            listeners.push(Listener::Tcp(TcpListener::from_std(listener)?));
        }
    }
    Ok(listeners)
}
