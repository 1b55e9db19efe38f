//! Verify Passport tokens, hand on who calls, and guard routes.
//!
//! A [`TokenVerifier`] checks a token against the issuer's published keys and a fixed list of rules. An
//! [`AuthenticateLayer`] does that for each request of an axum router, a tonic server or any other Tower service, and
//! puts an [`IdInfo`] into the request. A [`RequireServiceAccountLayer`] lets managed identities pass and nobody else.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer, TokenVerifier};
//!
//! # fn main() -> Result<(), passport_inbound::ConfigError> {
//! let verifier = TokenVerifier::builder("bizfirstgo-api")
//!     .issuer("https://passport.bizfirst.ai") // the default
//!     .build()?;
//!
//! let api: Router = Router::new()
//!     .route("/internal/sync", get(|| async { "machines only" }))
//!     .route_layer(RequireServiceAccountLayer::new())
//!     .route("/whoami", get(|caller: IdInfo| async move { caller.display_name().to_owned() }))
//!     .layer(AuthenticateLayer::new(verifier));
//! # let _ = api; Ok(()) } main().unwrap(); }
//! ```
//!
//! # What is checked
//!
//! 1. Exactly one `Authorization` header with the Bearer scheme; a token of at most 8 KiB in the compact form.
//! 2. `alg` is exactly `RS256`, or one of the [`algorithms`](TokenVerifierBuilder::algorithms) that are configured; `typ` is
//!    absent, `JWT` or `at+jwt`; any `crit` is refused; keys in the header are never looked at.
//! 3. The signature, with a key that the issuer publishes: the one that `kid` names, or, without a `kid`, one of at
//!    most four. An unknown `kid` never falls back to another key.
//! 4. `iss` equals the configured issuer byte for byte; `aud` holds one of the configured audiences; `exp`, `nbf` and
//!    `iat` within 60 s of skew; `sub` and `tenant_id` are there. A wrong JSON type, or one of
//!    these members twice, is a refusal, never an absence.
//! 5. What is marked as an ID token or a logout token (`nonce`, `at_hash`, `c_hash`, `events`, another `typ`) and what
//!    is bound to a client key (`cnf`) is refused. `is_service_account` counts only as the boolean `true`.
//!
//! # What is kept, and what goes on in the background
//!
//! A token that was verified is known from then on, until it expires or its key is withdrawn
//! ([`cache_tokens`](TokenVerifierBuilder::cache_tokens)). The issuer's keys are fetched when they are first needed, or by
//! [`ready`](TokenVerifier::ready); from then on a task refreshes them before they are old, and an outage of the issuer goes
//! unnoticed for a day ([`max_key_age`](TokenVerifierBuilder::max_key_age)), with a
//! [`key_file`](TokenVerifierBuilder::key_file) across restarts. [`health`](TokenVerifier::health) tells how it stands.
//!
//! # What a caller gets
//!
//! A refusal is 401 with an [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-3) challenge and a coarse
//! reason, or UNAUTHENTICATED on gRPC. Keys that cannot be had are 503, or UNAVAILABLE: not the caller's fault.

mod algorithm;
mod answer;
mod authenticate;
mod bearer;
mod builder;
mod challenge;
mod claims;
mod error;
mod explain;
#[cfg(feature = "axum")]
mod extract;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod id_info;
mod json;
mod judge;
mod jwks;
mod jws;
mod places;
mod policy;
mod rejection;
mod respond;
mod signature;
mod telemetry;
#[cfg(test)]
mod test_support;
mod token_cache;
mod verifier;

pub use passport_core::{
    AccessToken, CallerToken, Clock, ConfigError, ConfigProblem, HttpExchange, HttpTransport, Limits,
    ManualClock, SystemClock, Transport, TransportError, TransportErrorKind,
};

pub use crate::{
    algorithm::{Algorithm, UnknownAlgorithm},
    answer::ResponseBody,
    authenticate::{Authenticate, AuthenticateFuture, AuthenticateLayer},
    builder::TokenVerifierBuilder,
    error::{NotReady, RejectionReason, VerifyError},
    guard::{Require, RequireFuture, RequireServiceAccountLayer, Requirement},
    id_info::IdInfo,
    jwks::{KeyHealth, KeyState},
    rejection::Rejection,
    verifier::TokenVerifier,
};
