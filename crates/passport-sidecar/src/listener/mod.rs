//! Where a sidecar listens, and whom it takes in.

mod io_timeout;
mod server;
mod unix_socket;
mod usage;

use std::{io, net::SocketAddr};

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

pub(crate) use self::{server::Server, unix_socket::Socket};
use crate::config::Listen;

/// An open door.
pub(crate) enum Door {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Door {
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

/// The doors that systemd has opened, or else those of the configuration; and the socket that is to be taken away at the end.
pub(crate) async fn open(listen: &Listen) -> io::Result<(Vec<Door>, Option<Socket>)> {
    let handed_over = handed_over()?;
    if !handed_over.is_empty() {
        return Ok((handed_over, None));
    }
    let (mut doors, mut socket) = (Vec::new(), None);
    if !listen.unix.as_os_str().is_empty() {
        let (listener, taken_away) = Socket::bind(listen)?;
        doors.push(Door::Unix(listener));
        socket = Some(taken_away);
    }
    if let Some(address) = listen.tcp {
        doors.push(Door::Tcp(TcpListener::bind(address).await?));
    }
    if doors.is_empty() {
        return Err(io::Error::other(
            "there is no door: give listen.unix or listen.tcp, or have systemd open one",
        ));
    }
    Ok((doors, socket))
}

/// By socket activation ([sd_listen_fds](https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html)).
fn handed_over() -> io::Result<Vec<Door>> {
    let (mut fds, mut doors) = (ListenFd::from_env(), Vec::new());
    for at in 0..fds.len() {
        if let Ok(Some(listener)) = fds.take_unix_listener(at) {
            listener.set_nonblocking(true)?;
            doors.push(Door::Unix(UnixListener::from_std(listener)?));
        } else if let Some(listener) = fds.take_tcp_listener(at)? {
            if !listener.local_addr()?.ip().is_loopback() {
                return Err(io::Error::other(
                    "systemd has opened a door that is not on loopback; use ListenStream=127.0.0.1:port",
                ));
            }
            listener.set_nonblocking(true)?;
            doors.push(Door::Tcp(TcpListener::from_std(listener)?));
        }
    }
    Ok(doors)
}
