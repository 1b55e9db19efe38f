//! Who calls, as an argument of an axum handler.

use std::convert::Infallible;

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    IdInfo, Rejection,
    challenge::{Protocol, refusal},
    respond::Responder,
};

/// Takes who calls from the request.
///
/// Without an [`AuthenticateLayer`](crate::AuthenticateLayer) on the route the answer is 500 and an error event: an
/// unprotected route must not look like a caller's mistake.
impl<S: Sync> FromRequestParts<S> for IdInfo {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Self::required(&parts.extensions).cloned()
    }
}

/// Takes who calls from the request, if anybody is known: `None` on a route without an
/// [`AuthenticateLayer`](crate::AuthenticateLayer).
impl<S: Sync> OptionalFromRequestParts<S> for IdInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}

/// The HTTP response of a refusal. On gRPC, layers refuse; extractors do not run there.
impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        refusal(self, Protocol::Http, &Responder::default()).map(Body::from)
    }
}
