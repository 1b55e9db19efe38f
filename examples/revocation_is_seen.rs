//! Logs a user out, and prints how long each way to see a revocation takes: until the next request
//! is rejected, and until an open stream of server-sent events ends. It prints
//!
//! ```text
//! way                                 request     stream
//! security event, polled               14.3ms     16.2ms
//! back-channel logout                  22.3ms     19.9ms
//! security event, pushed               63.8ms     18.0ms
//! introspection, 2 s old at most         1.6s       1.6s
//! introspection of each request        20.6ms       5.1s
//! none: the token expires                5.1s       5.1s
//! ```
//!
//! The token of the example lives for 6 s, without a clock skew. A token of Passport lives for 15
//! min (users) or 1 h (managed identities), and the default clock skew is 60 s. "Introspection of
//! each request" also asks about an open stream, but only every 12 s, so that here the stream ends
//! when the token expires.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{StreamExt, future::try_join_all, stream};
use passport_dev::{DevIdentity, DevPassport};
use passport_examples::{local_client, serve};
use passport_inbound::{
    AuthenticateLayer, ConfigError, DenyList, Introspection, IntrospectionMode, SecretSource,
    SecurityEventPoller, SecurityEventReceiver, TokenDeadlineLayer, TokenVerifier, TokenVerifierBuilder,
};
use passport_outbound::ManagedIdentity;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The lifetime of the user's token.
const LIFETIME: Duration = Duration::from_secs(6);

/// A service that sees revocations in one way.
struct Service {
    way: &'static str,
    url: String,
}

/// How long a service took to see the revocation.
struct Seen {
    way: &'static str,
    /// Until the next request was rejected.
    request: Duration,
    /// Until an open stream ended.
    stream: Duration,
}

fn verifier(passport: &DevPassport) -> TokenVerifierBuilder {
    TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).clock_skew(Duration::ZERO)
}

/// Returns an API with a short response, and a stream that never ends by itself.
fn api(verifier: TokenVerifier) -> Router {
    let events = || async {
        let first = stream::iter([Ok::<_, Infallible>(Event::default().data("hello"))]);
        Sse::new(first.chain(stream::pending()))
    };
    Router::new()
        .route("/orders", get(|| async { "orders" }))
        .route("/events", get(events).layer(TokenDeadlineLayer::new())) // ends the stream
        .layer(AuthenticateLayer::new(verifier))
}

/// Returns the settings to ask Passport about tokens, as the client `client`.
fn introspection(client: &DevIdentity, mode: IntrospectionMode) -> Introspection {
    Introspection::new(client.client_id(), SecretSource::from_value(client.secret())).mode(mode)
}

/// Starts a service with a deny list. Returns its URL, and the receiver of events, which fills the
/// list.
async fn with_deny_list(passport: &DevPassport) -> Result<(String, SecurityEventReceiver), BoxError> {
    let verifier = verifier(passport).deny_list(DenyList::new()).build()?;
    let receiver = SecurityEventReceiver::new(&verifier)?.audience("orders-app");
    // Passport sends no access token, so the routes of the receiver are outside the layer.
    let url = serve(api(verifier).merge(receiver.clone().into_router())).await?;
    Ok((url, receiver))
}

/// Starts three services to which Passport's events come in different ways.
async fn services_with_events(passport: &DevPassport) -> Result<Vec<Service>, BoxError> {
    let (logout, _) = with_deny_list(passport).await?;
    passport.register_logout_receiver(&format!("{logout}/backchannel-logout"), "orders-app")?;

    let (pushed, _) = with_deny_list(passport).await?;
    passport.register_push_receiver(&format!("{pushed}/security-events"), "orders-app")?;

    // This service fetches the events itself, with its own access token.
    let (polled, receiver) = with_deny_list(passport).await?;
    let client = passport.managed_identity("orders-api").create();
    passport.register_poll_receiver(&client, "orders-app");
    let secret = SecretSource::from_value(client.secret());
    let identity = ManagedIdentity::builder(client.client_id(), secret).issuer(passport.issuer()).build()?;
    let endpoint = format!("{}/passport/events/poll", passport.issuer());
    let poller = SecurityEventPoller::new(&receiver, &endpoint)?.access_token(move || {
        let identity = identity.clone();
        async move { identity.token().await }
    });
    tokio::spawn(poller.run());

    Ok(vec![
        Service { way: "back-channel logout", url: logout },
        Service { way: "security event, pushed", url: pushed },
        Service { way: "security event, polled", url: polled },
    ])
}

/// Starts two services that ask Passport, and one that does not.
async fn services_without_events(passport: &DevPassport) -> Result<Vec<Service>, BoxError> {
    let client = passport.managed_identity("orders-introspection").create();
    let asking = |mode| -> Result<TokenVerifier, ConfigError> {
        verifier(passport).introspection(introspection(&client, mode)).build()
    };
    let each_request = asking(IntrospectionMode::Introspect)?;
    let at_most_2_s = asking(IntrospectionMode::LocalThenIntrospect { max_age: Duration::from_secs(2) })?;
    let local = verifier(passport).build()?;
    Ok(vec![
        Service { way: "introspection of each request", url: serve(api(each_request)).await? },
        Service { way: "introspection, 2 s old at most", url: serve(api(at_most_2_s)).await? },
        Service { way: "none: the token expires", url: serve(api(local)).await? },
    ])
}

/// Opens the stream of a service, and waits for its first event.
async fn open_stream(service: &Service, token: &str) -> Result<reqwest::Response, BoxError> {
    let request = local_client()?.get(format!("{}/events", service.url)).bearer_auth(token);
    let mut stream = request.send().await?.error_for_status()?;
    stream.chunk().await?.ok_or("the stream ended without an event")?;
    Ok(stream)
}

/// Calls a service until it rejects the token. Returns the time since `revoked`.
async fn until_rejected(service: &Service, token: &str, revoked: Instant) -> Result<Duration, BoxError> {
    let client = local_client()?;
    loop {
        let response = client.get(format!("{}/orders", service.url)).bearer_auth(token).send().await?;
        match response.status().as_u16() {
            401 => return Ok(revoked.elapsed()),
            200 => sleep(Duration::from_millis(5)).await,
            status => return Err(format!("unexpected status {status}").into()),
        }
    }
}

/// Waits until the open stream of a service ends. Returns the time since `revoked`.
async fn until_ended(mut stream: reqwest::Response, revoked: Instant) -> Result<Duration, BoxError> {
    while stream.chunk().await?.is_some() {}
    Ok(revoked.elapsed())
}

/// Measures how long a service takes to see the revocation at the time `revoked`.
async fn measure(
    service: Service,
    stream: reqwest::Response,
    token: String,
    revoked: Instant,
) -> Result<Seen, BoxError> {
    let request = until_rejected(&service, &token, revoked);
    let (request, stream) = tokio::try_join!(request, until_ended(stream, revoked))?;
    Ok(Seen { way: service.way, request, stream })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let mut services = services_with_events(&passport).await?;
    services.extend(services_without_events(&passport).await?);

    let token = passport.user_token("alice").expires_in(LIFETIME).build();
    let streams = try_join_all(services.iter().map(|service| open_stream(service, &token))).await?;

    let revoked = Instant::now();
    let mut measured = JoinSet::new();
    for (service, stream) in services.into_iter().zip(streams) {
        measured.spawn(measure(service, stream, token.clone(), revoked));
    }
    let logout = passport.log_out_user("alice");
    let (deliveries, ()) = tokio::join!(logout, passport.events_pushed());
    for delivery in deliveries {
        println!("logout token: {:?}", delivery.outcome());
    }
    println!("{:<32} {:>10} {:>10}", "way", "request", "stream");
    while let Some(seen) = measured.join_next().await {
        let Seen { way, request, stream } = seen??;
        println!("{way:<32} {request:>10.1?} {stream:>10.1?}");
    }
    println!("introspections: {}", passport.counters().introspection());
    Ok(())
}
