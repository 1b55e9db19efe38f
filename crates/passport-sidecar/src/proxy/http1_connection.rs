//! An HTTP/1 connection to an upstream. The connection has no task: the task that waits for its
//! response polls it.
//!
//! With a task for each connection, request and response would pass through channels between
//! two tasks, and the tasks would wake each other.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Connection, SendRequest},
    },
};
use tokio::task::coop::unconstrained;

use super::{connector::UpstreamStream, request_body::RequestBody};

/// An HTTP/1 connection to an upstream.
pub(super) struct Http1Connection {
    sender: SendRequest<RequestBody>,
    /// `None` once the connection is closed.
    connection: Option<Connection<UpstreamStream, RequestBody>>,
}

impl Http1Connection {
    /// Creates a connection that was just established.
    pub(super) fn new(
        sender: SendRequest<RequestBody>,
        connection: Connection<UpstreamStream, RequestBody>,
    ) -> Self {
        Self { sender, connection: Some(connection) }
    }

    /// Sends `request`, and returns the head of the response. The body of the response is
    /// transferred only while the connection is polled.
    ///
    /// # Errors
    /// Returns an error if no response arrives. The error contains the request if the connection
    /// was closed before the request was begun.
    ///
    /// # Cancel safety
    /// If the future is dropped, the connection has to be dropped as well.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        // Unconstrained, because a future whose budget is used up relies on its waker.
        let mut response = pin!(unconstrained(self.sender.try_send_request(request)));
        let mut is_sent = false;
        poll_fn(|cx| {
            // Only polling the connection makes the response ready, so that no waker is needed.
            let mut unwoken = Context::from_waker(Waker::noop());
            if is_sent {
                // The response is often ready now. The connection then waits until the body is
                // read, and must not wake the task at that moment.
                self.poll(&mut unwoken);
                if let Poll::Ready(outcome) = response.as_mut().poll(&mut unwoken) {
                    return Poll::Ready(outcome);
                }
            }
            is_sent = true;
            self.poll(cx);
            response.as_mut().poll(&mut unwoken)
        })
        .await
    }

    /// Transfers what can be transferred without waiting. Drops the connection if it is closed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        if self.connection.as_mut().is_some_and(|connection| Pin::new(connection).poll(cx).is_ready()) {
            // Requests that were not begun are returned with the error of `send`.
            self.connection = None;
        }
    }

    /// Returns whether the connection can take the next request.
    pub(super) fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Returns whether the upstream has closed the connection.
    pub(super) fn is_closed(&mut self) -> bool {
        self.poll(&mut Context::from_waker(Waker::noop()));
        self.connection.is_none()
    }

    /// Transfers the rest of request and response. Returns whether the connection can then take the
    /// next request.
    pub(super) async fn finish(&mut self) -> bool {
        poll_fn(|cx| {
            self.poll(cx);
            if self.connection.is_none() {
                return Poll::Ready(false);
            }
            self.sender.poll_ready(cx).map(|ready| ready.is_ok())
        })
        .await
    }
}
