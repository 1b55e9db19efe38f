//! Protected resource metadata ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)): a document
//! that tells clients which authorization servers issue tokens for a service.
//!
//! 1. A client without a token gets a 401. Its challenge has the URL of the document
//!    ([`AuthenticateLayer::resource_metadata`](crate::AuthenticateLayer::resource_metadata)).
//! 2. The client reads the document, which [`ProtectedResource`] serves without authentication.
//! 3. The client requests a token from one of the listed authorization servers.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use passport_inbound::{AuthenticateLayer, ConfigError, ProtectedResource, TokenVerifier};
//!
//! fn api(verifier: TokenVerifier) -> Result<Router, ConfigError> {
//!     let resource = ProtectedResource::builder(&verifier, "https://api.example/orders")
//!         .scopes("orders.read orders.write")
//!         .build()?;
//!     let authenticates = AuthenticateLayer::new(verifier).resource_metadata(&resource);
//!     Ok(Router::new()
//!         .route("/orders", get(async || "orders"))
//!         .layer(authenticates) // applies to the routes above only
//!         .merge(resource.into_router())) // needs no token
//! }
//! # api(TokenVerifier::builder("https://api.example/orders").build().unwrap()).unwrap(); }
//! ```

mod builder;
mod document;
mod identifier;
mod service;

use std::{
    fmt,
    sync::{Arc, Weak},
};

use arc_swap::ArcSwap;

use self::{
    document::{Document, Members},
    identifier::ResourceIdentifier,
};
use crate::{TokenVerifier, verify::IssuerTable};

pub use self::builder::ProtectedResourceBuilder;

/// A protected resource with its metadata ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)), and
/// the Tower service that serves the metadata. The documentation of the
/// [module](crate::resource_metadata) has an example.
///
/// The service needs no token, so put it outside the
/// [`AuthenticateLayer`](crate::AuthenticateLayer). It answers requests for
/// [`metadata_path`](Self::metadata_path):
///
/// | request | response |
/// |---|---|
/// | `GET`, `HEAD` | 200, `application/json`, with an `ETag` |
/// | the same, if `If-None-Match` has the `ETag` | 304 |
/// | `OPTIONS`, also a CORS preflight | 204 |
/// | another method | 405 |
/// | another path | 404 |
///
/// - Scripts of any origin can read the metadata, because it is public.
/// - Caches keep it for one hour. It changes only with the configuration, and the hour limits how
///   long clients use the old one.
/// - Nothing in it comes from the request, in particular not from the header `Host`.
///
/// Cheap to clone. The document is rendered once, and again after
/// [`TokenVerifier::replace`] has changed the issuers.
#[derive(Clone)]
pub struct ProtectedResource(Arc<Shared>);

/// The state that the clones of a resource share.
struct Shared {
    verifier: TokenVerifier,
    identifier: ResourceIdentifier,
    members: Members,
    rendered: ArcSwap<Rendered>,
}

/// A document, and the trusted issuers that it lists.
struct Rendered {
    /// Does not keep the issuers in memory after a reload has replaced them.
    issuers: Weak<IssuerTable>,
    document: Document,
}

impl ProtectedResource {
    /// Creates a builder of the resource that `verifier` protects. `resource` is the resource
    /// identifier ([RFC 9728, section 1.2](https://www.rfc-editor.org/rfc/rfc9728#section-1.2)):
    /// the URL at which clients reach the service, such as `https://api.example/orders`.
    ///
    /// Use the same text as an [`audience`](crate::TokenVerifierBuilder::audience) of the verifier
    /// if the authorization server writes the requested resource to `aud` ([RFC
    /// 8707](https://www.rfc-editor.org/rfc/rfc8707)).
    pub fn builder(verifier: &TokenVerifier, resource: impl Into<String>) -> ProtectedResourceBuilder {
        ProtectedResourceBuilder::new(verifier.clone(), resource.into())
    }

    /// Returns the URL of the metadata ([RFC 9728, section
    /// 3.1](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)): the resource identifier with
    /// `/.well-known/oauth-protected-resource` between the host and the path.
    #[must_use]
    pub fn metadata_url(&self) -> &str {
        self.0.identifier.metadata_url()
    }

    /// Returns the path of [`metadata_url`](Self::metadata_url), without a query.
    #[must_use]
    pub fn metadata_path(&self) -> &str {
        self.0.identifier.metadata_path()
    }

    fn new(verifier: TokenVerifier, identifier: ResourceIdentifier, members: Members) -> Self {
        let rendered = Rendered::of(&verifier.issuers(), &members);
        let rendered = ArcSwap::from_pointee(rendered);
        Self(Arc::new(Shared { verifier, identifier, members, rendered }))
    }

    /// Returns the document. Renders it if the issuers of the verifier were replaced since the last
    /// call.
    fn rendered(&self) -> Arc<Rendered> {
        let issuers = self.0.verifier.issuers();
        let rendered = self.0.rendered.load_full();
        if rendered.issuers.as_ptr() == Arc::as_ptr(&issuers) {
            return rendered;
        }
        // If an older document overwrites a newer one, the next call renders it again.
        let rendered = Arc::new(Rendered::of(&issuers, &self.0.members));
        self.0.rendered.store(Arc::clone(&rendered));
        rendered
    }
}

impl Rendered {
    fn of(issuers: &Arc<IssuerTable>, members: &Members) -> Self {
        let document = Document::render(members, &issuers.identifiers());
        Self { issuers: Arc::downgrade(issuers), document }
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource")
            .field("metadata_url", &self.metadata_url())
            .finish_non_exhaustive()
    }
}
