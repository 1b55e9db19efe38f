use std::task::{Context, Poll};

use http::{Request, Response, header::AUTHORIZATION, header::Entry};
use passport_core::{AccessToken, CallerToken};
use tower_service::Service;

use super::AuthenticateFuture;
use crate::{
    IdInfo, Rejection, ResponseBody, TokenVerifier,
    audit::AuditedCaller,
    authorize::Look,
    identity::Anonymous,
    response::{
        drain::Drain,
        future::{Gate, Pending, Terms},
        render::refuse,
    },
    verify::{Verdict, counters},
};

/// The service that [`AuthenticateLayer`](super::AuthenticateLayer) makes.
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    inner: S,
    verifier: TokenVerifier,
    is_optional: bool,
    terms: Terms,
}

/// What can be said of a request at once.
enum Decision {
    Pass(IdInfo),
    /// Nobody says who calls, and nobody has to.
    PassAnonymous,
    /// As above, and nothing is demanded of it.
    PassUnasked,
    Refuse(Rejection),
    Wait(Pending),
}

impl<S> Authenticate<S> {
    pub(super) fn new(inner: S, verifier: TokenVerifier, is_optional: bool, terms: Terms) -> Self {
        Self { inner, verifier, is_optional, terms }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    fn decide<B>(&self, request: &Request<B>) -> Decision {
        if self.terms.sources.as_ref().is_some_and(|sources| sources.lets_through(request)) {
            return Decision::PassUnasked;
        }
        let token = match self.terms.token(request) {
            Ok(Some(token)) => token,
            Ok(None) if self.is_optional => return Decision::PassAnonymous,
            Ok(None) => return Decision::Refuse(Rejection::CredentialsMissing),
            Err(reason) => {
                counters::rejected(reason);
                return Decision::Refuse(reason.into());
            }
        };
        match self.verifier.verify_now(token) {
            Verdict::Settled(Ok(caller)) => Decision::Pass(caller),
            Verdict::Settled(Err(error)) => Decision::Refuse(error.into()),
            Verdict::Waits(wait) => {
                let (verifier, token) = (self.verifier.clone(), token.to_owned());
                let verdict = async move { verifier.verify_after(wait, &token).await };
                Decision::Wait(Pending::Caller(Box::pin(verdict)))
            }
        }
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let look = match self.decide(&request) {
            Decision::Pass(caller) => {
                introduce(&mut request, caller, &self.terms);
                self.terms.look(&request)
            }
            Decision::PassAnonymous => {
                introduce_nobody(&mut request, &self.terms);
                self.terms.look(&request)
            }
            Decision::PassUnasked => {
                introduce_nobody(&mut request, &self.terms);
                Look::Pass
            }
            Decision::Refuse(rejection) => Look::Refuse(rejection),
            Decision::Wait(pending) => return self.wait(pending, request),
        };
        match look {
            Look::Pass => AuthenticateFuture { gate: Gate::passed(self.inner.call(request)) },
            Look::Refuse(rejection) => {
                let refusal = refuse(rejection, &request, &self.terms.responder);
                AuthenticateFuture { gate: Gate::refused(refusal, Drain::of(request)) }
            }
            Look::Ask(asking) => self.wait(Pending::Permission(asking), request),
        }
    }
}

impl<S: Clone> Authenticate<S> {
    fn wait<B>(&mut self, pending: Pending, request: Request<B>) -> AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        AuthenticateFuture { gate: Gate::waiting(pending, &mut self.inner, request, self.terms.clone()) }
    }
}

/// Tells the inner service, and the guards before it, that it was looked and nobody found.
fn introduce_nobody<B>(request: &mut Request<B>, terms: &Terms) {
    if let Some(sources) = &terms.sources {
        sources.tidy(request, false);
    }
    // On a public path there may be a token, which is not looked at.
    if let Entry::Occupied(mut tokens) = request.headers_mut().entry(AUTHORIZATION) {
        tokens.iter_mut().for_each(|token| token.set_sensitive(true));
    }
    terms.leave_settings(request);
    let extensions = request.extensions_mut();
    extensions.remove::<IdInfo>();
    extensions.remove::<CallerToken>();
    extensions.insert(Anonymous);
}

/// Tells the inner service who calls, and its logs not to show the token.
pub(crate) fn introduce<B>(request: &mut Request<B>, caller: IdInfo, terms: &Terms) {
    if terms.hands_on
        && let Some(token) = handed_on(request, &caller, terms)
    {
        request.extensions_mut().insert(token);
    } else if is_of_another(request, terms) {
        request.extensions_mut().remove::<CallerToken>();
    }
    if let Some(sources) = &terms.sources {
        sources.tidy(request, true);
    }
    if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
        authorization.set_sensitive(true);
    }
    terms.leave_settings(request);
    if terms.records_caller {
        record_on_span(&caller);
    }
    let extensions = request.extensions_mut();
    if let Some(audited) = extensions.get::<AuditedCaller>() {
        audited.set(&caller);
    }
    extensions.insert(caller);
}

/// Records the caller on the current span, by the names of
/// [OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/registry/attributes/enduser/). A
/// span keeps only the fields that it declares. OpenTelemetry has no name for a tenant.
fn record_on_span(caller: &IdInfo) {
    let span = tracing::Span::current();
    span.record("enduser.id", caller.user_id());
    span.record("passport.tenant_id", caller.tenant_id());
}

/// Whether a token was handed on that is not this caller's. (A layer outside of this one may have handed on the same.)
fn is_of_another<B>(request: &Request<B>, terms: &Terms) -> bool {
    let Some(left) = request.extensions().get::<CallerToken>() else { return false };
    !matches!(terms.token(request), Ok(Some(token)) if token == left.token().expose().as_bytes())
}

/// The token that was just verified, to be shown to others.
fn handed_on<B>(request: &Request<B>, caller: &IdInfo, terms: &Terms) -> Option<CallerToken> {
    let token = std::str::from_utf8(terms.token(request).ok()??).ok()?;
    AccessToken::new(token, caller.expires_at()).ok().map(CallerToken::new)
}

/// So that a single service of a tonic server can be authenticated: its name is that of the service inside.
#[cfg(feature = "tonic")]
impl<S: tonic::server::NamedService> tonic::server::NamedService for Authenticate<S> {
    const NAME: &'static str = S::NAME;
}
