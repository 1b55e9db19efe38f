//! The body of an upstream's response.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{http1_connection::Http1Connection, pool::Pool};

/// The body of an upstream's response. Reading the body of a response on HTTP/1 also polls the
/// connection. As soon as the whole response has arrived, the connection returns to its pool. If
/// the body is dropped before that, the connection is closed.
pub(super) struct ResponseBody {
    body: Incoming,
    /// `None` if the body needs no polling of a connection, or has ended.
    connection: Option<(Box<Http1Connection>, Arc<Pool>)>,
}

impl ResponseBody {
    /// Creates the body of a response that needs no polling of a connection: a task polls it, or
    /// the whole body has arrived.
    pub(super) fn of_task(body: Incoming) -> Self {
        Self { body, connection: None }
    }

    /// Creates the body of a response on `connection`, which belongs to `pool`.
    pub(super) fn of_connection(body: Incoming, connection: Box<Http1Connection>, pool: Arc<Pool>) -> Self {
        if connection.is_ready() {
            // A short body has arrived together with the head.
            pool.put(connection);
            return Self::of_task(body);
        }
        Self { body, connection: Some((connection, pool)) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, connection: polled_here } = &mut *self;
        let Some((connection, _)) = polled_here else { return Pin::new(body).poll_frame(cx) };
        // Only polling the connection makes a frame ready, so that no waker is needed.
        let mut unwoken = Context::from_waker(Waker::noop());
        let mut polled = Pin::new(&mut *body).poll_frame(&mut unwoken);
        if polled.is_pending() {
            // The body has asked for a frame. If the frame is there already, reading it must not
            // wake the task.
            connection.poll(&mut unwoken);
            polled = Pin::new(&mut *body).poll_frame(&mut unwoken);
        }
        if polled.is_pending() {
            connection.poll(cx);
            polled = Pin::new(&mut *body).poll_frame(&mut unwoken);
        }
        let has_failed = matches!(polled, Poll::Ready(Some(Err(_))));
        if (has_failed || connection.is_ready())
            && let Some((connection, pool)) = polled_here.take()
        {
            pool.put(connection);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
