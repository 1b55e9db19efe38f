//! The layer that authenticates requests, and its settings.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Response};
use tower_layer::Layer;

use super::{Authenticate, config::Config, credential_rules::CredentialRules};
use crate::{
    ConfigError, IntrospectionMode, Rejection, Requirement, TokenVerifier, response::protocol::ForcedProtocol,
};

/// A layer that verifies the token of each request. It rejects requests without a valid token.
/// To a request with a valid token, it adds the caller: an [`IdInfo`](crate::IdInfo) in the
/// request's extensions. The documentation of the [module](crate::authenticate) lists the steps
/// and has an example.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AuthenticateLayer {
    /// Shared by the services of the layer, because axum clones a service for each request.
    pub(super) config: Arc<Config>,
}

impl AuthenticateLayer {
    /// Creates a layer that verifies tokens with `verifier`.
    ///
    /// # Panics
    /// The response future panics if it has to wait on a tokio runtime without an enabled timer,
    /// as [`TokenVerifier::verify`] does.
    pub fn new(verifier: TokenVerifier) -> Self {
        Self { config: Arc::new(Config::new(verifier)) }
    }

    /// Omits the reason of a rejection from responses. By default, a 401 for an invalid token has
    /// one of the seven reasons of Passport's own SDK, and a 403 has the unmet requirement. Metrics
    /// and log events contain the reason even if responses do not.
    ///
    /// The setting also applies to layers and extractors inside this layer.
    pub fn without_error_details(mut self) -> Self {
        self.config().rejections.hides_details = true;
        self
    }

    /// Stores the verified token in the request's extensions as a
    /// [`CallerToken`](crate::CallerToken), for calls to other services on behalf of the caller.
    /// Off by default, so that no handler gets the token by accident.
    ///
    /// `CallerIdentity` of `passport-outbound` reads the `CallerToken`. `docs/propagation.md`
    /// describes when to forward the caller's token, and when not to.
    pub fn forward_token(mut self) -> Self {
        self.config().forwards_token = true;
        self
    }

    /// Records the caller on the current span, in three fields:
    ///
    /// - `enduser.id`
    ///   ([OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/registry/attributes/enduser/)):
    ///   the user id, or the client id of a managed identity;
    /// - `passport.tenant_id`: the caller's tenant;
    /// - `passport.issuer`: the name of the issuer.
    ///
    /// The span must declare these fields as `tracing::field::Empty`; `docs/inbound.md` shows how
    /// to do this with tower-http's `TraceLayer`. Off by default, because traces can have other
    /// readers than the service's own logs.
    pub fn record_caller(mut self) -> Self {
        self.config().records_caller = true;
        self
    }

    /// Forwards requests without a token as anonymous. For an anonymous request, the extractor
    /// `Option<IdInfo>` returns `None`, and a `RequireLayer` or the extractor `IdInfo` rejects the
    /// request with 401. A request with an invalid token is still rejected.
    pub fn optional(mut self) -> Self {
        self.config().is_optional = true;
        self
    }

    /// Reads the token from the cookie `name` if the `Authorization` header has no Bearer token.
    /// Off by default.
    ///
    /// Browsers also send cookies with requests that other sites cause. Protect requests that
    /// change state against CSRF: with `SameSite`, or a CSRF layer.
    pub fn token_from_cookie(mut self, name: impl Into<String>) -> Self {
        self.credential_rules().cookie = Some(name.into());
        self
    }

    /// Reads the token from the query parameter `access_token` ([RFC 6750, section
    /// 2.3](https://www.rfc-editor.org/rfc/rfc6750#section-2.3)). Off by default. The parameter is
    /// read only from WebSocket handshakes and requests for server-sent events, because scripts in
    /// browsers cannot set headers on these requests.
    ///
    /// The layer removes the parameter from the URI of every request, and from axum's `OriginalUri`
    /// (feature `axum`), before the layer calls the inner service. The layer can be anywhere in a
    /// router. Layers outside this layer still see the token, so put a `TraceLayer` inside this
    /// layer. Proxies can log the token with the URI.
    pub fn token_from_query(mut self) -> Self {
        self.credential_rules().query = true;
        self
    }

    /// Forwards requests for these paths without authentication. All other paths need a token.
    /// Repeated calls add paths.
    ///
    /// A token in a request for a public path is ignored. The request is anonymous, as a request
    /// without a token behind an [`optional`](Self::optional) layer. The requirement of this layer
    /// ([`require`](Self::require)) does not apply to the request.
    ///
    /// Paths have axum's syntax for routes (`/health`, `/status/{id}`, `/assets/{*file}`):
    ///
    /// - Paths are matched exactly, including case and a trailing slash.
    /// - In axum, the prefix of a `nest` is part of the path.
    /// - A parameter matches any segment: `/status/{id}` also makes a route `/status/secret`
    ///   public.
    /// - An ambiguous path (dot segments, empty segments, encoded separators) is never public.
    ///
    /// Put a middleware that rewrites paths outside this layer, so that this layer checks the
    /// rewritten path. Below a `nest`, no rewritten path is public. A middleware inside this layer
    /// could rewrite a public path to any other path. The other path would then need no token.
    ///
    /// ```
    /// # use passport_inbound::{AuthenticateLayer, ConfigError, TokenVerifier};
    /// # fn example(verifier: TokenVerifier) -> Result<AuthenticateLayer, ConfigError> {
    /// AuthenticateLayer::new(verifier)
    ///     .public_paths(["/health", "/metrics"])?
    ///     .public_grpc_services(["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"])
    /// # }
    /// ```
    ///
    /// # Errors
    /// If a path is not a valid route, or overlaps another public path.
    pub fn public_paths<P: AsRef<str>>(
        mut self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        let public = self.credential_rules().public.get_or_insert_default();
        paths.into_iter().try_for_each(|path| public.add(path.as_ref()))?;
        Ok(self)
    }

    /// Forwards calls of these gRPC services without authentication, as
    /// [`public_paths`](Self::public_paths) does for paths. A service is given by its full name,
    /// such as `grpc.health.v1.Health`.
    ///
    /// # Errors
    /// If a name is not a full service name, or is listed twice.
    pub fn public_grpc_services<S: AsRef<str>>(
        mut self,
        services: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let public = self.credential_rules().public.get_or_insert_default();
        services.into_iter().try_for_each(|service| public.add_grpc_service(service.as_ref()))?;
        Ok(self)
    }

    /// Forwards CORS preflights, which have no credentials, to a CORS layer inside this layer. Off
    /// by default. If possible, put the CORS layer outside this layer instead: then this setting is
    /// not needed.
    ///
    /// **Warning:** any client can send such a request (`OPTIONS`, with `Origin` and
    /// `Access-Control-Request-Method`). Everything inside this layer receives the request without
    /// authentication and without the check of the [requirement](Self::require): for example a
    /// proxy, a fallback, or a layer that lets a header override the method.
    pub fn allow_preflight(mut self) -> Self {
        self.credential_rules().preflight = true;
        self
    }

    /// Removes a verified token from the request before the inner service is called. This removes
    /// the `Authorization` header, and the cookie of
    /// [`token_from_cookie`](Self::token_from_cookie). By default, both are kept.
    pub fn strip_token(mut self) -> Self {
        self.credential_rules().strips_token = true;
        self
    }

    /// Removes the header `name` from each request. Use it for a header such as `X-User-Id`, which
    /// a client could set to impersonate a caller. Repeated calls add headers. To compare a tenant
    /// header with the token instead, use [`Requirement::tenant_in_header`].
    pub fn strip_header(mut self, name: HeaderName) -> Self {
        self.credential_rules().stripped_headers.push(name);
        self
    }

    /// Returns the settings of this layer alone: if services share them, the layer gets a copy.
    fn config(&mut self) -> &mut Config {
        Arc::make_mut(&mut self.config)
    }

    /// Returns the requirement of the layer.
    #[cfg(test)]
    pub(crate) fn requirement(&self) -> Option<&Requirement> {
        self.config.requirement.as_ref()
    }

    fn credential_rules(&mut self) -> &mut CredentialRules {
        self.config().credential_rules.get_or_insert_default()
    }

    /// Rejects callers that do not meet `requirement`, as a [`RequireLayer`](crate::RequireLayer)
    /// inside this layer does. Repeated calls add requirements: a caller must meet all of them.
    pub fn require(mut self, requirement: Requirement) -> Self {
        let own = &mut self.config().requirement;
        *own = Some(match own.take() {
            Some(before) => before.and(requirement),
            None => requirement,
        });
        self
    }

    /// Requires that the issuer has confirmed the token of each request, as
    /// [`Requirement::introspected_within`] does. The issuer needs
    /// [`introspection`](crate::TrustedIssuer::introspection) settings. Its own mode applies as
    /// well: the stricter of both decides. Defaults to [`IntrospectionMode::Local`], which adds
    /// nothing.
    ///
    /// Only the maximum age of `mode` counts: the settings of the issuer decide whether its tokens
    /// can be opaque. As any requirement, it rejects anonymous requests behind an
    /// [`optional`](Self::optional) layer, and does not apply to public paths and preflights.
    ///
    /// # Errors
    /// If the maximum age of `mode` is out of range.
    pub fn introspect(self, mode: IntrospectionMode) -> Result<Self, ConfigError> {
        Ok(match mode {
            IntrospectionMode::Local => self,
            IntrospectionMode::LocalThenIntrospect { max_age } | IntrospectionMode::Opaque { max_age } => {
                self.require(Requirement::introspected_within(max_age)?)
            }
            IntrospectionMode::Introspect => self.require(Requirement::introspected()),
        })
    }

    /// Renders every rejection as an HTTP response, with a status such as 401, whatever the content
    /// type of the request. By default, a rejected `POST` of `application/grpc` or
    /// `application/grpc-web` gets a gRPC or grpc-web response, which has the HTTP status 200.
    ///
    /// Use this setting for services that serve only HTTP, above all for a service to which a proxy
    /// delegates authentication: the proxy would treat the status 200 as success. The setting also
    /// applies to layers and extractors inside this layer.
    pub fn http_rejections(mut self) -> Self {
        self.config().rejections.forced = Some(ForcedProtocol::Http);
        self
    }

    /// Renders every rejection as a gRPC response, with a status such as `UNAUTHENTICATED`,
    /// whatever the method and the content type of the request. A grpc-web request gets a grpc-web
    /// response. By default, a request gets an HTTP response, unless it is a `POST` with a content
    /// type of gRPC or grpc-web.
    ///
    /// Use this setting for services that serve only gRPC. The setting also applies to layers and
    /// extractors inside this layer.
    pub fn grpc_rejections(mut self) -> Self {
        self.config().rejections.forced = Some(ForcedProtocol::Grpc);
        self
    }

    /// Sets a function that changes or replaces the HTTP response to a rejected request. The
    /// arguments of the function are the reason and the default response. The function is not
    /// called for gRPC and grpc-web responses.
    ///
    /// - The function cannot turn a rejection into a success: if it returns a status 1xx or 2xx,
    ///   this status is replaced by the status of the rejection.
    /// - If the status is that of the rejection in the end, and the challenge or `Retry-After` is
    ///   missing, the header is added again.
    /// - The function is also called for extractors inside this layer, and for a `RequireLayer`
    ///   that has no function of its own.
    ///
    /// ```
    /// # use passport_inbound::{AuthenticateLayer, TokenVerifier};
    /// # let verifier = TokenVerifier::builder("bizfirstgo-api").build().unwrap();
    /// let layer = AuthenticateLayer::new(verifier).with_rejection_response(|rejection, response| {
    ///     let status = rejection.status();
    ///     let problem = format!(r#"{{"title":"{status}","status":{}}}"#, status.as_u16());
    ///     response.map(|_| problem.into())
    /// });
    /// ```
    pub fn with_rejection_response(
        mut self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.config().rejections.custom = Some(Arc::new(respond));
        self
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate { inner, layer: self.clone() }
    }
}
