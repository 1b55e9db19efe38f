//! Routers of axum: authentication around a whole router, and the metadata of a resource.

use axum::{Router, routing::RouterIntoService};
use axum_core::body::Body;
use tower_layer::Layer;

use crate::{Authenticate, AuthenticateLayer, ProtectedResource};

impl AuthenticateLayer {
    /// Wraps a whole `Router` in this layer, for `axum::serve` (feature `axum`). A request costs
    /// less than with `Router::layer`, which boxes and clones the service of each route.
    ///
    /// The differences to `Router::layer`:
    ///
    /// - The request is authenticated before it is routed. A path without a route also needs a
    ///   token, so a client without a token cannot find out which routes exist. Routes that need
    ///   no token are [public paths](Self::public_paths).
    /// - `MatchedPath` and `NestedPath` are not in the request's extensions yet.
    /// - A layer outside this one wraps the service that this method returns, for example with a
    ///   `ServiceBuilder`. `axum::serve` needs a service with the response body of axum, so a
    ///   layer that changes the type of the body is followed by
    ///   `map_response(|response: Response<_>| response.map(Body::new))`.
    ///
    /// ```no_run
    /// use axum::{Router, ServiceExt, routing::get};
    /// use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
    ///
    /// # async fn example(verifier: TokenVerifier) -> Result<(), Box<dyn std::error::Error>> {
    /// let api = Router::new()
    ///     .route("/health", get(async || "up"))
    ///     .route("/whoami", get(async |caller: IdInfo| caller.display_name().to_owned()));
    /// let api = AuthenticateLayer::new(verifier).public_paths(["/health"])?.around(api);
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// axum::serve(listener, api.into_make_service()).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn around(&self, router: Router) -> Authenticate<RouterIntoService<Body>> {
        // `with_state` turns the handlers into services once. Without it, the router would do so
        // for each request.
        self.layer(router.with_state(()).into_service())
    }
}

impl ProtectedResource {
    /// Returns a router that serves the metadata (feature `axum`). Merge it with the router of the
    /// service, after `Router::layer` has added the [`AuthenticateLayer`], so that the metadata
    /// needs no token. Its path is absolute, so do not `nest` it.
    ///
    /// The documentation of the [module](crate::resource_metadata) has an example.
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let path = self.metadata_path().to_owned();
        Router::new().route_service(&path, self)
    }
}

#[cfg(test)]
mod tests;
