use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, Response};
use tower_layer::Layer;

use super::{Authenticate, config::Config, credential_rules::CredentialRules};
use crate::{ConfigError, Rejection, Requirement, TokenVerifier, response::protocol::ForcedProtocol};

/// A layer that rejects requests without a valid token, and adds the caller to the others. See the
/// [module](crate::authenticate).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AuthenticateLayer {
    pub(super) verifier: TokenVerifier,
    pub(super) is_optional: bool,
    pub(super) config: Config,
}

impl AuthenticateLayer {
    /// Creates a layer that verifies tokens with `verifier`.
    ///
    /// # Panics
    /// The response future, as [`TokenVerifier::verify`]: if it has to wait on a tokio runtime
    /// whose timer is not enabled.
    pub fn new(verifier: TokenVerifier) -> Self {
        Self { verifier, is_optional: false, config: Config::default() }
    }

    /// Omits the reason of a rejection from responses. By default they have one of the seven names
    /// of Passport's own SDK. Metrics and log events have the reason either way. The setting also
    /// applies to layers and arguments of handlers inside of this layer.
    pub fn without_error_details(mut self) -> Self {
        self.config.rejections.hides_details = true;
        self
    }

    /// Puts the caller's token, once it is verified, into the request's extensions, as a
    /// [`CallerToken`](crate::CallerToken): for calls to other services in the caller's name. Off
    /// by default, so that no handler gets it by accident.
    ///
    /// `passport-outbound`'s `CallerIdentity` uses it; `docs/propagation.md` in the repository
    /// describes when to forward it, and when not to.
    pub fn forward_token(mut self) -> Self {
        self.config.forwards_token = true;
        self
    }

    /// Records the caller on the request's span, which is the current one: the field `enduser.id`,
    /// as
    /// [OpenTelemetry](https://opentelemetry.io/docs/specs/semconv/registry/attributes/enduser/)
    /// calls it, is the user, or the client id of a managed identity; `passport.tenant_id` is the
    /// tenant. The span has to declare them, as `tracing::field::Empty`. Off by default: traces
    /// may have other readers than the service.
    ///
    /// `docs/inbound.md` in the repository shows it with tower-http's `TraceLayer`.
    pub fn record_caller(mut self) -> Self {
        self.config.records_caller = true;
        self
    }

    /// Forwards requests without a token as anonymous: `Option<IdInfo>` is `None`, and
    /// `RequireLayer` and the `IdInfo` extractor reject with 401. A request with an invalid token
    /// is rejected all the same.
    pub fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Also reads the token from the cookie `name`, if the `Authorization` header has no Bearer
    /// token.
    ///
    /// Browsers send cookies by themselves, also for pages of other sites: protect requests that
    /// change something against forgery (`SameSite`, a CSRF layer).
    pub fn token_from_cookie(mut self, name: impl Into<String>) -> Self {
        self.credential_rules().cookie = Some(name.into());
        self
    }

    /// Also takes the token of a WebSocket's handshake, or of a request for a stream of events,
    /// from the parameter `access_token` of its query, as browsers set no headers there
    /// ([RFC 6750, section 2.3](https://www.rfc-editor.org/rfc/rfc6750#section-2.3)).
    ///
    /// The layer removes the parameter from the URI of every request, and from axum's `OriginalUri`
    /// (feature `axum`), before the inner service sees either; so it may be anywhere in a
    /// router. What is outside of the layer still sees the token: put a `TraceLayer` inside of it,
    /// and mind that proxies log URIs.
    pub fn token_from_query(mut self) -> Self {
        self.credential_rules().query = true;
        self
    }

    /// Lets requests for these paths through without a token; every other path needs one. More
    /// than once adds up. A token that comes with such a request is not read:
    /// `Option<IdInfo>` is `None`, and guards and the `IdInfo` extractor reject with 401. What this
    /// layer [`require`](Self::require)s is not asked for.
    ///
    /// A path is written as axum writes routes (`/health`, `/status/{id}`, `/assets/{*file}`) and
    /// matched exactly, case and trailing slash included; in axum, below a `nest`, the prefix is
    /// part of it. A parameter matches any segment: `/status/{id}` makes a route
    /// `/status/secret` public as well. A path that programs read differently (dot segments, empty
    /// segments, encoded separators) is never public.
    ///
    /// If a middleware outside of this layer rewrites paths, the rewritten path counts, by which
    /// the routes inside are chosen; below a `nest`, no rewritten path is public. A middleware
    /// inside of this layer may lead from a public path to any other: put it outside.
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
    /// When one of them is not such a path, or overlaps another.
    pub fn public_paths<P: AsRef<str>>(
        mut self,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        let public = self.credential_rules().public.get_or_insert_default();
        paths.into_iter().try_for_each(|path| public.add(path.as_ref()))?;
        Ok(self)
    }

    /// Lets calls of these gRPC services through without a token, as
    /// [`public_paths`](Self::public_paths) does: by the full name of a service, such as
    /// `grpc.health.v1.Health`.
    ///
    /// # Errors
    /// When one of them is not the name of a service, or is there twice.
    pub fn public_grpc_services<S: AsRef<str>>(
        mut self,
        services: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let public = self.credential_rules().public.get_or_insert_default();
        services.into_iter().try_for_each(|service| public.add_grpc_service(service.as_ref()))?;
        Ok(self)
    }

    /// Forwards a browser's preflight (CORS), which has no credentials, to a CORS layer inside of
    /// this one. Prefer a CORS layer outside of this one, which does not need this setting.
    ///
    /// **Mind** that anyone can send such a request (`OPTIONS`, with `Origin` and
    /// `Access-Control-Request-Method`), and that everything inside sees it without authentication
    /// and without what this layer [`require`](Self::require)s: a proxy, a fallback, a layer that
    /// lets a header override the method.
    pub fn allow_preflight(mut self) -> Self {
        self.credential_rules().preflight = true;
        self
    }

    /// Removes the token from the request once it is verified: the header, and the cookie of
    /// [`token_from_cookie`](Self::token_from_cookie).
    pub fn strip_token(mut self) -> Self {
        self.credential_rules().strips_token = true;
        self
    }

    /// Removes the header `name` from each request: one by which a proxy identifies the caller, and
    /// which anyone could send. To compare a tenant's header with the token instead, use
    /// [`Requirement::tenant_in_header`].
    pub fn strip_header(mut self, name: HeaderName) -> Self {
        self.credential_rules().strips.push(name);
        self
    }

    fn credential_rules(&mut self) -> &mut CredentialRules {
        Arc::make_mut(self.config.credential_rules.get_or_insert_default())
    }

    /// Rejects callers that do not meet `requirement`, as a [`RequireLayer`](crate::RequireLayer)
    /// inside of this layer does. A caller must meet the requirements of all calls.
    pub fn require(mut self, requirement: Requirement) -> Self {
        self.config.requirement = Some(match self.config.requirement {
            Some(before) => before.and(requirement),
            None => requirement,
        });
        self
    }

    /// Rejects in HTTP, whatever the caller's content type: for services that only speak HTTP,
    /// above all one that a proxy asks whether to let a request through, as a rejection in gRPC has
    /// the status 200. By default a `POST` of `application/grpc` or `application/grpc-web` is
    /// rejected in gRPC. The setting also holds for guards and arguments of handlers inside of this
    /// layer.
    pub fn http_only(mut self) -> Self {
        self.config.rejections.forced = Some(ForcedProtocol::Http);
        self
    }

    /// Rejects in gRPC, whatever the caller's content type and method; in grpc-web those that send
    /// it. The setting also holds for guards and arguments of handlers inside of this layer.
    pub fn grpc_only(mut self) -> Self {
        self.config.rejections.forced = Some(ForcedProtocol::Grpc);
        self
    }

    /// Lets `respond` change or replace the response to a rejected request, for the reason that it
    /// gets.
    ///
    /// Also holds for guards without a `with_rejection_response` of their own, and for arguments of handlers,
    /// inside of this layer. For HTTP only; gRPC callers get a status in any case. A response with
    /// a status of success (1xx, 2xx) gets the status of the rejection again, and one with that
    /// status gets its challenge or its `Retry-After`, if it has none.
    ///
    /// ```
    /// # use passport_inbound::{AuthenticateLayer, TokenVerifier};
    /// # let verifier = TokenVerifier::builder("bizfirstgo-api").build().unwrap();
    /// let layer = AuthenticateLayer::new(verifier).with_rejection_response(|rejection, response| {
    ///     let problem = format!(r#"{{"title":"{}","status":{}}}"#, rejection.status(), rejection.status().as_u16());
    ///     response.map(|_| problem.into())
    /// });
    /// ```
    pub fn with_rejection_response(
        mut self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.config.rejections.custom = Some(Arc::new(respond));
        self
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate { inner, layer: self.clone() }
    }
}
