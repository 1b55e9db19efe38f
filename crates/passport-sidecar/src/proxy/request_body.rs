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

use super::{headers, permit::Permit};

/// A body, of which it is known how far it is, and when it has ended or nobody wants more of it.
pub(super) struct RequestBody {
    body: Body,
    awaited: Option<watch::Sender<bool>>,
    _permit: Option<Permit>,
}

/// How far such a body is: whether its upstream waits for more of it, which is not there yet.
pub(super) struct Progress(Option<watch::Receiver<bool>>);

impl RequestBody {
    pub(super) fn watched(body: Body) -> (Self, Progress) {
        let (awaited, progress) = (!body.is_end_stream()).then(|| watch::channel(false)).unzip();
        (Self { body, awaited, _permit: None }, Progress(progress))
    }

    /// Gives `permit` back when this body is dropped.
    pub(super) fn holding(self, permit: Permit) -> Self {
        Self { _permit: Some(permit), ..self }
    }
}

impl Progress {
    /// Ready when an upstream has taken nothing of what is there for `still`, or nothing at all for `answer`; or it has all and has
    /// not answered for `answer`.
    pub(super) async fn timed_out(self, still: Duration, answer: Duration) {
        if let Some(mut awaited) = self.0 {
            // Until it takes something there may be no token yet, or no connection.
            let mut time = answer;
            loop {
                match timeout(time, awaited.changed()).await {
                    Ok(Ok(())) => {
                        let is_awaited = *awaited.borrow_and_update();
                        time = if is_awaited { Duration::MAX } else { still };
                    }
                    Ok(Err(_ended)) => break,
                    Err(_still) => return,
                }
            }
        }
        sleep(answer).await;
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
