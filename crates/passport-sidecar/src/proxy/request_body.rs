//! Tells a slow upstream from a slow client. It is for large uploads and for client streams of
//! gRPC, which may take any time: a fixed limit from the beginning of a request would cut them off,
//! and without a limit an upstream that hangs would keep the permits of its callers.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{headers, permit::ForwardPermit};

/// A request body that reports its progress, and holds the permit of its request.
pub(super) struct RequestBody {
    body: Body,
    awaited: Option<watch::Sender<bool>>,
    _permit: Option<ForwardPermit>,
}

/// The progress of a body: whether the upstream waits for more of it from the client.
pub(super) struct UploadProgress(Option<watch::Receiver<bool>>);

impl RequestBody {
    pub(super) fn watched(body: Body) -> (Self, UploadProgress) {
        let (awaited, progress) = (!body.is_end_stream()).then(|| watch::channel(false)).unzip();
        (Self { body, awaited, _permit: None }, UploadProgress(progress))
    }

    /// Holds `permit` until this body is dropped.
    pub(super) fn holding(self, permit: ForwardPermit) -> Self {
        Self { _permit: Some(permit), ..self }
    }
}

impl UploadProgress {
    /// Completes when the upstream is too slow: it has taken nothing of what the client sent for
    /// `idle`, or has not begun within `response`, or has taken all and not responded within
    /// `response`.
    pub(super) async fn timed_out(self, idle: Duration, response: Duration) {
        if let Some(mut awaited) = self.0 {
            // Until the upstream takes a part, the request waits for a token or a connection.
            let mut time = response;
            loop {
                match timeout(time, awaited.changed()).await {
                    Ok(Ok(())) => {
                        let is_awaited = *awaited.borrow_and_update();
                        time = if is_awaited { Duration::MAX } else { idle };
                    }
                    Ok(Err(_ended)) => break,
                    Err(_elapsed) => return,
                }
            }
        }
        sleep(response).await;
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if self.body.is_end_stream() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.awaited = None;
        } else if let Some(awaited) = &self.awaited {
            awaited.send_replace(polled.is_pending());
        }
        polled.map_ok(headers::filter_trailers)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
