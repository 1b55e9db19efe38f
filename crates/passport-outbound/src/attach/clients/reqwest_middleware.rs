//! Implements `reqwest_middleware::Middleware` for the layer.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next};
use tokio::sync::Mutex;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    attach::{
        AttachToken, AttachTokenLayer, RetryMode,
        error::{BoxError, CallError},
    },
    identity::RequestIdentity,
};

/// To use the layer as a middleware of `reqwest-middleware`, call
/// `ClientBuilder::new(client).with(layer)`.
///
/// The order in the chain matters:
///
/// - A middleware after the layer gets each request with its token. If the layer retries the
///   request, that middleware gets the request twice.
/// - A middleware before the layer gets each request once, without its token.
/// - A middleware that retries (`reqwest-retry`) belongs before the layer, so that each of its
///   retries is sent with a valid token.
///
/// To use another identity for one request, set a [`RequestIdentity`] with `with_extension`. A
/// [`CallerToken`](crate::CallerToken) that is set with `with_extension` is used if the identity
/// is a caller's.
///
/// # Errors
/// Returns `reqwest_middleware::Error::Middleware` with an [`AttachError`](crate::AttachError)
/// or a [`TokenError`](crate::TokenError) if the layer fails; nothing was sent then. Returns the
/// errors of the rest of the chain unchanged.
#[async_trait]
impl<P: RetryMode<Request, Saved: Send> + Send + Sync + 'static> Middleware for AttachTokenLayer<P> {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response, Error> {
        let named = extensions.get::<RequestIdentity>().map(|RequestIdentity(identity)| identity);
        let identity = named.unwrap_or_else(|| self.identity()).with_caller_from(extensions);
        let mut service: AttachToken<_, P> =
            self.with_identity(identity).layer(Chain { next, extensions: Arc::new(Mutex::new(extensions)) });
        // `poll_ready` is not called before `call`, because a chain is always ready.
        service.call(request).await.map_err(chain_error)
    }
}

/// The rest of the middleware chain after the layer, as a service.
#[derive(Clone)]
struct Chain<'a> {
    next: Next<'a>,
    /// The extensions of the request. The lock is never contended, because the retry is sent after
    /// the first request has ended.
    extensions: Arc<Mutex<&'a mut Extensions>>,
}

impl<'a> Service<Request> for Chain<'a> {
    type Response = Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + 'a>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { next, extensions } = self.clone();
        Box::pin(async move {
            let mut extensions = extensions.lock().await;
            next.run(request, &mut extensions).await
        })
    }
}

/// Returns an error of the chain unchanged. Wraps an error of the layer in the same way in which
/// the chain wraps the errors of a middleware. Both kinds of errors can be downcast.
fn chain_error(error: BoxError) -> Error {
    match error.downcast::<Error>().map_err(CallError::from) {
        Ok(error) => *error,
        Err(CallError::Attach(error)) => Error::middleware(error),
        Err(CallError::Token(error)) => Error::middleware(error),
        // Unreachable, because the inner service is the chain, and the type of its errors is
        // `Error`.
        Err(CallError::Client(error)) => Error::middleware(std::io::Error::other(error)),
    }
}
