//! Extractors for axum: the caller as a handler argument.

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

/// Extracts the caller. Rejects a request without a caller with one of these statuses:
///
/// - 401 if an [`AuthenticateLayer`](crate::AuthenticateLayer) has forwarded the request as
///   anonymous, for example because the layer is
///   [`optional`](crate::AuthenticateLayer::optional) or the path is public;
/// - 500 on a route without an `AuthenticateLayer`. The service has to add the layer, so the
///   rejection is logged as an error.
impl<S: Sync> FromRequestParts<S> for IdInfo {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        required(parts).cloned()
    }
}

/// Extracts the caller. The result is `None` for an anonymous request, and on a route without an
/// [`AuthenticateLayer`](crate::AuthenticateLayer).
impl<S: Sync> OptionalFromRequestParts<S> for IdInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}

/// An extractor for callers that are service accounts. Users are rejected with 403, as by
/// [`RequireServiceAccountLayer`](crate::RequireServiceAccountLayer).
///
/// ```
/// use passport_inbound::ServiceAccount;
///
/// async fn handler(ServiceAccount(caller): ServiceAccount) -> String {
///     caller.display_name().to_owned()
/// }
/// # let _ = handler;
/// ```
#[derive(Clone, Debug)]
pub struct ServiceAccount(pub IdInfo);

/// An extractor for callers that are users. Managed identities are rejected with 403.
#[derive(Clone, Debug)]
pub struct User(pub IdInfo);

/// An extractor for the caller and the token's claims, deserialized into `T`. If the claims
/// cannot be deserialized into `T`, the request is rejected with 403.
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
    /// The claims of the token, deserialized into `T`.
    pub claims: T,
}

/// A named requirement for the extractor [`Authorized`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `Policy`",
    label = "the extractor `Authorized` needs a `Policy`",
    note = "implement `passport_inbound::Policy` for `{Self}` and return the `Requirement` from it"
)]
pub trait Policy {
    /// Returns the requirement. The extractor calls this function for each request. If a
    /// requirement is expensive to build, keep it in a `LazyLock` and return a clone.
    fn requirement() -> Requirement;
}

/// An extractor for callers that meet the requirement of `P`. Other callers are rejected with
/// 403.
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
// The bound makes rustc report a missing `Policy` at the argument of the handler.
pub struct Authorized<P: Policy> {
    caller: IdInfo,
    requirement: PhantomData<fn() -> P>,
}

impl<P: Policy> Authorized<P> {
    /// Returns the caller.
    #[must_use]
    pub fn caller(&self) -> &IdInfo {
        &self.caller
    }

    /// Returns the caller and consumes the extractor.
    #[must_use]
    pub fn into_caller(self) -> IdInfo {
        self.caller
    }
}

impl<P: Policy> fmt::Debug for Authorized<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorized").field(&self.caller).finish()
    }
}

/// The rejection of a request by an extractor or a handler. The response is rendered with the
/// settings of the [`AuthenticateLayer`](crate::AuthenticateLayer) around the route.
///
/// Handlers can return this type as an error. [`Rejection`] itself does not implement
/// [`IntoResponse`], because a `Rejection` does not contain the settings of the layer.
///
/// ```
/// use http::request::Parts;
/// use passport_inbound::{CallerRejection, IdInfo, Rejection, Requirement};
///
/// async fn handler(caller: IdInfo, parts: Parts) -> Result<String, CallerRejection> {
///     if caller.tenant_id() == "acme" {
///         return Ok("hello".to_owned());
///     }
///     let unmet = Requirement::tenant("acme").into();
///     Err(CallerRejection::new(Rejection::Forbidden(unmet), &parts))
/// }
/// # let _ = handler;
/// ```
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rejection}")]
pub struct CallerRejection {
    rejection: Rejection,
    protocol: Protocol,
    config: RejectionConfig,
}

impl CallerRejection {
    /// Creates a rejection, for custom handlers and extractors. `parts` are the parts of the
    /// rejected request. A handler can take [`Parts`] as an argument, because it is an axum
    /// extractor.
    #[must_use]
    pub fn new(rejection: Rejection, parts: &Parts) -> Self {
        let config = RejectionConfig::default().within(&parts.extensions);
        let protocol = Protocol::of(&parts.method, &parts.headers, config.forced);
        Self { rejection, protocol, config }
    }

    /// Returns the reason of the rejection.
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

/// Renders the response with the settings of the `AuthenticateLayer` around the route, such as
/// [`without_error_details`](crate::AuthenticateLayer::without_error_details) and
/// [`with_rejection_response`](crate::AuthenticateLayer::with_rejection_response).
impl IntoResponse for CallerRejection {
    fn into_response(self) -> Response {
        rejection_response(self.rejection, self.protocol, &self.config).map(Body::from)
    }
}

/// Returns the caller, or the rejection of a request without a caller.
fn required(parts: &Parts) -> Result<&IdInfo, CallerRejection> {
    required_identity(&parts.extensions).map_err(|rejection| CallerRejection::new(rejection, parts))
}

/// Returns the caller. Returns a rejection if there is no caller, the caller does not meet
/// `requirement`, or a permission check fails.
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
        let requirement = || Requirement::from_fn("claims that this route reads", |_, _| false);
        let claims = caller
            .claims()
            .map_err(|_| CallerRejection::new(Rejection::Forbidden(requirement().unmet()), parts))?;
        Ok(Self { caller, claims })
    }
}
