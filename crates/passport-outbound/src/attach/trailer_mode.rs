//! Whether the middleware examines the trailers of responses, which contain the status of some
//! gRPC calls.

use http::Response;

use super::{WatchedBody, response_watch::ResponseWatch};

/// Whether a layer examines the trailers of responses: [`IgnoreTrailers`] or [`WatchTrailers`].
///
/// The mode is selected with the constructor of [`AttachTokenLayer`](super::AttachTokenLayer). The
/// trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`AttachTokenLayer` cannot watch the trailers of responses of type `{R}` with `{Self}`",
    note = "`AttachTokenLayer::for_grpc` requires a client that returns `http::Response<_>`; use `AttachTokenLayer::new` for `reqwest::Response`"
)]
pub trait TrailerMode<R>: sealed::Respond<R> {}

/// The default mode: the response of the client is returned unchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct IgnoreTrailers;

/// The mode of [`AttachTokenLayer::for_grpc`](super::AttachTokenLayer::for_grpc): the body of the
/// response is returned as a [`WatchedBody`], which examines the trailers.
#[derive(Clone, Copy, Debug, Default)]
pub struct WatchTrailers;

impl<R> TrailerMode<R> for IgnoreTrailers {}

impl<B> TrailerMode<Response<B>> for WatchTrailers {}

pub(crate) mod sealed {
    use crate::attach::response_watch::ResponseWatch;

    /// Returns responses of type `R` to the caller.
    #[expect(unnameable_types, reason = "seals `TrailerMode`")]
    pub trait Respond<R>: Clone {
        /// The type of the response that the middleware returns.
        type Response;

        /// Returns `response` to the caller. If `watch` is not `None`, the trailers of the response
        /// can reject the token.
        fn respond(response: R, watch: Option<ResponseWatch>) -> Self::Response;
    }
}

impl<R> sealed::Respond<R> for IgnoreTrailers {
    type Response = R;

    #[inline]
    fn respond(response: R, _: Option<ResponseWatch>) -> R {
        response
    }
}

impl<B> sealed::Respond<Response<B>> for WatchTrailers {
    type Response = Response<WatchedBody<B>>;

    fn respond(response: Response<B>, watch: Option<ResponseWatch>) -> Self::Response {
        response.map(|body| WatchedBody::new(body, watch))
    }
}
