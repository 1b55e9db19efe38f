//! Extractors for axum: the caller as an argument of a handler.

use std::{convert::Infallible, fmt, marker::PhantomData, sync::LazyLock};

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{
    IdInfo, Rejection, RequestHead, Requirement,
    authorize::Decision,
    response::{
        protocol::Protocol, rejection::required_identity, rejection_config::RejectionConfig,
        render::rejection_response,
    },
};

/// Extracts the caller.
///
/// Without an [`AuthenticateLayer`](crate::AuthenticateLayer) on the route, the request is rejected
/// with 500 and an error event: an unprotected route must not look like a caller's mistake.
impl<S: Sync> FromRequestParts<S> for IdInfo {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        required(parts).cloned()
    }
}

/// Extracts the caller, if there is one: `None` on a route without an
/// [`AuthenticateLayer`](crate::AuthenticateLayer).
impl<S: Sync> OptionalFromRequestParts<S> for IdInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}

/// Extracts the caller if it is a managed identity, and rejects others with 403. Passport's
/// `[RequireServiceAccount]`, as an argument.
#[derive(Clone, Debug)]
pub struct ServiceAccount(pub IdInfo);

/// Extracts the caller if it is a user, and rejects managed identities with 403.
#[derive(Clone, Debug)]
pub struct User(pub IdInfo);

/// Extracts the caller, and all claims of the token as a type of your own. A token without these
/// claims is rejected with 403.
///
/// ```
/// use passport_inbound::Claims;
///
/// #[derive(serde::Deserialize)]
/// struct Payroll {
///     cost_center: String,
/// }
///
/// async fn handler(Claims { caller, claims }: Claims<Payroll>) -> String {
///     format!("{} of {}", caller.display_name(), claims.cost_center)
/// }
/// # let _ = handler;
/// ```
#[derive(Clone, Debug)]
pub struct Claims<T> {
    /// The caller.
    pub caller: IdInfo,
    /// The claims.
    pub claims: T,
}

/// A requirement of a handler, by its argument [`Authorized`].
pub trait Policy {
    /// Returns the requirement. Called for each request; keep a large one in a `LazyLock`, and
    /// clone it.
    fn requirement() -> Requirement;
}

/// Extracts the caller if it meets the requirement of `P`, and rejects others with 403.
///
/// ```
/// use passport_inbound::{Policy, Authorized, Requirement};
///
/// struct Clerks;
///
/// impl Policy for Clerks {
///     fn requirement() -> Requirement {
///         Requirement::role("payroll.clerk").and(Requirement::user())
///     }
/// }
///
/// async fn handler(clerk: Authorized<Clerks>) -> String {
///     clerk.caller().display_name().to_owned()
/// }
/// # let _ = handler;
/// ```
pub struct Authorized<P> {
    caller: IdInfo,
    requirement: PhantomData<fn() -> P>,
}

impl<P> Authorized<P> {
    /// Returns the caller.
    #[must_use]
    pub fn caller(&self) -> &IdInfo {
        &self.caller
    }

    /// Returns the caller.
    #[must_use]
    pub fn into_caller(self) -> IdInfo {
        self.caller
    }
}

impl<P> fmt::Debug for Authorized<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.caller).finish()
    }
}

/// The rejection of a request by an argument of a handler, with the settings of the layers around
/// it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rejection}")]
pub struct CallerRejection {
    rejection: Rejection,
    protocol: Protocol,
    config: RejectionConfig,
}

impl CallerRejection {
    /// Creates a rejection of the request with these parts, for handlers and extractors of your
    /// own. [`Parts`] can be an argument of a handler.
    #[must_use]
    pub fn new(rejection: Rejection, parts: &Parts) -> Self {
        let config = RejectionConfig::default().within(&parts.extensions);
        let protocol = Protocol::of(&parts.method, &parts.headers, config.forced);
        Self { rejection, protocol, config }
    }

    /// Returns the reason.
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

/// Renders the response as the authenticating layer would, by its
/// [`without_error_details`](crate::AuthenticateLayer::without_error_details) and
/// [`with_rejection_response`](crate::AuthenticateLayer::with_rejection_response). [`Rejection`] by itself has no
/// response, as it knows of neither.
impl IntoResponse for CallerRejection {
    fn into_response(self) -> Response {
        rejection_response(self.rejection, self.protocol, &self.config).map(Body::from)
    }
}

fn required(parts: &Parts) -> Result<&IdInfo, CallerRejection> {
    required_identity(&parts.extensions).map_err(|rejection| CallerRejection::new(rejection, parts))
}

/// Returns the caller if it meets `requirement`.
async fn satisfying(parts: &Parts, requirement: Requirement) -> Result<IdInfo, CallerRejection> {
    let rejected = |rejection| CallerRejection::new(rejection, parts);
    match requirement.decide(RequestHead::of_parts(parts)) {
        Decision::Allow => {}
        Decision::Reject(rejection) => return Err(rejected(rejection)),
        Decision::Pending(checks) => checks.await.map_err(rejected)?,
    }
    required(parts).cloned()
}

impl<S: Sync> FromRequestParts<S> for ServiceAccount {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        static REQUIREMENT: LazyLock<Requirement> = LazyLock::new(Requirement::service_account);
        satisfying(parts, REQUIREMENT.clone()).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        static REQUIREMENT: LazyLock<Requirement> = LazyLock::new(Requirement::user);
        satisfying(parts, REQUIREMENT.clone()).await.map(Self)
    }
}

impl<S: Sync, P: Policy> FromRequestParts<S> for Authorized<P> {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let caller = satisfying(parts, P::requirement()).await?;
        Ok(Self { caller, requirement: PhantomData })
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Claims<T> {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let caller = required(parts)?.clone();
        let requirement = || Requirement::check("the claims that this route reads", |_, _| false);
        let claims = caller
            .claims()
            .map_err(|_| CallerRejection::new(Rejection::Forbidden(requirement().unmet()), parts))?;
        Ok(Self { caller, claims })
    }
}
