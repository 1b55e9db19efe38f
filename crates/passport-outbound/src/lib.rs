//! Calls between services, each with a token of Passport, BizFirst's identity provider.
//!
//! # Start here
//!
//! A [`ManagedIdentity`] is a service's own identity at Passport: a client id and the reference of
//! its secret. A [`ManagedIdentityHttpClient`] calls another service with it:
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use passport_outbound::{ManagedIdentity, ManagedIdentityHttpClient, SecretSource};
//!
//! let identity =
//!     ManagedIdentity::builder("mi-erp-sync-clientid", SecretSource::env("ERP_SYNC_SECRET")).build()?;
//! let erp = ManagedIdentityHttpClient::new(identity, "https://erp.bizfirst.ai")?;
//!
//! let accounts: serde_json::Value = erp.get_json("/api/erp/accounts?since=2026-05-01").await?;
//! # let _ = accounts;
//! # Ok(()) }
//! ```
//!
//! The first request fetches a token with the client credentials. The token is cached, and
//! refreshed 60 s before it expires, while requests use the current one. Building an identity or a
//! client does no I/O and starts no task. Both are cheap to clone; keep them in your application's
//! state.
//!
//! # Around the client you have
//!
//! An [`AttachTokenLayer`] attaches the token to each request of any Tower client:
//! `reqwest::Client`, hyper-util's client, a tonic `Channel`, and with the feature
//! `reqwest-middleware` a chain of that crate. The token is sent to the [`AllowedOrigins`] only.
//!
//! ```
//! # fn main() -> Result<(), passport_outbound::ConfigError> {
//! # use passport_outbound::{ManagedIdentity, SecretSource};
//! # let identity = ManagedIdentity::builder("mi-erp-sync-clientid", SecretSource::env("ERP_SYNC_SECRET")).build()?;
//! use passport_outbound::{AllowedOrigins, AttachTokenLayer};
//! use tower::ServiceBuilder;
//!
//! let client = ServiceBuilder::new()
//!     .layer(AttachTokenLayer::new(identity, AllowedOrigins::new(["https://erp.bizfirst.ai"])?))
//!     .service(reqwest::Client::new());
//! # let _ = client;
//! # Ok(()) }
//! ```
//!
//! # From a configuration
//!
//! The crate `passport-config` builds identities and clients from a file or from the environment,
//! with the names of the .NET options. It reports every mistake at once.
//!
//! # The identity of a request
//!
//! A service that acts for a user can call the next service with the user's token, so that the next
//! one sees the user. Use a [`CallerIdentity`] instead of the [`ManagedIdentity`] for that, for a
//! whole client or for one request. Without a caller a request fails, unless [`CallerIdentity::or`]
//! names another identity.
//!
//! ```no_run
//! # async fn start(erp: passport_outbound::ManagedIdentityHttpClient, caller: passport_outbound::CallerToken)
//! # -> Result<(), passport_outbound::HttpClientError> {
//! let as_the_service = erp.get("/api/erp/accounts").send().await?;
//! let as_the_caller = erp.get("/api/erp/accounts").caller(caller).send().await?;
//! # let _ = (as_the_service, as_the_caller);
//! # Ok(()) }
//! ```
//!
//! # Errors and outages
//!
//! `build()` returns a [`ConfigError`]. A request fails with an [`AttachError`] if it must not have
//! a token, and with a [`TokenError`] if there is no token; nothing was sent then. Any other error
//! is the HTTP client's. During an outage of Passport, requests use the cached token.
//! [`ManagedIdentity::status`] is for health probes, and [`ManagedIdentity::ready`] fetches the
//! token before there is traffic. For tests there is `passport-dev`, a Passport in your process:
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! # use passport_outbound::{ManagedIdentity, SecretSource};
//! let passport = passport_dev::DevPassport::start().await?;
//! let registered = passport.managed_identity("erp-sync").role("erp.read").create();
//! let identity = ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
//!     .issuer(passport.issuer())
//!     .build()?;
//! # let _ = identity;
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! 1. A request is never sent without a token, nor with one that has expired when it is attached:
//!    it fails with a [`TokenError`] instead.
//! 2. A token is attached to a request only if its origin is in [`AllowedOrigins`], and only for
//!    HTTPS or loopback. (A client with a system proxy may send loopback requests to it; see
//!    [`AllowedOrigins`].)
//! 3. A request has the token of its own identity, and never that of another one.
//! 4. Concurrent callers share one token request at a time. A caller that is canceled does not
//!    cancel it.
//! 5. While a token is live, no caller waits for its successor, and no caller notices that Passport
//!    is down.
//! 6. A token that a receiver rejects is replaced, once for all callers; no receiver can cause a
//!    storm of token requests.
//! 7. Neither tokens nor secrets appear in `Debug` output, errors, traces or metrics.
//!
//! # Where to look
//!
//! | | | in the repository |
//! |---|---|---|
//! | how a token is fetched, when it is refreshed | [`ManagedIdentity`], [`ManagedIdentityBuilder`] | `docs/outbound.md` |
//! | where it is cached | [`TokenCache`], [`TokenStore`], [`Sidecar`] | `docs/caching.md`, `docs/sidecar.md` |
//! | how it is attached, and what a rejection causes | [`AttachTokenLayer`] | `docs/recipes.md` |
//! | which origins may receive it | [`AllowedOrigins`], [`ExistingAuthorization`] | |
//! | the identity of a request | [`Identity`], [`CallerIdentity`], [`CallerToken`], [`RequestIdentity`] | `docs/propagation.md` |
//! | client authentication | [`ClientAuthentication`] | `docs/configuration.md` |
//! | the client secret | [`SecretSource`], [`SecretProvider`], [`SecretProviders`] | |
//! | metrics and traces | | `docs/telemetry.md` |
//! | names in .NET | | `docs/from-dotnet.md` |
//!
//! # Features
//!
//! | | |
//! |---|---|
//! | `reqwest` (default) | [`ManagedIdentityHttpClient`], and the layer around a `reqwest::Client` (0.13) |
//! | `reqwest-middleware` | the layer as a middleware of that crate (0.5) |

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
    AccessToken, CaCertificates, CallerToken, ClientId, Clock, ConfigError, ConfigProblem, Fingerprint,
    HttpClient, InvalidAccessToken, InvalidCaFile, InvalidScope, InvalidSecretRef, InvalidSecretSource,
    ManualClock, ReqwestHttpClient, ResolvedSecret, ResponseLimits, Scopes, Secret, SecretError,
    SecretErrorKind, SecretProvider, SecretProviders, SecretRef, SecretSource, SystemClock, TlsFailure,
    Transport, TransportError, TransportErrorKind, Transports,
};

#[cfg(feature = "reqwest")]
pub use crate::http_client::{
    ClientPool, HttpClientError, InvalidPath, ManagedIdentityHttpClient, ManagedIdentityHttpClientBuilder,
    ManagedIdentityRequest,
};
pub use crate::{
    attach::{
        AllowedOrigins, AttachError, AttachToken, AttachTokenFuture, AttachTokenLayer, BufferBody,
        BufferedBody, CloneRequest, ExistingAuthorization, NoRetry, OutboundRequest, OutboundResponse,
        RetryMode, WatchedBody,
    },
    cache::{Lease, LeaseOutcome, Notifier, StoreError, StoredToken, TokenCache, TokenKey, TokenStore},
    identity::{
        CallerIdentity, Identity, IdentityStatus, ManagedIdentity, ManagedIdentityBuilder, RequestIdentity,
    },
    sources::{
        ClientAuthentication, InvalidSidecarEndpoint, PrivateKeyJwt, SidecarEndpoint, SigningAlgorithm,
    },
    token::{TokenError, TokenErrorKind},
};
