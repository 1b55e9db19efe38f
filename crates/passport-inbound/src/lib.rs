//! Tower middleware that verifies Passport access tokens, exposes the caller as [`IdInfo`], and
//! authorizes requests.
//!
//! # Getting started
//!
//! A [`TokenVerifier`] verifies tokens with the issuer's published keys and a fixed list of rules.
//! An [`AuthenticateLayer`] verifies the token of each request to an axum router, a tonic server or
//! any other Tower service, and adds an [`IdInfo`] to the request.
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
//! Building does no I/O. The keys are fetched for the first token, or by
//! [`ready`](TokenVerifier::ready).
//!
//! # Authorization
//!
//! A [`Requirement`] combines roles, permissions, scopes, a tenant, a second factor, checks of your
//! own and remote checks ([`PermissionChecker`]) with `and`, `or` and `!`. Apply it with a
//! [`RequireLayer`], with an argument of an axum handler (`ServiceAccount`, `User`, `Authorized`), or
//! with the authenticating layer, where the order cannot be wrong:
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
//! Without an [`AuthenticateLayer`] outside of it, a [`RequireLayer`] rejects every request and
//! logs an error.
//!
//! # Handlers
//!
//! With the feature `axum`, `IdInfo` is an argument, `Option<IdInfo>` where the layer is
//! [`optional`](AuthenticateLayer::optional), and `Claims<T>` has your own claims. With the
//! feature `tonic`, `request.id_info()?` gives it (`IdInfoExt`). Everywhere else it is in the
//! request's extensions.
//!
//! # Other features
//!
//! | | |
//! |---|---|
//! | a token from a cookie, or from a WebSocket's query; removal of the token; preflights | [`AuthenticateLayer`] |
//! | streams that end when the token does | [`TokenDeadlineLayer`], [`IdInfo::expired`] |
//! | an audit of calls and rejections | [`AuditLayer`], [`AuditSink`] |
//! | calls to the next service in the caller's name | [`AuthenticateLayer::forward_token`], [`CallerToken`] |
//! | paths that need no token; everything else does | [`AuthenticateLayer::public_paths`], [`AuthenticateLayer::public_grpc_services`] |
//! | rejections in HTTP or gRPC alone | [`AuthenticateLayer::http_only`], [`AuthenticateLayer::grpc_only`] |
//! | the caller on the request's span | [`AuthenticateLayer::record_caller`] |
//! | custom responses | [`AuthenticateLayer::with_rejection_response`], [`AuthenticateLayer::without_error_details`] |
//!
//! # Tests
//!
//! `passport-dev` signs requests for test identities without an issuer and without a network; the
//! verifier is that of production:
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
//! let verifier = TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build()?;
//! let request = http::Request::get("/whoami").body(Body::empty())?;
//! let request = TestIdentity::service("payroll").role("payroll.run").sign(request);
//! assert_eq!(app(verifier).oneshot(request).await?.status(), 200);
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # Verification rules
//!
//! 1. Exactly one `Authorization` header with the Bearer scheme, unless the layer is configured for
//!    other places; a token of at most 8 KiB
//!    ([`max_token_size`](TokenVerifierBuilder::max_token_size)) in the compact form.
//! 2. `alg` is exactly `RS256`, or one of the [`algorithms`](TokenVerifierBuilder::algorithms) that
//!    are configured; `typ` is absent, `JWT` or `at+jwt`; any `crit` is refused; keys in the header
//!    are never looked at.
//! 3. The signature, with a key that the issuer publishes: the one that `kid` names, or, without a
//!    `kid`, one of at most four. An unknown `kid` never falls back to another key.
//! 4. `iss` equals the configured issuer byte for byte; `aud` holds one of the configured
//!    audiences; `exp`, `nbf` and `iat` within 60 s of skew; `sub` and `tenant_id` are there. A
//!    wrong JSON type, or one of these members twice, is a refusal, never an absence.
//! 5. What is marked as an ID token or a logout token (`nonce`, `at_hash`, `c_hash`, `events`,
//!    another `typ`) and what is bound to a client key (`cnf`) is refused. `is_service_account`
//!    counts only as the boolean `true`.
//!
//! # Token cache and background refresh
//!
//! A verified token is cached until it expires or its key is withdrawn
//! ([`cache_tokens`](TokenVerifierBuilder::cache_tokens)). The issuer's keys are fetched when the
//! first request needs them, or by [`ready`](TokenVerifier::ready); from then on a task refreshes
//! them before they expire, and an outage of the issuer affects no request for a day
//! ([`jwks_max_stale`](TokenVerifierBuilder::jwks_max_stale)), with a
//! [`jwks_cache_file`](TokenVerifierBuilder::jwks_cache_file) across restarts. [`health`](TokenVerifier::health)
//! reports their state.
//!
//! # Responses
//!
//! A rejected token is 401 with an [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750#section-3)
//! challenge and a coarse reason, or `UNAUTHENTICATED` on gRPC; an unmet requirement is 403, or
//! `PERMISSION_DENIED`, with the requirement. Missing keys are 503, or `UNAVAILABLE`: not the
//! caller's fault. `docs/errors.md` in the repository has a remedy for each reason.

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
    AccessToken, CaCertificates, CallerToken, Clock, ConfigError, ConfigProblem, HttpClient, InvalidCaFile,
    ManualClock, ReqwestHttpClient, ResponseLimits, SystemClock, Transport, TransportError,
    TransportErrorKind,
};

#[cfg(feature = "axum")]
pub use crate::integrations::axum::{Authorized, CallerRejection, Claims, Policy, ServiceAccount, User};
#[cfg(feature = "tonic")]
pub use crate::integrations::tonic::IdInfoExt;
#[doc(inline)]
pub use crate::{
    audit::{Audit, AuditEvent, AuditFuture, AuditLayer, AuditSink},
    authenticate::{Authenticate, AuthenticateFuture, AuthenticateLayer},
    authorize::{
        PermissionCheckError, PermissionChecker, RequestHead, Require, RequireFuture, RequireLayer,
        RequireServiceAccountLayer, Requirement, RolePermissions,
    },
    error::RejectionReason,
    identity::IdInfo,
    jwks::{JwksHealth, JwksState},
    jwt::algorithm::{Algorithm, UnknownAlgorithm},
    response::{body::ResponseBody, rejection::Rejection, unmet_requirement::UnmetRequirement},
    token_deadline::{DeadlineBody, TokenDeadline, TokenDeadlineFuture, TokenDeadlineLayer},
    verify::{ReadyError, TokenVerifier, TokenVerifierBuilder, VerifyError},
};
