/// A response to a request with a token: `http::Response<B>` (hyper, tonic, tower-http) and
/// `reqwest::Response`.
///
/// An `http::Response<B>` comes back as `http::Response<WatchedBody<B>>`, so that a gRPC status in
/// the trailers is seen; a `reqwest::Response` as it is.
///
/// Sealed: these two are all there is, and more can be added.
#[diagnostic::on_unimplemented(
    message = "whether a token was refused cannot be seen in a `{Self}`",
    note = "only in `http::Response<_>` and `reqwest::Response`; put layers that change the response above the token's"
)]
pub trait OutboundResponse: sealed::ResponseHead {}

pub(crate) mod sealed {
    use http::{HeaderMap, StatusCode};

    use crate::attach::{destination::Destination, response_watch::ResponseWatch};

    /// The parts of a response that the middleware reads.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait ResponseHead {
        /// The response that the caller gets.
        type Watched;

        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        /// Returns the destination that has answered, if the client reports it: it may have
        /// followed redirects.
        fn final_destination(&self) -> Option<Destination<'_>>;
        /// Watches the trailers of the body, if `watch` is given and the body has trailers.
        fn watched(self, watch: Option<ResponseWatch>) -> Self::Watched;
    }
}
