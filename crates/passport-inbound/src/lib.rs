//! Who calls: verify Passport tokens, hand on who it is, and let only those through who may pass.
//!
//! # Start here
//!
//! A [`TokenVerifier`] checks a token against the issuer's published keys and a fixed list of rules. An
//! [`AuthenticateLayer`] does that for each request of an axum router, a tonic server or any other Tower service, and
//! puts an [`IdInfo`] into the request.
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! use axum::{Router, routing::get};
//! use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer, TokenVerifier};
//!
//! # fn main() -> Result<(), passport_inbound::ConfigError> {
//! let verifier = TokenVerifier::builder("bizfirstgo-api") // whom the tokens are for
//!     .issuer("https://passport.bizfirst.ai") // the default
//!     .build()?;
//!
//! let api: Router = Router::new()
//!     // A guard on a handler stays with its route.
//!     .route("/sync", get(|| async { "machines only" }).layer(RequireServiceAccountLayer::new()))
//!     .route("/whoami", get(|caller: IdInfo| async move { caller.display_name().to_owned() }))
//!     .layer(AuthenticateLayer::new(verifier)); // for all; in axum, what is applied last runs first
//! # let _ = api; Ok(()) } main().unwrap(); }
//! ```
//!
//! Building does no I/O. The keys are fetched when the first token comes, or by [`ready`](TokenVerifier::ready).
//!
//! # Who may pass
//!
//! A [`Requirement`] says it: roles, permissions, scopes, a tenant, a second factor, a check of your own, somebody who is asked
//! ([`PermissionCheck`]), and any of these with `and`, `or` and `!`. Demand it with a [`RequireLayer`], with an argument of an axum
//! handler (`ServiceAccount`, `User`, `Guarded`), or in one with the layer that authenticates, where the order cannot be
//! got wrong:
//!
//! ```
//! # fn example(verifier: passport_inbound::TokenVerifier) {
//! use passport_inbound::{AuthenticateLayer, Requirement};
//!
//! let admins = Requirement::role("payroll.admin").and(Requirement::multi_factor());
//! let layer = AuthenticateLayer::new(verifier).require(admins.or(Requirement::service_account()));
//! # let _ = layer; }
//! ```
//!
//! A guard that finds nobody authenticated lets nobody through, and tells the operator.
//!
//! # In a handler
//!
//! With the feature `axum`, `IdInfo` is an argument, `Option<IdInfo>` where the layer is
//! [`optional`](AuthenticateLayer::optional), and `Verified<T>` has your own claims. With the feature `tonic`,
//! `request.caller()?` gives it (`RequestExt`). Everywhere else it is in the request's extensions.
//!
//! # What else a layer does
//!
//! | | |
//! |---|---|
//! | a token from a cookie, or from a WebSocket's query; the token taken off; preflights | [`AuthenticateLayer`] |
//! | streams that end when the token does | [`EndStreamsLayer`], [`IdInfo::until_expiry`] |
//! | an audit of calls and refusals | [`AuditLayer`], [`AuditSink`] |
//! | calls to the next service in the caller's name | [`AuthenticateLayer::hand_on_token`], [`CallerToken`] |
//! | paths that need no token; everything else does | [`AuthenticateLayer::public_paths`], [`AuthenticateLayer::public_grpc_services`] |
//! | refusals in HTTP or gRPC alone | [`AuthenticateLayer::http_only`], [`AuthenticateLayer::grpc_only`] |
//! | the caller on the request's span | [`AuthenticateLayer::record_caller`] |
//! | answers in your own words | [`AuthenticateLayer::respond_with`], [`AuthenticateLayer::opaque`] |
//!
//! # In a test
//!
//! `passport-dev` has identities that sign requests without an issuer and without a network; the verifier is the real one:
//!
//! ```
//! # #[cfg(feature = "axum")] { #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use axum::{Router, body::Body, routing::get};
//! # use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
//! # fn app(verifier: TokenVerifier) -> Router {
//! #     let whoami = get(|caller: IdInfo| async move { caller.user_id().to_owned() });
//! #     Router::new().route("/whoami", whoami).layer(AuthenticateLayer::new(verifier))
//! # }
//! use passport_dev::TestIdentity;
//! use tower::ServiceExt;
//!
//! let verifier = TokenVerifier::builder(TestIdentity::AUDIENCE).static_keys(TestIdentity::jwks()).build()?;
//! let request = http::Request::get("/whoami").body(Body::empty())?;
//! let request = TestIdentity::service("payroll").role("payroll.run").sign(request);
//! assert_eq!(app(verifier).oneshot(request).await?.status(), 200);
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # What is checked
//!
//! 1. Exactly one `Authorization` header with the Bearer scheme, unless the layer is told where
//!    else to look; a token of at most 8 KiB
//!    ([`max_token_size`](TokenVerifierBuilder::max_token_size)) in the compact form.
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
//! reason, or UNAUTHENTICATED on gRPC; who may not pass gets 403, or `PERMISSION_DENIED`, and is told what is required. Keys that
//! cannot be had are 503, or UNAVAILABLE: not the caller's fault. From each reason to its remedy: `docs/errors.md` in the
//! repository.

pub mod audit;
pub mod authenticate;
pub mod authorize;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
#[cfg(any(feature = "axum", feature = "tonic"))]
mod integrations;
mod jwks;
mod jwt;
mod metrics;
mod request_path;
mod response;
#[cfg(test)]
mod test_support;
pub mod token_deadline;
mod untrusted_text;
mod verify;

pub use passport_core::{
    AccessToken, CaCertificates, CallerToken, Clock, ConfigError, ConfigProblem, HttpExchange, HttpTransport,
    InvalidCaFile, Limits, ManualClock, SystemClock, Transport, TransportError, TransportErrorKind,
};

#[cfg(feature = "axum")]
pub use crate::integrations::axum::{CallerRejection, Guard, Guarded, ServiceAccount, User, Verified};
#[cfg(feature = "tonic")]
pub use crate::integrations::tonic::RequestExt;
#[doc(inline)]
pub use crate::{
    audit::{Audit, AuditEvent, AuditFuture, AuditLayer, AuditSink},
    authenticate::{Authenticate, AuthenticateFuture, AuthenticateLayer},
    authorize::{
        PermissionCheck, PermissionUnknown, RequestHead, Require, RequireFuture, RequireLayer,
        RequireServiceAccountLayer, Requirement, RolePermissions,
    },
    error::RejectionReason,
    identity::IdInfo,
    jwks::{KeyHealth, KeyState},
    jwt::algorithm::{Algorithm, UnknownAlgorithm},
    response::{body::ResponseBody, rejection::Rejection, unmet_requirement::UnmetRequirement},
    token_deadline::{EndStreams, EndStreamsFuture, EndStreamsLayer, ExpiringBody},
    verify::{NotReady, TokenVerifier, TokenVerifierBuilder, VerifyError},
};
