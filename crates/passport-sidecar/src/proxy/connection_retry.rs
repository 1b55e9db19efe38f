//! Decides which requests are retried after a connection to an upstream failed.

use std::{error::Error, io};

use axum::body::Body;
use h2::Reason;
use http::Request;
use http_body::Body as _;
use passport_core::chain;

use super::{request_body::RequestBody, send_error::SendError};

/// A copy of a request without a body. The copy is sent if the request is retried.
pub(super) struct RetryableRequest(Request<RequestBody>);

impl RetryableRequest {
    /// Copies `request`. Returns `None` if the request has a body, because a part of the body could
    /// have been sent already.
    pub(super) fn of(request: &Request<RequestBody>) -> Option<Self> {
        if !request.body().is_end_stream() {
            return None;
        }
        let mut copy = Request::new(RequestBody::watched(Body::empty()).0);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        copy.headers_mut().clone_from(request.headers());
        Some(Self(copy))
    }

    /// Returns the copy of a request that failed on a reused connection if a retry after `error` is
    /// allowed, and otherwise `None`. A retry is allowed if one of these conditions holds:
    /// - the upstream reported that it has not processed the request;
    /// - the connection was closed, and the method is idempotent ([RFC 9110, section
    ///   9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)).
    ///
    /// A failure on a new connection is a fault of the upstream, so that a retry would fail as
    /// well.
    pub(super) fn after(self, error: &SendError) -> Option<Request<RequestBody>> {
        let may_be_retried = is_refused(error) || (self.0.method().is_idempotent() && was_closed(error));
        may_be_retried.then_some(self.0)
    }
}

/// Returns whether the upstream reported that it has not processed the request
/// ([RFC 9113, section 8.7](https://www.rfc-editor.org/rfc/rfc9113#section-8.7)).
fn is_refused(error: &SendError) -> bool {
    chain(error)
        .filter_map(|cause| cause.downcast_ref::<h2::Error>())
        .any(|error| error.is_reset() && error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM))
}

/// Returns whether the connection was closed without a response. An upstream can close an idle
/// connection at the moment when a request is sent on it.
fn was_closed(error: &SendError) -> bool {
    matches!(error, SendError::Request(_)) && chain(error).any(is_of_a_closed_connection)
}

fn is_of_a_closed_connection(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    let kinds = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof];
    let hyper = error.downcast_ref::<hyper::Error>();
    let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let h2 = error.downcast_ref::<h2::Error>();
    hyper.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
        || io.is_some_and(|kind| kinds.contains(&kind))
        || h2.is_some_and(is_graceful_goaway)
}

/// Returns whether the upstream has closed an HTTP/2 connection (GOAWAY with `NO_ERROR`) before
/// it received the request. An upstream still responds to the requests that it received before
/// it sent GOAWAY ([RFC 9113, section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)).
fn is_graceful_goaway(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}
