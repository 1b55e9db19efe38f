//! Distinguishes a slow upstream from a slow client, to time out the upstream only.
//!
//! Large uploads and gRPC client streams may take any time, so a fixed timeout from the
//! beginning of a request would abort them. Without a timeout a hung upstream would keep the
//! permits of its callers.

use std::{task::Poll, time::Duration};

use axum::body::Body;
use http_body::Body as _;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{headers, permit::ForwardPermit};
use crate::body::{BodyObserver, ObservedBody, PolledFrame};

/// A request body that reports its progress, and holds the permit of its request.
pub(super) type RequestBody = ObservedBody<UploadObserver>;

/// The observer of a request's body.
pub(super) struct UploadObserver {
    /// Whether the upstream waits for the client, until the body has ended.
    awaited: Option<watch::Sender<bool>>,
    _permit: Option<ForwardPermit>,
}

/// The progress of a request's body: whether the upstream waits for more of it from the client.
pub(super) struct UploadProgress(Option<watch::Receiver<bool>>);

impl RequestBody {
    /// Wraps `body`, and returns its progress.
    pub(super) fn watched(body: Body) -> (Self, UploadProgress) {
        let (awaited, progress) = (!body.is_end_stream()).then(|| watch::channel(false)).unzip();
        let observer = UploadObserver { awaited, _permit: None };
        (Self { body, observer }, UploadProgress(progress))
    }

    /// Holds `permit` until this body is dropped.
    pub(super) fn holding(self, permit: ForwardPermit) -> Self {
        Self { observer: UploadObserver { _permit: Some(permit), ..self.observer }, ..self }
    }
}

impl UploadProgress {
    /// Completes when the upstream is too slow: it has read nothing of what the client sent for
    /// `idle`, has not begun to read within `response`, or has read all of it and not responded
    /// within `response`.
    pub(super) async fn timed_out(self, idle: Duration, response: Duration) {
        if let Some(mut awaited) = self.0 {
            // Until the upstream reads a part, the request waits for a token or a connection.
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

impl BodyObserver for UploadObserver {
    fn observe(&mut self, body: &Body, polled: PolledFrame) -> PolledFrame {
        if body.is_end_stream() || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.awaited = None;
        } else if let Some(awaited) = &self.awaited {
            awaited.send_replace(polled.is_pending());
        }
        polled.map_ok(headers::filter_trailers)
    }
}

#[cfg(test)]
mod tests;
