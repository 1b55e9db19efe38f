//! The responses that the middleware can examine.

/// A response that [`AttachToken`](super::AttachToken) can examine: `http::Response<B>` (hyper,
/// tonic, tower-http) or `reqwest::Response`.
///
/// The middleware returns an `http::Response<B>` as `http::Response<WatchedBody<B>>`, to read a
/// gRPC status in the trailers, and a `reqwest::Response` unchanged.
///
/// The trait is sealed. Responses of other clients can be added in a minor version.
#[diagnostic::on_unimplemented(
    message = "`AttachTokenLayer` does not support responses of type `{Self}`",
    label = "expected `http::Response<_>` or `reqwest::Response`",
    note = "the inner service must return `http::Response<_>` (http 1) or `reqwest::Response` (reqwest 0.13, feature `reqwest`)",
    note = "types of another version of http or reqwest do not match; `cargo tree -d` lists duplicate versions",
    note = "place layers that change the type of the response above `AttachTokenLayer`"
)]
pub trait OutboundResponse: sealed::ResponseHead {}

pub(crate) mod sealed {
    use http::{HeaderMap, StatusCode};

    use crate::attach::{destination::Destination, response_watch::ResponseWatch};

    /// The parts of a response that the middleware reads.
    #[expect(unnameable_types, reason = "seals `OutboundResponse`")]
    pub trait ResponseHead {
        /// The response type of the middleware.
        type Watched;

        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        /// Returns the URL that responded, after redirects. Returns `None` if the client does not
        /// report it.
        fn final_destination(&self) -> Option<Destination<'_>>;
        /// Wraps the body, so that `watch` detects a rejection in its trailers. Without a `watch`,
        /// the trailers are not examined. A `reqwest::Response` is returned unchanged.
        fn watched(self, watch: Option<ResponseWatch>) -> Self::Watched;
    }
}
