use http::{HeaderMap, Response, StatusCode};

use super::{Destination, WatchedBody, response_watch::Watch};

/// A response to a request with a token: `http::Response<B>` (hyper, tonic, tower-http) and `reqwest::Response`.
///
/// An `http::Response<B>` comes back as `http::Response<WatchedBody<B>>`, so that a gRPC status in the trailers is seen;
/// a `reqwest::Response` as it is.
///
/// Sealed: these two are all there is, and more can be added.
#[diagnostic::on_unimplemented(
    message = "whether a token was refused cannot be seen in a `{Self}`",
    note = "only in `http::Response<_>` and `reqwest::Response`; put layers that change the response above the token's"
)]
pub trait OutboundResponse: sealed::Head {}

impl<B> OutboundResponse for Response<B> {}

pub(crate) mod sealed {
    use super::{Destination, HeaderMap, Response, StatusCode, Watch, WatchedBody};

    /// What the layer needs of a response.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait Head {
        /// What the caller gets.
        type Watched;

        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        /// Who has answered, if the client tells: it may have followed redirects.
        fn answered_by(&self) -> Option<Destination<'_>>;
        fn watched(self, watch: Option<Watch>) -> Self::Watched;
    }

    impl<B> Head for Response<B> {
        type Watched = Response<WatchedBody<B>>;

        fn status(&self) -> StatusCode {
            self.status()
        }

        fn headers(&self) -> &HeaderMap {
            self.headers()
        }

        fn answered_by(&self) -> Option<Destination<'_>> {
            None
        }

        fn watched(self, watch: Option<Watch>) -> Self::Watched {
            self.map(|body| WatchedBody::new(body, watch))
        }
    }
}
