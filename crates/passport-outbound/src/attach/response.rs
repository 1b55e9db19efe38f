//! The responses that the middleware can examine.

/// A response that [`AttachToken`](super::AttachToken) can examine: `http::Response<B>` (hyper,
/// tonic, tower-http) or `reqwest::Response`.
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

    use crate::attach::destination::Destination;

    /// The parts of a response that the middleware reads.
    #[expect(unnameable_types, reason = "seals `OutboundResponse`")]
    pub trait ResponseHead {
        fn status(&self) -> StatusCode;
        fn headers(&self) -> &HeaderMap;
        /// Returns the URL that responded, after redirects. Returns `None` if the client does not
        /// report that URL.
        fn final_destination(&self) -> Option<Destination<'_>>;
    }
}
