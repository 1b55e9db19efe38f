//! Tracks whether an upload waits for the client or for the upstream, to time out a slow
//! upstream but not a slow client.
//!
//! A large upload or a gRPC client stream is allowed to take any time. A fixed timeout from the
//! beginning of a request would abort such an upload. Without a timeout, requests to a hung
//! upstream would hold their permits.

use std::{mem, task::Poll, time::Duration};

use axum::body::Body;
use http_body::Body as _;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{headers, permit::ForwardPermit};
use crate::body::{BodyObserver, ObservedBody, PolledFrame};

/// The body of a forwarded request. It reports the progress of the upload, and holds the permit
/// of the request.
pub(super) type RequestBody = ObservedBody<UploadObserver>;

/// Observes the body of a forwarded request while the upstream reads it.
pub(super) struct UploadObserver {
    /// Sends true when the upstream begins to wait for the client to send more of the body, and
    /// false when a part of the body arrives. `None` once the body has ended.
    awaited: Option<watch::Sender<bool>>,
    _permit: Option<ForwardPermit>,
}

/// Receives whether the upstream waits for the client to send more of a request's body. `None`
/// if the request has no body.
pub(super) struct UploadProgress(Option<watch::Receiver<bool>>);

impl RequestBody {
    /// Wraps `body`. Returns the wrapped body, and a value that receives the progress of the
    /// upload.
    pub(super) fn watched(body: Body) -> (Self, UploadProgress) {
        let (awaited, progress) = (!body.is_end_stream()).then(|| watch::channel(false)).unzip();
        let observer = UploadObserver { awaited, _permit: None };
        (Self { body, observer }, UploadProgress(progress))
    }

    /// Stores `permit` in this body. The body holds the permit until the body is dropped.
    pub(super) fn holding(self, permit: ForwardPermit) -> Self {
        Self { observer: UploadObserver { _permit: Some(permit), ..self.observer }, ..self }
    }
}

impl UploadProgress {
    /// Completes when the upstream times out, which it does in these cases:
    /// - it does not begin to read the body within `response_timeout`;
    /// - it reads nothing for `idle_timeout`, although the client has sent data;
    /// - it does not respond within `response_timeout` after it has read the whole body.
    pub(super) async fn timed_out(self, idle_timeout: Duration, response_timeout: Duration) {
        if let Some(mut awaited) = self.0 {
            // Until the upstream begins to read, the request waits for a token or a connection.
            let mut limit = response_timeout;
            loop {
                match timeout(limit, awaited.changed()).await {
                    Ok(Ok(())) => {
                        let is_awaited = *awaited.borrow_and_update();
                        limit = if is_awaited { Duration::MAX } else { idle_timeout };
                    }
                    Ok(Err(_ended)) => break,
                    Err(_elapsed) => return,
                }
            }
        }
        sleep(response_timeout).await;
    }
}

impl BodyObserver for UploadObserver {
    fn observe(&mut self, is_end: bool, polled: PolledFrame) -> PolledFrame {
        if is_end || matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.awaited = None;
        } else if let Some(awaited) = &self.awaited {
            // The body is polled in the task that waits for changes. A change that is sent for each
            // poll of a pending body would wake that task again and again.
            awaited.send_if_modified(|awaited| {
                let was_awaited = mem::replace(awaited, polled.is_pending());
                !(was_awaited && polled.is_pending())
            });
        }
        polled.map_ok(headers::filter_trailers)
    }
}

#[cfg(test)]
mod tests;
