use http::header::AUTHORIZATION;

use crate::token::SendableToken;

/// A request that a token can be attached to: `http::Request<B>` (hyper, tonic, tower-http) and
/// `reqwest::Request`.
///
/// Sealed: these two are all there is, and more can be added.
#[diagnostic::on_unimplemented(
    message = "a token cannot be attached to a `{Self}`",
    note = "only to `http::Request<_>` and `reqwest::Request`"
)]
pub trait OutboundRequest: sealed::RequestParts {}

/// Sets the `Authorization` header.
pub(super) fn attach(request: &mut impl OutboundRequest, token: SendableToken) {
    request.headers_mut().insert(AUTHORIZATION, token.authorization);
}

pub(crate) mod sealed {
    use http::{Extensions, HeaderMap};

    use crate::attach::destination::Destination;

    /// The parts of a request that the middleware reads and changes.
    #[expect(unnameable_types, reason = "that is what seals the trait above it")]
    pub trait RequestParts {
        /// Returns scheme and authority as the URI spells them, if it has both.
        fn scheme_and_authority(&self) -> Option<(&str, &str)>;
        fn destination(&self) -> Destination<'_>;
        fn headers(&self) -> &HeaderMap;
        fn headers_mut(&mut self) -> &mut HeaderMap;
        /// Returns the extensions, if the client exposes them.
        fn extensions(&self) -> Option<&Extensions>;
    }
}
