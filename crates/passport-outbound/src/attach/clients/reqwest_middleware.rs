//! The layer as a middleware of the crate `reqwest-middleware`.

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

/// `ClientBuilder::new(client).with(layer)`.
///
/// What is behind the layer in the chain sees each request with its token, and a second time if it
/// is retried; what is before it sees one request. So a middleware that tries again
/// (`reqwest-retry`) belongs before it, and has a token that is alive each time. A request may name
/// another identity ([`RequestIdentity`]), or its [`CallerToken`](crate::CallerToken), with
/// `with_extension`.
///
/// # Errors
/// `reqwest_middleware::Error::Middleware` with an [`AttachError`](crate::AttachError) or a
/// [`TokenError`](crate::TokenError): nothing was sent.
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
        // A chain is always ready.
        service.call(request).await.map_err(chain_error)
    }
}

/// The rest of the chain, as a service.
#[derive(Clone)]
struct Chain<'a> {
    next: Next<'a>,
    /// One request uses them at a time: a retry comes after the first request.
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

/// Returns an error of the chain as it is, and an error of the middleware as the chain wraps
/// errors: each can be downcast.
fn chain_error(error: BoxError) -> Error {
    match error.downcast::<Error>().map_err(CallError::from) {
        Ok(error) => *error,
        Err(CallError::Attach(error)) => Error::middleware(error),
        Err(CallError::Token(error)) => Error::middleware(error),
        // The inner service is the chain, so its errors are `Error`.
        Err(CallError::Client(error)) => Error::middleware(std::io::Error::other(error)),
    }
}
