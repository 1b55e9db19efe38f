#![cfg_attr(docsrs, feature(doc_cfg))]
//! Tower middleware that attaches access tokens of Passport, BizFirst's identity provider, to
//! outgoing requests. It fetches the tokens with OAuth2 client credentials, caches them, and
//! refreshes them before they expire.
//!
//! ```toml
//! [dependencies]
//! passport-outbound = "0.1"
//! ```
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `reqwest` | yes | [`ManagedIdentityHttpClient`], the layer around a `reqwest::Client` 0.13 |
//! | `reqwest-middleware` | no | the layer for `reqwest-middleware` 0.5; enables `reqwest` |
//!
//! # Example
//!
//! A [`ManagedIdentity`] is a service's own identity at Passport: a client id and a reference to
//! the client secret. A [`ManagedIdentityHttpClient`] calls another service with the identity's
//! token:
//!
//! ```no_run
//! use passport_outbound::{ManagedIdentity, ManagedIdentityHttpClient, SecretSource};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let secret = SecretSource::env("ERP_SYNC_SECRET");
//!     let identity = ManagedIdentity::builder("mi-erp-sync-clientid", secret).build()?;
//!     let erp = ManagedIdentityHttpClient::new(identity, "https://erp.bizfirst.ai")?;
//!
//!     let accounts: serde_json::Value = erp.get_json("/api/erp/accounts").await?;
//!     println!("{accounts}");
//!     Ok(())
//! }
//! ```
//!
//! The first request fetches a token. A background task refreshes the token 60 s before it
//! expires. Until the new token arrives, requests use the cached one. Building an identity or a
//! client sends no request and starts no task. Identities and clients are cheap to clone; build
//! them once and keep them in the application's state.
//!
//! # The layer
//!
//! An [`AttachTokenLayer`] attaches the token to each request of any Tower client:
//! `reqwest::Client`, hyper-util's client, a tonic `Channel`, and, with the feature
//! `reqwest-middleware`, a middleware chain of that crate. The token is sent only to the
//! [`AllowedOrigins`].
//!
//! ```no_run
//! # async fn call(
//! #     identity: passport_outbound::ManagedIdentity,
//! # ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use passport_outbound::{AllowedOrigins, AttachTokenLayer};
//! use reqwest::{Client, Method, Request};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! let origins = AllowedOrigins::new(["https://erp.bizfirst.ai"])?;
//! let mut client = ServiceBuilder::new()
//!     .layer(AttachTokenLayer::new(identity, origins))
//!     .service(Client::new());
//!
//! let url = "https://erp.bizfirst.ai/api/erp/accounts".parse()?;
//! let response = client.ready().await?.call(Request::new(Method::GET, url)).await?;
//! # let _ = response;
//! # Ok(()) }
//! ```
//!
//! # The caller's token
//!
//! The caller is the client that sent the request that this service handles, usually on behalf
//! of a user. The service can forward the caller's token instead of sending its own, so that the
//! next service authenticates the caller. To forward it, set a [`CallerIdentity`] as the
//! identity of a client or of one request. A request without a caller's token fails, unless
//! [`CallerIdentity::or`] sets the identity to use instead.
//!
//! ```no_run
//! # async fn call(
//! #     erp: passport_outbound::ManagedIdentityHttpClient,
//! #     caller: passport_outbound::CallerToken,
//! # ) -> Result<(), passport_outbound::HttpClientError> {
//! let as_the_service = erp.get("/api/erp/accounts").send().await?;
//! let as_the_caller = erp.get("/api/erp/accounts").caller(caller).send().await?;
//! # let _ = (as_the_service, as_the_caller);
//! # Ok(()) }
//! ```
//!
//! # Errors
//!
//! `build()` returns a [`ConfigError`] that lists every problem. A request fails in one of these
//! ways:
//!
//! - with an [`AttachError`] if the request must not carry a token; nothing was sent;
//! - with a [`TokenError`] if no token can be fetched; nothing was sent;
//! - with the error of the HTTP client.
//!
//! While Passport is unavailable, requests use the cached token until it expires.
//! [`ManagedIdentity::status`] is for health probes. [`ManagedIdentity::ready`] waits for the
//! first token before the service accepts traffic.
//!
//! # Tests
//!
//! The crate `passport-dev` runs a Passport inside the test process:
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use passport_outbound::{ManagedIdentity, SecretSource};
//!
//! let passport = passport_dev::DevPassport::start().await?;
//! let registered = passport.managed_identity("erp-sync").role("erp.read").create();
//! let secret = SecretSource::from_value(registered.secret());
//! let identity = ManagedIdentity::builder(registered.client_id(), secret)
//!     .issuer(passport.issuer())
//!     .build()?;
//! # let _ = identity;
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! 1. A request is sent only with a token that is valid when it is attached. If there is no
//!    valid token, the request fails: with an [`AttachError`] if the request needs a caller's
//!    token, otherwise with a [`TokenError`].
//! 2. A token is attached only if the request's origin is in [`AllowedOrigins`]. Allowed origins
//!    use HTTPS or are loopback hosts, unless a `danger_` function allows plain HTTP. (A client
//!    with a system proxy can send even loopback requests to the proxy; see [`AllowedOrigins`].)
//! 3. A request never carries the token of an identity other than the request's own.
//! 4. Concurrent requests with the same identity share one token fetch. Canceling a request does
//!    not cancel the fetch.
//! 5. While a token is valid, no request waits for a refresh, and an outage of Passport has no
//!    effect on requests.
//! 6. A token that a receiver rejects is replaced once for all requests. It is replaced only if
//!    it has reached a minimum age, which grows from 5 s to 5 min with each replacement that is
//!    rejected as well. So no receiver can cause a storm of token requests.
//! 7. Tokens and secrets never appear in `Debug` output, errors, traces or metrics.
//!
//! # Concepts
//!
//! | Subject | Types | Guide |
//! |---|---|---|
//! | fetching and refreshing tokens | [`ManagedIdentity`] | `docs/outbound.md` |
//! | client authentication | [`ClientAuthentication`] | `docs/configuration.md` |
//! | client secret | [`SecretSource`], [`SecretProvider`] | `docs/secrets.md` |
//! | token cache | [`TokenCache`], [`TokenStore`] | `docs/caching.md` |
//! | sidecar | [`SidecarEndpoint`] | `docs/sidecar.md` |
//! | attaching a token, rejected tokens | [`AttachTokenLayer`] | `docs/recipes.md` |
//! | origins that are allowed to receive a token | [`AllowedOrigins`] | `docs/outbound.md` |
//! | identity of a request | [`CallerIdentity`], [`RequestIdentity`] | `docs/propagation.md` |
//! | errors and remedies | [`TokenError`], [`AttachError`] | `docs/errors.md` |
//! | metrics, traces and logs | | `docs/telemetry.md` |
//! | tests | | `docs/testing.md` |
//! | defaults and limits | | `docs/defaults.md` |
//! | threat model | | `docs/security.md` |
//! | the corresponding names in .NET | | `docs/from-dotnet.md` |
//!
//! `docs/getting-started.md` is a tutorial. The crate `passport-config` builds identities and
//! clients from a file or from the environment, with the names of the .NET options, and
//! reports all configuration problems together.

mod attach;
mod cache;
#[cfg(feature = "reqwest")]
mod http_client;
mod identity;
mod metrics;
mod sources;
mod token;

#[cfg(test)]
mod test_support;

pub use passport_core::{
    AccessToken, CaCertificates, CallerToken, ClientAuthentication, ClientId, Clock, ConfigError,
    ConfigProblem, Fingerprint, HttpClient, InvalidAccessToken, InvalidCaFile, InvalidScope,
    InvalidSecretRef, InvalidSecretSource, ManualClock, PrivateKeyJwt, ReqwestHttpClient, ResolvedSecret,
    ResponseLimits, Scopes, Secret, SecretError, SecretErrorKind, SecretProvider, SecretProviders, SecretRef,
    SecretSource, SigningAlgorithm, SystemClock, TlsFailure, Transport, TransportError, TransportErrorKind,
    TransportPool,
};

#[cfg(feature = "reqwest")]
pub use crate::http_client::{
    ClientPool, HttpClientError, InvalidPath, ManagedIdentityHttpClient, ManagedIdentityHttpClientBuilder,
    ManagedIdentityRequest,
};
pub use crate::{
    attach::{
        AllowedOrigins, AttachError, AttachToken, AttachTokenFuture, AttachTokenLayer, BufferedBody,
        ExistingAuthorization, IgnoreTrailers, NoRetry, OutboundRequest, OutboundResponse, RetryBuffered,
        RetryCloned, RetryMode, TrailerMode, WatchTrailers, WatchedBody,
    },
    cache::{Lease, LeaseOutcome, Notifier, StoreError, StoredToken, TokenCache, TokenKey, TokenStore},
    identity::{
        CallerIdentity, Identity, IdentityStatus, ManagedIdentity, ManagedIdentityBuilder, RequestIdentity,
    },
    sources::{InvalidSidecarEndpoint, SidecarEndpoint},
    token::{TokenError, TokenErrorKind},
};
