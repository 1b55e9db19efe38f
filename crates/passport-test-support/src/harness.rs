//! Configures both sides of a call for a dev Passport: the verifier of the called service, and
//! the identity of the calling service.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use passport_dev::{DevIdentity, DevPassport};
use passport_inbound::TokenVerifier;
use passport_outbound::{ManagedIdentity, ManagedIdentityBuilder, SecretSource};
use tower::Service;

/// Returns a verifier that accepts the tokens of `passport`: it has the issuer and the audience
/// of `passport`.
pub fn verifier(passport: &DevPassport) -> TokenVerifier {
    TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap()
}

/// Returns a builder of a managed identity that fetches tokens from `passport`, with the client
/// id and the secret of `registered`.
pub fn identity_builder(passport: &DevPassport, registered: &DevIdentity) -> ManagedIdentityBuilder {
    ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
        .issuer(passport.issuer())
}

/// A Tower service that immediately returns an empty response, without allocating. So a
/// measurement shows the costs of the layers around this service.
#[derive(Clone, Debug)]
pub struct EmptyResponse;

impl Service<Request<()>> for EmptyResponse {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(Full::default())))
    }
}
