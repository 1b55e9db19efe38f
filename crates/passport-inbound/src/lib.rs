#![cfg_attr(docsrs, feature(doc_cfg))]
//! Tower middleware that verifies Passport access tokens, exposes the caller as [`IdInfo`], and
//! authorizes requests. The middleware works with axum, with tonic, and with any other Tower
//! service on `http` 1.x.
//!
//! ```toml
//! [dependencies]
//! passport-inbound = { version = "0.1", features = ["axum"] }
//! ```
//!
//! | Feature | Default | Adds |
//! |---|---|---|
//! | `axum` | off | extractors: `IdInfo`, `Option<IdInfo>`, `ServiceAccount`, `User` and more |
//! | `tonic` | off | `request.id_info()` (`IdInfoExt`); layers around one service of a server |
//!
//! # Example
//!
//! ```no_run
//! # #[cfg(feature = "axum")] mod example {
//! use axum::{Router, routing::get};
//! use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer, TokenVerifier};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let verifier = TokenVerifier::builder("bizfirstgo-api") // the audience of the tokens
//!         .issuer("https://passport.bizfirst.ai") // the default
//!         .build()?;
//!     let api = Router::new()
//!         .route("/whoami", get(async |caller: IdInfo| caller.display_name().to_owned()))
//!         // Only service accounts may call this route; users get 403.
//!         .route("/sync", get(async || "synced").layer(RequireServiceAccountLayer::new()))
//!         // All routes need a token. In axum, the layer that is added last runs first.
//!         .layer(AuthenticateLayer::new(verifier));
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     Ok(axum::serve(listener, api).await?)
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! Building a verifier does no I/O. The first verification of a token, or a call of
//! [`ready`](TokenVerifier::ready), fetches the issuer's signing keys.
//!
//! # Concepts
//!
//! - A [`TokenVerifier`] verifies tokens with the issuer's signing keys (JWKS) and a fixed list
//!   of [rules](#verification-rules). A verifier also works without HTTP, for example in a queue
//!   consumer.
//! - A [`TrustedIssuer`] is an issuer that a verifier trusts. By default it is
//!   Passport. [`TokenVerifierBuilder::trust`] adds others, such as the identity provider of a
//!   customer.
//! - An [`AuthenticateLayer`] verifies the token of each request and adds the caller to the
//!   request's extensions. A request without a valid token is rejected with 401.
//! - [`IdInfo`] is the verified caller: a user or a service account, with tenant, roles and
//!   claims.
//! - A [`Requirement`] is a condition that the caller must meet. A [`RequireLayer`] applies a
//!   requirement to a route. A caller that does not meet the requirement is rejected with 403.
//! - A [`Rejection`] is the reason why a request was rejected. The `Rejection` is in the
//!   extensions of the response.
//!
//! # Authorization
//!
//! A requirement can concern roles, permissions, scopes, tenants or multi-factor authentication.
//! It can also be a closure or a remote check ([`PermissionChecker`]). Combine requirements with
//! `and`, `or` and `!`.
//!
//! Apply a requirement with a [`RequireLayer`], with an extractor (`ServiceAccount`, `User`,
//! `Authorized`), or with [`AuthenticateLayer::require`]. With [`AuthenticateLayer::require`],
//! the order of the layers cannot be wrong:
//!
//! ```
//! # fn example(verifier: passport_inbound::TokenVerifier) {
//! use passport_inbound::{AuthenticateLayer, Requirement};
//!
//! let admins = Requirement::role("payroll.admin").and(Requirement::multi_factor());
//! let requirement = admins.or(Requirement::service_account());
//! let layer = AuthenticateLayer::new(verifier).require(requirement);
//! # let _ = layer; }
//! ```
//!
//! A [`RequireLayer`] that is not inside an [`AuthenticateLayer`] rejects every request with 500
//! and logs an error.
//!
//! # Several issuers
//!
//! A verifier can trust several Passports and other identity providers, such as Entra ID, Okta,
//! Auth0, Keycloak, Cognito and Google. Each [`TrustedIssuer`] has its own keys, algorithms and
//! audiences. For an external issuer, a [`ClaimMap`] says which claims describe the caller, and
//! a [`TenantRule`] gives the tenant. An issuer that takes the tenant from a claim speaks only
//! for the tenants that list it ([`allowed_issuers`](TokenVerifierBuilder::allowed_issuers)).
//! [`Requirement::passport`] and [`IdInfo::is_external`] tell the callers of Passport from
//! others. [`TokenVerifier::replace`] changes the issuers without a restart.
//!
//! ```
//! use passport_inbound::{TenantRule, TokenVerifier, TrustedIssuer};
//!
//! # fn main() -> Result<(), passport_inbound::ConfigError> {
//! let keycloak = TrustedIssuer::keycloak("https://login.example/realms/x")
//!     .audience("orders-api")
//!     .map_claims(|map| map.role("order-clerks", "orders.clerk"))
//!     .tenant(TenantRule::fixed("contoso"));
//! let verifier = TokenVerifier::builder("bizfirstgo-api").trust(keycloak).build()?;
//! # let _ = verifier; Ok(()) }
//! ```
//!
//! # More functions
//!
//! - Tokens in a cookie, or in the query of a WebSocket:
//!   [`token_from_cookie`](AuthenticateLayer::token_from_cookie),
//!   [`token_from_query`](AuthenticateLayer::token_from_query)
//! - Removal of the token before the handler is called:
//!   [`strip_token`](AuthenticateLayer::strip_token)
//! - CORS preflights: [`allow_preflight`](AuthenticateLayer::allow_preflight)
//! - Public paths, which need no token: [`public_paths`](AuthenticateLayer::public_paths),
//!   [`public_grpc_services`](AuthenticateLayer::public_grpc_services)
//! - Introspection: [`Introspection`] asks the issuer whether a token is still active, for
//!   all its tokens or for single routes ([`Requirement::introspected_within`])
//! - Streams that end when the token expires or is revoked: [`TokenDeadlineLayer`],
//!   [`IdInfo::expired`]
//! - Tokens that an issuer revokes before they expire: [`DenyList`], filled by a
//!   [`SecurityEventReceiver`] (back-channel logout, security events) or a
//!   [`SecurityEventPoller`]
//! - Audit events of calls and rejections: [`AuditLayer`], [`AuditSink`]
//! - Calls to other services on behalf of the caller:
//!   [`forward_token`](AuthenticateLayer::forward_token), [`CallerToken`]
//! - Rejections only in HTTP, or only in gRPC:
//!   [`http_rejections`](AuthenticateLayer::http_rejections),
//!   [`grpc_rejections`](AuthenticateLayer::grpc_rejections)
//! - The caller on the request's span: [`record_caller`](AuthenticateLayer::record_caller)
//! - Custom responses: [`with_rejection_response`](AuthenticateLayer::with_rejection_response),
//!   [`without_error_details`](AuthenticateLayer::without_error_details)
//!
//! # Verification rules
//!
//! 1. The request has exactly one `Authorization` header, and its scheme is Bearer. If the layer
//!    is configured for cookies or queries, the token can be in the cookie or in the query
//!    instead. The token is a JWS in compact form of at most 8 KiB
//!    ([`max_token_size`](TokenVerifierBuilder::max_token_size)).
//! 2. `alg` is `RS256`, or one of the configured
//!    [`algorithms`](TokenVerifierBuilder::algorithms). `typ` is absent, `JWT` or `at+jwt`. A
//!    token with `crit` is rejected. If the header of the token has keys or links to keys, they
//!    are ignored.
//! 3. The signature is verified with the key that the issuer of the token publishes with the
//!    token's `kid`. A token with an unknown `kid` is never verified with another key, and never
//!    with a key of another issuer. If the token has no `kid`, at most four keys are tried.
//! 4. `iss` equals a trusted issuer byte for byte. `aud` has one of the audiences of that
//!    issuer. `exp`, `nbf` and `iat` are checked with a clock skew of 60 s. In a token of
//!    Passport, `sub` and `tenant_id` are present. For other issuers, the claim map finds a
//!    subject, and the tenant rule gives a tenant. The issuer may speak for the tenant. If a
//!    claim has a wrong JSON type, or a member is duplicate, the token is rejected: such a claim
//!    is not treated as absent.
//! 5. ID tokens and logout tokens are rejected: tokens with `nonce`, `at_hash`, `c_hash` or
//!    `events`, or with another `typ`. Sender-constrained tokens, which have `cnf`, are rejected
//!    as well. A caller of Passport is a service account only if `is_service_account` is the
//!    boolean `true`. A caller of another issuer is one only if it meets the condition of the
//!    claim map.
//!
//! # Token cache and key refresh
//!
//! A verified token is cached until the token expires or its signing key is withdrawn
//! ([`cache_tokens`](TokenVerifierBuilder::cache_tokens)).
//!
//! A background task refreshes the signing keys of all issuers before they become stale. During
//! an outage of an issuer, its cached keys are used for up to 24 h
//! ([`jwks_max_stale`](TokenVerifierBuilder::jwks_max_stale)). With a
//! [`jwks_cache_file`](TokenVerifierBuilder::jwks_cache_file), the keys are also used after a
//! restart. [`health`](TokenVerifier::health) returns the state of the keys.
//!
//! # Responses
//!
//! | Rejected because of | HTTP | gRPC |
//! |---|---|---|
//! | no token, or an invalid one | 401, challenge, one of seven reasons | `UNAUTHENTICATED` |
//! | an unmet requirement | 403 with the requirement | `PERMISSION_DENIED` |
//! | unavailable signing keys | 503 with `Retry-After` | `UNAVAILABLE` |
//! | an issuer that cannot be asked about a token | 503 with `Retry-After` | `UNAVAILABLE` |
//! | too many signature verifications | 503 with `Retry-After` | `UNAVAILABLE` |
//! | a failed permission check | 503 with `Retry-After` | `UNAVAILABLE` |
//! | a missing `AuthenticateLayer` | 500 | `INTERNAL` |
//!
//! The challenge is the header `WWW-Authenticate`, as defined by [RFC 6750, section
//! 3](https://www.rfc-editor.org/rfc/rfc6750#section-3).
//!
//! # Tests
//!
//! `passport-dev` adds tokens of test identities to requests, without an issuer and without a
//! network. The verifier runs the same code as in production:
//!
//! ```
//! # #[cfg(feature = "axum")] {
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use axum::{Router, body::Body, routing::get};
//! # use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
//! # fn app(verifier: TokenVerifier) -> Router {
//! #     let whoami = get(|caller: IdInfo| async move { caller.user_id().to_owned() });
//! #     Router::new().route("/whoami", whoami).layer(AuthenticateLayer::new(verifier))
//! # }
//! use passport_dev::TestIdentity;
//! use tower::ServiceExt;
//!
//! let verifier = TokenVerifier::builder(TestIdentity::AUDIENCE)
//!     .static_jwks(TestIdentity::jwks())
//!     .build()?;
//! let request = http::Request::get("/whoami").body(Body::empty())?;
//! let request = TestIdentity::service("payroll").role("payroll.run").attach_token(request);
//! assert_eq!(app(verifier).oneshot(request).await?.status(), 200);
//! # Ok(()) } main().unwrap(); }
//! ```
//!
//! # Guide
//!
//! These documents are in the repository: `docs/getting-started.md` (tutorial),
//! `docs/inbound.md` (all settings, with their defaults and limits), `docs/issuers.md` (several
//! issuers, and a page for each identity provider), `docs/streams.md`, `docs/propagation.md`
//! (calls on behalf of the caller), `docs/testing.md`, `docs/telemetry.md` (metrics, logs,
//! audit) and `docs/errors.md` (a remedy for each reason of a rejection).

pub mod audit;
pub mod authenticate;
pub mod authorize;
mod constant_time;
mod deny_list;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
#[cfg(any(feature = "axum", feature = "tonic"))]
mod integrations;
mod introspection;
mod issuers;
mod jwks;
mod jwt;
mod metrics;
mod request_path;
mod response;
mod security_events;
#[cfg(test)]
mod test_support;
pub mod token_deadline;
mod untrusted_text;
mod verify;

pub use passport_core::{
    AccessToken, CaCertificates, CallerToken, ClientAuthentication, Clock, ConfigError, ConfigProblem,
    HttpClient, InvalidCaFile, ManualClock, PrivateKeyJwt, ReqwestHttpClient, ResponseLimits, SecretSource,
    SigningAlgorithm, SystemClock, Transport, TransportError, TransportErrorKind,
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
    deny_list::{
        Denial, DenialRecord, DeniedSubject, DenyList, DenyListBuilder, DenyListError, DenyListHealth,
        DenyListStore, DenyListStoreError, FullPolicy, InvalidDenialRecord,
    },
    error::RejectionReason,
    identity::IdInfo,
    issuers::{
        AudienceClaim, ClaimCondition, ClaimMap, Introspection, IntrospectionMode, IssuerName, TenantRule,
        TrustedIssuer,
    },
    jwks::{JwksHealth, JwksState},
    jwt::{
        algorithm::{Algorithm, UnknownAlgorithm},
        claim_path::ClaimPath,
    },
    response::{
        body::ResponseBody, rejection::Rejection, rejection_body::RejectionBody,
        unmet_requirement::UnmetRequirement,
    },
    security_events::{SecurityEventFuture, SecurityEventPoller, SecurityEventReceiver},
    token_deadline::{DeadlineBody, TokenDeadline, TokenDeadlineFuture, TokenDeadlineLayer},
    verify::{
        IssuerChanges, IssuerHealth, ReadyError, ReadyPolicy, TokenVerifier, TokenVerifierBuilder,
        VerifierHealth, VerifyError,
    },
};
