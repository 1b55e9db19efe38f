use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::Authenticate;
use crate::{Rejection, TokenVerifier, respond::Responder};

/// Lets only requests with a good token through and tells them who calls. See the [crate's front page](crate).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AuthenticateLayer {
    verifier: TokenVerifier,
    responder: Responder,
    hands_on: bool,
}

impl AuthenticateLayer {
    /// Verifies tokens with `verifier`.
    ///
    /// # Panics
    /// The response future, as [`TokenVerifier::verify`]: if it has to wait on a tokio runtime whose timer is not enabled.
    pub fn new(verifier: TokenVerifier) -> Self {
        Self { verifier, responder: Responder::default(), hands_on: false }
    }

    /// Does not tell callers what is wrong with their token, only that something is. By default they get one of the seven
    /// names of Passport's own SDK. Operators learn the reason either way, from metrics and events.
    pub fn opaque(mut self) -> Self {
        self.responder.is_opaque = true;
        self
    }

    /// Puts the caller's token, once it is verified, into the request's extensions, as a
    /// [`CallerToken`](crate::CallerToken): for calls to other services in the caller's name. Off by default, so that no
    /// handler has it that was not meant to.
    ///
    /// What is done with it is up to `passport-outbound`'s `CallerIdentity`; `docs/propagation.md` in the repository tells
    /// when to hand it on, and when not to.
    pub fn hand_on_token(mut self) -> Self {
        self.hands_on = true;
        self
    }

    /// Answers in your own words: `respond` gets the reason and the standard response, to change it or to make another.
    ///
    /// For HTTP only; gRPC callers get a status in any case. A response whose status says yes (1xx, 2xx) gets the status
    /// of the refusal again, and one with that status gets its challenge or its `Retry-After`, if it has none.
    ///
    /// ```
    /// # use passport_inbound::{AuthenticateLayer, TokenVerifier};
    /// # let verifier = TokenVerifier::builder("bizfirstgo-api").build().unwrap();
    /// let layer = AuthenticateLayer::new(verifier).respond_with(|rejection, response| {
    ///     let problem = format!(r#"{{"title":"{}","status":{}}}"#, rejection.status(), rejection.status().as_u16());
    ///     response.map(|_| problem.into())
    /// });
    /// ```
    pub fn respond_with(
        mut self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.responder.respond_with(respond);
        self
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(inner, self.verifier.clone(), self.responder.clone(), self.hands_on)
    }
}
