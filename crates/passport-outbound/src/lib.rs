//! Get, keep and attach the token of a Passport managed identity.
//!
//! A [`ManagedIdentity`] is a service's own identity: a client id and the place of its secret. It fetches a token
//! when the first request needs one, keeps it, and refreshes it 60 s before it expires while requests go on with the
//! current one. An [`AttachTokenLayer`] puts that token on each request of any Tower client: `reqwest::Client`,
//! hyper-util's client, a tonic `Channel`.
//!
//! ```
//! # fn main() -> Result<(), passport_outbound::ConfigError> {
//! use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SecretSource};
//! use tower::ServiceBuilder;
//!
//! let identity = ManagedIdentity::builder("mi-payroll-scheduler-clientid", SecretSource::env("PASSPORT_CLIENT_SECRET"))
//!     .issuer("https://passport.bizfirst.ai") // the default
//!     .build()?;
//!
//! let client = ServiceBuilder::new()
//!     .layer(AttachTokenLayer::new(identity, AllowedOrigins::new(["https://api.bizfirst.ai"])?))
//!     .service(reqwest::Client::new());
//! # let _ = client;
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! 1. A request never leaves without a token, nor with one that has expired when it is attached: it fails with a [`TokenError`] instead.
//! 2. A token is put on a request only if its origin is in [`AllowedOrigins`], and only for HTTPS or loopback. (Mind
//!    that a client with a system proxy may send loopback requests there; see [`AllowedOrigins`].)
//! 3. Any number of callers cause one token request at a time (unless [`TokenCache::disabled`] is asked for). A caller that
//!    is cancelled does not cancel it.
//! 4. While a token is live, no caller waits for its successor, and no caller sees that Passport is down.
//! 5. A token that a receiver refuses is replaced, once for all; no receiver can cause a storm of token requests.
//! 6. Neither tokens nor secrets appear in `Debug` output, errors, traces or metrics.
//!
//! The numbers behind them are in the repository's `docs/outbound.md`; what is emitted, in `docs/telemetry.md`.
//!
//! # Where to look
//!
//! | | |
//! |---|---|
//! | how a token is got, when it is refreshed | [`ManagedIdentity`], [`ManagedIdentityBuilder`] |
//! | where it is kept | [`TokenCache`], [`TokenStore`] |
//! | how it gets onto requests, and what a refusal causes | [`AttachTokenLayer`] |
//! | where it may go | [`AllowedOrigins`], [`ExistingAuthorization`] |
//! | what can go wrong | [`TokenError`], [`AttachError`], [`ConfigError`] |
//! | a health probe | [`ManagedIdentity::status`] |

mod attach;
mod builder;
mod cache;
mod credential;
mod destination;
mod endpoint;
mod engine;
mod error;
mod managed_identity;
mod refresh;
mod status;
mod steady;
mod sync;
mod telemetry;

#[cfg(test)]
mod test_support;

pub use passport_core::{
    AccessToken, ClientId, Clock, ConfigError, ConfigProblem, Fingerprint, HttpExchange, HttpTransport,
    InvalidAccessToken, InvalidSecretRef, Limits, ManualClock, ResolvedSecret, Secret, SecretError,
    SecretErrorKind, SecretProvider, SecretRef, SecretSource, SystemClock, Transport, TransportError,
    TransportErrorKind,
};

pub use crate::{
    attach::{
        AttachError, AttachToken, AttachTokenFuture, AttachTokenLayer, BufferBody, BufferedBody,
        CloneRequest, ExistingAuthorization, NoReplay, OutboundRequest, OutboundResponse, Replay,
        WatchedBody,
    },
    builder::ManagedIdentityBuilder,
    cache::{StoreError, StoredToken, TokenCache, TokenKey, TokenStore},
    destination::AllowedOrigins,
    error::{TokenError, TokenErrorKind},
    managed_identity::ManagedIdentity,
    status::IdentityStatus,
};
