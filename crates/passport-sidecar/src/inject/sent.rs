use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;

/// A body, of which it is known when it has ended, or nobody wants more of it.
pub(super) struct Sent {
    body: Body,
    ended: Option<oneshot::Sender<()>>,
}

impl Sent {
    /// `body`, and its end.
    pub(super) fn watched(body: Body) -> (Self, impl Future<Output = ()>) {
        let (ended, end) = (!body.is_end_stream()).then(oneshot::channel).unzip();
        let end = async {
            if let Some(end) = end {
                drop(end.await);
            }
        };
        (Self { body, ended }, end)
    }
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if self.body.is_end_stream() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.ended = None;
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
