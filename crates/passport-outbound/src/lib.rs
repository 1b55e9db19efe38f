//! Calls between services, each with a token of Passport, BizFirst's identity provider.
//!
//! # Start here
//!
//! A [`ManagedIdentity`] is a service's own identity at Passport: a client id and the place of its
//! secret. A [`ManagedIdentityHttpClient`] calls another service with it:
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
//! The first request fetches a token with the client credentials; it is kept, and refreshed 60 s
//! before it expires, while requests go on with the current one. Nothing is fetched or started
//! before that: building does no I/O. Identity and client are cheap to clone; keep them in your
//! application's state.
//!
//! # Around the client you have
//!
//! An [`AttachTokenLayer`] puts the token on each request of any Tower client: `reqwest::Client`,
//! hyper-util's client, a tonic `Channel`; with the feature `reqwest-middleware`, in a chain of
//! that crate, too. It goes to the [`AllowedOrigins`] only.
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
//! A [`ManagedIdentityConfig`] is read by serde, from a file or from the environment, and has the
//! names of the .NET options. Every mistake is reported at once. A [`ManagedIdentitiesConfig`] has
//! several, by name.
//!
//! ```
//! use passport_outbound::ManagedIdentityConfig;
//!
//! let config: ManagedIdentityConfig = serde_json::from_str(
//!     r#"{
//!         "client_id": "mi-erp-sync-clientid",
//!         "client_secret_ref": "env:ERP_SYNC_SECRET",
//!         "base_url": "https://erp.bizfirst.ai"
//!     }"#,
//! )?;
//! let erp = config.http_client()?;
//! # let _ = erp;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # In whose name
//!
//! A service that acts for a user calls the next one with the user's token, if that one is to see
//! the user. That is a [`CallerIdentity`] in the place of the [`ManagedIdentity`], for a whole
//! client or for one request. Which of the two it is, you decide: without a caller a request fails,
//! unless [`CallerIdentity::or`] names another identity.
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
//! # When something goes wrong
//!
//! A [`ConfigError`] comes from `build()`, before anything runs. An [`AttachError`] says that a
//! request must not have a token, a [`TokenError`] that there is none, and what to do; nothing was
//! sent then. Any other error is the HTTP client's. During an outage of Passport, requests go on
//! with the token there is; [`ManagedIdentity::status`] tells a health probe, and
//! [`ManagedIdentity::ready`] warms up before there is traffic. For tests there is `passport-dev`,
//! a Passport in your process:
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! # use passport_outbound::{ManagedIdentity, SecretSource};
//! let passport = passport_dev::DevPassport::start().await?;
//! let registered = passport.managed_identity("erp-sync").role("erp.read").create();
//! let identity = ManagedIdentity::builder(registered.client_id(), SecretSource::fixed(registered.secret()))
//!     .issuer(passport.issuer())
//!     .build()?;
//! # let _ = identity;
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! 1. A request never leaves without a token, nor with one that has expired when it is attached: it
//!    fails with a [`TokenError`] instead.
//! 2. A token is put on a request only if its origin is in [`AllowedOrigins`], and only for HTTPS
//!    or loopback. (Mind that a client with a system proxy may send loopback requests there; see
//!    [`AllowedOrigins`].)
//! 3. A request carries the token of the one in whose name it goes out, and nobody else's.
//! 4. Any number of callers cause one token request at a time (unless [`TokenCache::disabled`] is
//!    asked for). A caller that is cancelled does not cancel it.
//! 5. While a token is live, no caller waits for its successor, and no caller sees that Passport is
//!    down.
//! 6. A token that a receiver refuses is replaced, once for all; no receiver can cause a storm of
//!    token requests.
//! 7. Neither tokens nor secrets appear in `Debug` output, errors, traces or metrics.
//!
//! # Where to look
//!
//! | | | in the repository |
//! |---|---|---|
//! | how a token is got, when it is refreshed | [`ManagedIdentity`], [`ManagedIdentityBuilder`] | `docs/outbound.md` |
//! | where it is kept | [`TokenCache`], [`TokenStore`], [`Sidecar`] | `docs/caching.md`, `docs/sidecar.md` |
//! | how it gets onto requests, and what a refusal causes | [`AttachTokenLayer`] | `docs/recipes.md` |
//! | where it may go | [`AllowedOrigins`], [`ExistingAuthorization`] | |
//! | whose it is | [`Identity`], [`CallerIdentity`], [`CallerToken`], [`InTheNameOf`] | `docs/propagation.md` |
//! | how the identity proves who it is | [`ClientAuthentication`] | `docs/configuration.md` |
//! | where its secret is | [`SecretSource`], [`SecretProvider`], [`SecretProviders`] | |
//! | what is measured and traced | | `docs/telemetry.md` |
//! | what it is called in .NET | | `docs/from-dotnet.md` |
//!
//! # Features
//!
//! | | |
//! |---|---|
//! | `reqwest` (default) | [`ManagedIdentityHttpClient`], and the layer around a `reqwest::Client` (0.13) |
//! | `reqwest-middleware` | the layer as a middleware of that crate (0.5) |

mod attach;
mod cache;
mod config;
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
    HttpExchange, HttpTransport, InvalidAccessToken, InvalidCaFile, InvalidScope, InvalidSecretRef,
    InvalidSecretSource, Limits, ManualClock, ResolvedSecret, Scopes, Secret, SecretError, SecretErrorKind,
    SecretProvider, SecretProviders, SecretRef, SecretSource, SystemClock, TlsFailure, Transport,
    TransportError, TransportErrorKind, Transports,
};

#[cfg(feature = "reqwest")]
pub use crate::http_client::{
    HttpClientError, InvalidPath, ManagedIdentityHttpClient, ManagedIdentityHttpClientBuilder,
    ManagedIdentityRequest,
};
pub use crate::{
    attach::{
        AllowedOrigins, AttachError, AttachToken, AttachTokenFuture, AttachTokenLayer, BufferBody,
        BufferedBody, CloneRequest, ExistingAuthorization, NoReplay, OutboundRequest, OutboundResponse,
        Replay, WatchedBody,
    },
    cache::{Lease, Leased, StoreError, StoredToken, TokenCache, TokenKey, TokenStore, WakeUps},
    config::{
        ConfigKey, ManagedIdentities, ManagedIdentitiesConfig, ManagedIdentityConfig, Providers, StoreKind,
        StoreSettings,
    },
    identity::{
        CallerIdentity, Identity, IdentityStatus, InTheNameOf, ManagedIdentity, ManagedIdentityBuilder,
    },
    sources::{ClientAuthentication, InvalidSidecar, PrivateKeyJwt, Sidecar, SigningAlgorithm},
    token::{TokenError, TokenErrorKind},
};
