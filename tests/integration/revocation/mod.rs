//! Revocations over loopback sockets: pushed and polled events, and introspection, for requests and
//! for open streams.

mod faulty_answers;
mod introspection;
mod invalid_statements;
mod junk_tokens;
mod open_streams;
mod pushed_events;
mod statements;
mod third_party;

use axum::{Router, routing::get};
use passport_dev::DevPassport;
use passport_inbound::{
    AuthenticateLayer, DenyList, IdInfo, Introspection, IntrospectionMode, ManualClock, SecretSource,
    SecurityEventReceiver, TokenDeadlineLayer, TokenVerifier, TokenVerifierBuilder,
};

use crate::{
    harness::{serve, status_with},
    token_deadlines::{chat, events},
};

/// The audience of logout tokens and of security events: the client id of the service.
const CLIENT_ID: &str = "orders-app";

/// A service with a deny list that the events of a dev Passport fill.
struct EventService {
    url: String,
    verifier: TokenVerifier,
    list: DenyList,
    receiver: SecurityEventReceiver,
}

impl EventService {
    async fn start(passport: &DevPassport) -> Self {
        Self::with_list(passport, DenyList::new()).await
    }

    async fn with_list(passport: &DevPassport, list: DenyList) -> Self {
        let verifier = builder(passport).deny_list(list.clone()).build().unwrap();
        let receiver = SecurityEventReceiver::new(&verifier).unwrap().audience(CLIENT_ID);
        let url = serve(api(verifier.clone()).merge(receiver.clone().into_router())).await;
        Self { url, verifier, list, receiver }
    }

    /// Registers the service at `passport` as a receiver of logout tokens.
    fn receive_logouts(&self, passport: &DevPassport) {
        passport.register_logout_receiver(&self.logout_url(), CLIENT_ID).unwrap();
    }

    /// Registers the service at `passport` as a receiver of pushed events.
    fn receive_events(&self, passport: &DevPassport) -> passport_dev::EventReceiver {
        passport.register_push_receiver(&self.events_url(), CLIENT_ID).unwrap()
    }

    fn logout_url(&self) -> String {
        format!("{}/backchannel-logout", self.url)
    }

    fn events_url(&self) -> String {
        format!("{}/security-events", self.url)
    }

    /// Returns the status of a request with `token`.
    async fn status(&self, token: &str) -> u16 {
        status_with(&format!("{}/whoami", self.url), Some(token)).await
    }
}

/// Returns a builder of a verifier of the tokens of `passport`.
fn builder(passport: &DevPassport) -> TokenVerifierBuilder {
    TokenVerifier::builder(passport.audience()).issuer(passport.issuer())
}

/// Returns an API with a short response, a stream of events and a WebSocket.
fn api(verifier: TokenVerifier) -> Router {
    Router::new()
        .route("/events", get(events))
        .route_layer(TokenDeadlineLayer::new())
        .route("/whoami", get(|caller: IdInfo| async move { caller.user_id().to_owned() }))
        .route("/chat", get(chat))
        .layer(AuthenticateLayer::new(verifier).token_from_query())
}

/// Returns settings to introspect tokens at `passport`, as a separate client.
fn introspection(passport: &DevPassport, mode: IntrospectionMode) -> Introspection {
    let client = passport.managed_identity("orders-introspection").create();
    Introspection::new(client.client_id(), SecretSource::from_value(client.secret())).mode(mode)
}

/// Starts a dev Passport on a clock of the test.
async fn passport_on_a_clock() -> (DevPassport, ManualClock) {
    let clock = ManualClock::at_unix_seconds(crate::harness::START);
    (DevPassport::builder().clock(clock.clone()).start().await.unwrap(), clock)
}

/// Starts an API that introspects the tokens of `passport`. Returns a URL of the API.
async fn introspecting_api(passport: &DevPassport, clock: &ManualClock, settings: Introspection) -> String {
    let verifier = builder(passport).introspection(settings).clock(clock.clone()).build().unwrap();
    format!("{}/whoami", crate::harness::api_behind(verifier).await)
}
