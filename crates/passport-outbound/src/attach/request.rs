//! The requests that a token can be attached to.

/// A request that a token can be attached to: `http::Request<B>` (hyper, tonic, tower-http) or
/// `reqwest::Request`.
///
/// The trait is sealed. Requests of other clients can be added in a minor version.
#[diagnostic::on_unimplemented(
    message = "`AttachTokenLayer` does not support requests of type `{Self}`",
    label = "expected `http::Request<_>` or `reqwest::Request`",
    note = "the request must be `http::Request<_>` (http 1) or `reqwest::Request` (reqwest 0.13, feature `reqwest`)",
    note = "types of another version of http or reqwest do not match; `cargo tree -d` lists duplicate versions"
)]
pub trait OutboundRequest: sealed::RequestParts {}

pub(crate) mod sealed {
    use http::{Extensions, HeaderMap, Method};

    use crate::attach::destination::Destination;

    /// The parts of a request that the middleware reads and changes.
    #[expect(unnameable_types, reason = "seals `OutboundRequest`")]
    pub trait RequestParts {
        fn method(&self) -> &Method;
        /// Returns the scheme and the authority as they are written in the URI. Returns `None` if
        /// the URI lacks one of the two.
        fn scheme_and_authority(&self) -> Option<(&str, &str)>;
        /// Returns the server that the request's URI names.
        fn destination(&self) -> Destination<'_>;
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
        /// Returns the extensions of the request. Returns `None` if the client does not expose
        /// them.
        fn extensions(&self) -> Option<&Extensions>;
    }
}
