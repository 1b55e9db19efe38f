use std::{
    mem,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use tower_service::Service;

use super::{AttachError, AttachTokenFuture, OutboundRequest};
use crate::{AllowedOrigins, ManagedIdentity, credential::Credential};

/// The error of a client with a token layer: what the client says, an [`AttachError`] or a
/// [`TokenError`](crate::TokenError), boxed. Downcast to tell them apart.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The service that [`AttachTokenLayer`](super::AttachTokenLayer) makes.
#[derive(Clone, Debug)]
pub struct AttachToken<S> {
    inner: S,
    identity: ManagedIdentity,
    origins: AllowedOrigins,
}

impl<S> AttachToken<S> {
    pub(super) fn new(inner: S, identity: ManagedIdentity, origins: AllowedOrigins) -> Self {
        Self { inner, identity, origins }
    }

    /// The client inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Whether `request` may have a token at all.
    fn check(&self, request: &mut impl OutboundRequest) -> Result<(), AttachError> {
        self.origins.check(&request.destination())?;
        if request.headers_mut().contains_key(AUTHORIZATION) {
            return Err(AttachError::AuthorizationPresent);
        }
        Ok(())
    }
}

impl<S, R> Service<R> for AttachToken<S>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = AttachTokenFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        if let Err(refused) = self.check(&mut request) {
            return AttachTokenFuture::failed(refused.into());
        }
        match self.identity.credential() {
            Credential::Ready(token) => {
                attach(request.headers_mut(), token);
                AttachTokenFuture::forwarding(self.inner.call(request))
            }
            Credential::Pending(credential) => {
                // The service that was polled ready goes into the future; its clone was not, and stays here. See
                // "Be careful when cloning inner services" in the documentation of `tower::Service`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                AttachTokenFuture::waiting(credential, ready, request)
            }
        }
    }
}

pub(super) fn attach(headers: &mut HeaderMap, token: HeaderValue) {
    headers.insert(AUTHORIZATION, token);
}
