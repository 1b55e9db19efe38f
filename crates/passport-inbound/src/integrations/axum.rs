//! Who calls, as an argument of an axum handler.

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
        protocol::Protocol, rejection::required_identity, rejection_config::RejectionConfig, render::refusal,
    },
};

/// Takes who calls from the request.
///
/// Without an [`AuthenticateLayer`](crate::AuthenticateLayer) on the route the answer is 500 and an error event: an
/// unprotected route must not look like a caller's mistake.
impl<S: Sync> FromRequestParts<S> for IdInfo {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        required(parts).cloned()
    }
}

/// Takes who calls from the request, if anybody is known: `None` on a route without an
/// [`AuthenticateLayer`](crate::AuthenticateLayer).
impl<S: Sync> OptionalFromRequestParts<S> for IdInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}

/// A managed identity that calls: 403 for everybody else. Passport's `[RequireServiceAccount]`, as an argument.
#[derive(Clone, Debug)]
pub struct ServiceAccount(pub IdInfo);

/// A user who calls: 403 for managed identities.
#[derive(Clone, Debug)]
pub struct User(pub IdInfo);

/// Who calls, with all claims of the token as a type of your own. 403 for a token that lacks what the type has.
///
/// ```
/// use passport_inbound::Verified;
///
/// #[derive(serde::Deserialize)]
/// struct Payroll {
///     cost_center: String,
/// }
///
/// async fn handler(Verified { caller, claims }: Verified<Payroll>) -> String {
///     format!("{} of {}", caller.display_name(), claims.cost_center)
/// }
/// # let _ = handler;
/// ```
#[derive(Clone, Debug)]
pub struct Verified<T> {
    /// Who calls.
    pub caller: IdInfo,
    /// The claims.
    pub claims: T,
}

/// A demand that a handler makes by an argument: [`Guarded`].
pub trait Guard {
    /// What it demands. Called for each request; keep one that is large in a `LazyLock`, and clone it.
    fn requirement() -> Requirement;
}

/// Who calls, if it satisfies the demand of `G`; 403 otherwise.
///
/// ```
/// use passport_inbound::{Guard, Guarded, Requirement};
///
/// struct Clerks;
///
/// impl Guard for Clerks {
///     fn requirement() -> Requirement {
///         Requirement::role("payroll.clerk").and(Requirement::user())
///     }
/// }
///
/// async fn handler(clerk: Guarded<Clerks>) -> String {
///     clerk.caller().display_name().to_owned()
/// }
/// # let _ = handler;
/// ```
pub struct Guarded<G> {
    caller: IdInfo,
    demand: PhantomData<fn() -> G>,
}

impl<G> Guarded<G> {
    /// Who calls.
    #[must_use]
    pub fn caller(&self) -> &IdInfo {
        &self.caller
    }

    /// Who calls.
    #[must_use]
    pub fn into_caller(self) -> IdInfo {
        self.caller
    }
}

impl<G> fmt::Debug for Guarded<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guarded").field(&self.caller).finish()
    }
}

/// Why an argument of a handler refused the request, and how the layers around it answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{rejection}")]
pub struct CallerRejection {
    rejection: Rejection,
    protocol: Protocol,
    config: RejectionConfig,
}

impl CallerRejection {
    /// Creates the refusal of the request that `parts` are of, for handlers and extractors of your
    /// own. [`Parts`] are an argument of a handler, too.
    #[must_use]
    pub fn new(rejection: Rejection, parts: &Parts) -> Self {
        let config = RejectionConfig::default().within(&parts.extensions);
        let protocol = config.protocol(&parts.method, &parts.headers);
        Self { rejection, protocol, config }
    }

    /// Returns the reason.
    #[must_use]
    pub fn rejection(&self) -> &Rejection {
        &self.rejection
    }
}

/// The response in the form in which the layer that authenticates refuses this request, by its
/// [`opaque`](crate::AuthenticateLayer::opaque) and
/// [`respond_with`](crate::AuthenticateLayer::respond_with). [`Rejection`] by itself has no
/// response, as it knows of neither.
impl IntoResponse for CallerRejection {
    fn into_response(self) -> Response {
        refusal(self.rejection, self.protocol, &self.config).map(Body::from)
    }
}

fn required(parts: &Parts) -> Result<&IdInfo, CallerRejection> {
    required_identity(&parts.extensions).map_err(|rejection| CallerRejection::new(rejection, parts))
}

/// Who calls, if it satisfies `requirement`.
async fn satisfying(parts: &Parts, requirement: Requirement) -> Result<IdInfo, CallerRejection> {
    let refused = |rejection| CallerRejection::new(rejection, parts);
    match requirement.decide(RequestHead::of_parts(parts)) {
        Decision::Allow => {}
        Decision::Reject(rejection) => return Err(refused(rejection)),
        Decision::Ask(asking) => asking.await.map_err(refused)?,
    }
    required(parts).cloned()
}

impl<S: Sync> FromRequestParts<S> for ServiceAccount {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        static DEMAND: LazyLock<Requirement> = LazyLock::new(Requirement::service_account);
        satisfying(parts, DEMAND.clone()).await.map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        static DEMAND: LazyLock<Requirement> = LazyLock::new(Requirement::user);
        satisfying(parts, DEMAND.clone()).await.map(Self)
    }
}

impl<S: Sync, G: Guard> FromRequestParts<S> for Guarded<G> {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let caller = satisfying(parts, G::requirement()).await?;
        Ok(Self { caller, demand: PhantomData })
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Verified<T> {
    type Rejection = CallerRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let caller = required(parts)?.clone();
        let demand = || Requirement::check("the claims that this route reads", |_, _| false);
        let claims = caller
            .claims()
            .map_err(|_| CallerRejection::new(Rejection::Forbidden(demand().unmet()), parts))?;
        Ok(Self { caller, claims })
    }
}
