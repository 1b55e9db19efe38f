//! A rejected request.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};

use super::{drain::Drain, rejection_config::RejectionConfig, render::reject};
use crate::Rejection;

/// A rejected request: its response, which waits until the request body is drained.
pub(crate) struct Rejected {
    response: Option<Response<Bytes>>,
    drain: Option<Box<Drain>>,
}

impl Rejected {
    /// Rejects a request. `config` has the settings of the layer that rejects the request.
    pub(crate) fn new<B: 'static>(
        rejection: Rejection,
        request: &mut Request<B>,
        config: &RejectionConfig,
    ) -> Self {
        let drain = Drain::of(request); // reads the headers, which the response takes over
        Self { response: Some(reject(rejection, request, config)), drain }
    }

    /// Rejects a request whose body is not drained.
    pub(crate) fn without_drain(response: Response<Bytes>) -> Self {
        Self { response: Some(response), drain: None }
    }

    /// Drains the request body, if necessary, and returns the response.
    #[inline] // a call would move the response once more
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Bytes>> {
        if let Some(drain) = &mut self.drain {
            ready!(drain.poll(cx));
        }
        Poll::Ready(self.response.take().expect("polled again after it was ready"))
    }
}
