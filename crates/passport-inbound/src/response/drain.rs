//! Reads and drops the body of a rejected request before the response.
//!
//! Over HTTP/1.1, a server closes the connection after the response if it has not read the
//! request body. A client that is still sending the body then sees a broken connection instead
//! of the response.

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Version, header::EXPECT};
use http_body::Body;
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep},
};

/// The maximum number of body bytes that are read before the response is sent. If the body is
/// larger, the rest is not read.
const MAX_BYTES: u64 = 64 * 1024;
/// The maximum time for which a slow request body delays the response.
const MAX_TIME: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;
/// The part of a request body that is not read yet.
type Rest = Pin<Box<dyn Body<Data = Bytes, Error = Error> + Send>>;

/// Reads and drops the body of a rejected request.
pub(crate) struct Drain {
    rest: Rest,
    /// The number of bytes that may still be read before the response is sent.
    bytes_left: u64,
    /// Ends the reading after [`MAX_TIME`]. The timer is created when the body is pending for the
    /// first time.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Drain {
    /// Returns a drain for the body of a request. Returns `None`, so that the response is sent at
    /// once, in these cases:
    ///
    /// - the request is not HTTP/1;
    /// - the body is empty, or known to be larger than [`MAX_BYTES`];
    /// - the client sends the body only after a `100 Continue` (header `Expect`);
    /// - the body type is neither axum's nor tonic's;
    /// - there is no tokio runtime.
    pub(crate) fn of<B: 'static>(request: &mut Request<B>) -> Option<Box<Self>> {
        if request.version() > Version::HTTP_11 {
            return None;
        }
        let rest = known_body(request.body_mut())?;
        let is_wanted = !request.headers().contains_key(EXPECT) && Handle::try_current().is_ok();
        is_wanted.then(|| Box::new(Self { rest, bytes_left: MAX_BYTES, timer: None }))
    }

    /// Reads the body. Is ready when the body has ended or failed, more than [`MAX_BYTES`] were
    /// read, or [`MAX_TIME`] has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.rest.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    match self.bytes_left.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)) {
                        Some(left) => self.bytes_left = left,
                        None => return Poll::Ready(()),
                    }
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(MAX_TIME)));
                    return timer.as_mut().poll(cx);
                }
            }
        }
    }
}

/// Takes the body out of the request if its type is axum's or tonic's and `worth_reading` accepts
/// it, and otherwise returns `None`. A generic bound is not possible: the layers accept request
/// bodies of any type, even types that do not implement `Body`.
fn known_body(body: &mut dyn Any) -> Option<Rest> {
    #[cfg(feature = "axum")]
    if let Some(body) = body.downcast_mut::<axum_core::body::Body>() {
        return worth_reading(body);
    }
    #[cfg(feature = "tonic")]
    if let Some(body) = body.downcast_mut::<tonic::body::Body>() {
        return worth_reading(body);
    }
    let _ = body;
    None
}

/// Takes the body out of the request. Returns `None` if the body has ended, or is known to be
/// larger than [`MAX_BYTES`].
#[cfg(any(feature = "axum", feature = "tonic"))]
fn worth_reading<B>(body: &mut B) -> Option<Rest>
where
    B: Body<Data = Bytes, Error: Into<Error>> + Default + Send + 'static,
{
    use http_body_util::BodyExt;
    let is_wanted = !body.is_end_stream() && body.size_hint().lower() <= MAX_BYTES;
    is_wanted.then(|| Box::pin(std::mem::take(body).map_err(Into::into)) as Rest)
}

#[cfg(test)]
#[cfg(feature = "axum")]
mod tests;
