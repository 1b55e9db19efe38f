//! What is known about the connection that a request arrived on.

use std::sync::Arc;

use axum::extract::Request;

use super::{forms::UnknownForms, tcp_connection::TcpConnection};
use crate::peer::Peer;

/// The client of a connection, and the limits of the connection. Each request has those of its
/// connection as one extension, because each extension costs an allocation.
#[derive(Clone, Debug)]
pub(crate) struct ClientConnection(Arc<Client>);

#[derive(Debug)]
struct Client {
    peer: Peer,
    tcp: Option<TcpConnection>,
    forms: UnknownForms,
}

impl ClientConnection {
    /// Creates the state of a connection of `peer`. `tcp` has the callers against whose limits the
    /// connection counts. It is `None` on the Unix socket, where the caller is known when the
    /// connection is accepted.
    pub(crate) fn new(peer: Peer, tcp: Option<TcpConnection>) -> Self {
        Self(Arc::new(Client { peer, tcp, forms: UnknownForms::default() }))
    }

    /// Returns the connection of `request`. If the request has none as an extension, returns a
    /// connection without limits whose client is [`Peer::Tcp`], so that the request needs a caller
    /// token.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().cloned().unwrap_or_else(|| Self::new(Peer::Tcp, None))
    }

    /// Returns the client, as far as the kernel identifies it.
    pub(crate) fn peer(&self) -> Peer {
        self.0.peer
    }

    /// Returns the callers that use a TCP connection.
    pub(crate) fn tcp(&self) -> Option<&TcpConnection> {
        self.0.tcp.as_ref()
    }

    /// Returns the permits to read forms before the client is identified.
    pub(crate) fn unknown_forms(&self) -> UnknownForms {
        self.0.forms.clone()
    }
}
