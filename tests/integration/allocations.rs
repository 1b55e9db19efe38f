//! Counts the allocations of calls with a cached or rejected token. The figures are those of
//! docs/architecture.md; they may only go down.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
    time::Duration,
};

use allocation_counter::measure;
use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_inbound::{
    AuthenticateLayer, HttpClient, Introspection, IntrospectionMode, RejectionReason, ResponseLimits,
    SecretSource, TenantRule, TokenVerifier, Transport, TransportError, TrustedIssuer,
};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManualClock};
use tower::{Layer, Service};

use crate::harness::{EmptyResponse, identity, identity_builder, verifier};

/// Calls a service that is ready at the first poll, and returns the number of allocations.
fn allocations_of<R, S: Service<R>>(service: &mut S, request: R) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut request = Some(request);
    let mut ready = false;
    let counted = measure(|| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let future = service.call(request.take().unwrap());
        ready = std::pin::pin!(future).poll(&mut cx).is_ready();
    });
    assert!(ready, "a warm call is ready at the first poll");
    counted.count_total
}

/// Calls a service until it keeps private copies of the token and of the policy, which it makes at
/// the second call.
fn reuse<R, S: Service<R>>(service: &mut S, request: impl Fn() -> R) {
    for _ in 0..2 {
        allocations_of(service, request());
    }
}

/// Returns a request with spare capacity in its header map, like a real request.
fn outbound_request() -> Request<()> {
    Request::get("https://api.bizfirst.ai/x").header("accept", "*/*").body(()).unwrap()
}

#[tokio::test]
async fn outbound_call_with_a_cached_token_allocates_nothing() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = identity(&passport, &registered);
    identity.token().await.unwrap();
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    let mut client = AttachTokenLayer::new(identity, origins).layer(EmptyResponse);
    reuse(&mut client, outbound_request);
    assert_eq!(allocations_of(&mut client, outbound_request()), 0);
    for _ in 0..3 {
        let mut of_one_request = client.clone();
        assert_eq!(allocations_of(&mut of_one_request, outbound_request()), 0);
    }
}

/// A service for reqwest's requests. Its responses are built beforehand, because building one
/// allocates.
#[derive(Clone)]
struct EmptyReqwestResponse;

impl Service<reqwest::Request> for EmptyReqwestResponse {
    type Response = reqwest::Response;
    type Error = Infallible;
    type Future = Ready<Result<reqwest::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: reqwest::Request) -> Self::Future {
        ready(Ok(Response::new("").into()))
    }
}

#[tokio::test]
async fn reqwest_call_with_the_layer_allocates_no_more_than_without() {
    let passport = DevPassport::start().await.unwrap();
    let identity = identity(&passport, &passport.managed_identity("payroll").create());
    identity.token().await.unwrap();
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    let mut client = AttachTokenLayer::new(identity, origins).layer(EmptyReqwestResponse);
    let request = || {
        let url = "https://api.bizfirst.ai/x".parse().unwrap();
        let mut request = reqwest::Request::new(reqwest::Method::GET, url);
        request.headers_mut().insert("accept", "*/*".parse().unwrap());
        request
    };
    reuse(&mut client, request);
    let bare = allocations_of(&mut EmptyReqwestResponse, request());
    assert_eq!(allocations_of(&mut client, request()), bare);
}

#[tokio::test]
async fn outbound_call_during_a_refresh_allocates_nothing() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let identity = identity_builder(&passport, &registered).clock(clock.clone()).build().unwrap();
    identity.ready().await.unwrap();
    clock.advance(Duration::from_secs(3550));
    passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3600)));
    identity.token().await.unwrap(); // starts the refresh, which never ends
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai"]).unwrap();
    let mut client = AttachTokenLayer::new(identity.clone(), origins).layer(EmptyResponse);
    reuse(&mut client, outbound_request);
    assert_eq!(allocations_of(&mut client, outbound_request()), 0);
    assert!(identity.status().is_fetching());
}

#[tokio::test]
async fn inbound_call_allocates_only_the_box_of_the_identity() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    let token = passport.managed_identity("payroll").role("a").create().token().build();
    verifier.verify(&token).await.unwrap();
    assert_eq!(allocations_of_verify(&verifier, &token), 0);

    let mut service = AuthenticateLayer::new(verifier).layer(EmptyResponse);
    let authorization = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let request = || Request::get("/").header(AUTHORIZATION, &authorization).body(()).unwrap();
    // axum and tonic insert extensions before the layer runs.
    let from_a_framework = || {
        let mut request = request();
        request.extensions_mut().insert(());
        request
    };
    allocations_of(&mut service, from_a_framework());
    assert_eq!(allocations_of(&mut service, from_a_framework()), 1);
    // The extensions of a request on bare hyper are empty: their map and its table are allocated as
    // well.
    assert_eq!(allocations_of(&mut service, request()), 3);
}

/// An introspection endpoint for which every token is active.
#[derive(Debug)]
struct AlwaysActive;

impl HttpClient for AlwaysActive {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        let response = Response::builder().header(CONTENT_TYPE, "application/json");
        Ok(response.body(Bytes::from_static(br#"{"active":true}"#)).unwrap())
    }
}

#[tokio::test]
async fn recent_answer_of_an_introspection_costs_no_allocation() {
    let passport = DevPassport::start().await.unwrap();
    let introspection = Introspection::new("orders-api", SecretSource::from_value("secret"))
        .mode(IntrospectionMode::local_then_introspect());
    let verifier = TokenVerifier::builder(passport.audience())
        .issuer(passport.issuer())
        .static_jwks(passport.jwks())
        .transport(Transport::new(AlwaysActive))
        .introspection(introspection)
        .build()
        .unwrap();
    let token = passport.user_token("u").build();
    verifier.verify(&token).await.unwrap();
    // The counter of hits is created at the first hit.
    verifier.verify(&token).await.unwrap();
    assert_eq!(allocations_of_verify(&verifier, &token), 0);
}

#[tokio::test]
async fn verification_without_a_cache_allocates_only_claims() {
    let passport = DevPassport::start().await.unwrap();
    let builder = TokenVerifier::builder(passport.audience()).issuer(passport.issuer());
    let verifier = builder.cache_tokens(false).build().unwrap();
    let token = passport.managed_identity("payroll").role("a").create().token().build();
    verifier.verify(&token).await.unwrap();
    let counted = allocations_of_verify(&verifier, &token);
    println!("verification without a cache: {counted} allocations");
    assert_eq!(counted, 8, "fewer is better: lower the figure here and in docs/architecture.md");
}

#[tokio::test]
async fn token_rejected_before_its_signature_allocates_nothing() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    let good = passport.user_token("u");
    verifier.verify(&good.build()).await.unwrap();
    let with_header = |header: &str| good.build_raw(header, "{}");
    let mut refused: Vec<_> = [
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"RS256""#,
        r#"{"alg":"RS256","kid":5}"#,
        r#"{"alg":"RS256","kid":"junk","#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"RS256","crit":["exp"]}"#,
        r#"{"alg":"RS256","typ":"logout+jwt"}"#,
        r#"{"\u0061lg":"RS256","a":[[[["#,
        "[]",
        "\u{feff}{}",
    ]
    .map(with_header)
    .into();
    refused.extend(["", "a", "..", "a.b", "a.b.c.d", "eyJhbGciOiJSUzI1NiJ9.e30.?"].map(str::to_owned));
    refused.push(".".repeat(9_000));
    refused.push(good.clone().header("kid", "junk").build());
    // The first unknown kid waits for keys. From then on the cooldown applies.
    verifier.verify(refused.last().unwrap()).await.unwrap_err();
    for token in refused {
        // moka allocates each segment of its map at the first lookup.
        verifier.try_verify(&token).unwrap().unwrap_err();
        let mut outcome = None;
        let counted = measure(|| outcome = verifier.try_verify(&token));
        assert!(outcome.unwrap().is_err(), "{token}");
        assert_eq!(counted.count_total, 0, "{token}");
    }
}

/// Returns the allocations of `verify`, an `async fn` that is ready at the first poll if the
/// keys are known.
fn allocations_of_verify(verifier: &TokenVerifier, token: &str) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut accepted = false;
    let counted = measure(|| {
        let verified = std::pin::pin!(verifier.verify(token));
        accepted = matches!(verified.poll(&mut cx), Poll::Ready(Ok(_)));
    });
    assert!(accepted);
    counted.count_total
}

#[tokio::test]
async fn rejection_of_a_missing_token_allocates_little() {
    let passport = DevPassport::start().await.unwrap();
    let mut service = AuthenticateLayer::new(verifier(&passport)).layer(EmptyResponse);
    allocations_of(&mut service, Request::new(()));
    let counted = allocations_of(&mut service, Request::new(()));
    println!("rejection of a missing token: {counted} allocations");
    assert_eq!(counted, 5, "fewer is better: lower the figure here and in docs/architecture.md");
}

/// Returns an external issuer with a claim map, as a service configures it.
fn realm(number: usize) -> TrustedIssuer {
    TrustedIssuer::keycloak(format!("https://login.example/realms/customer-{number}"))
        .audience("orders-api")
        .tenant(TenantRule::fixed(format!("customer-{number}")))
        .map_claims(|map| map.role("orders-clerk", "orders.clerk"))
}

#[test]
fn idle_issuer_takes_less_than_4_kib() {
    let bytes_of = |issuers: usize| {
        let mut verifier = None;
        let counted = measure(|| {
            let builder = TokenVerifier::builder("bizfirstgo-api");
            let builder = (0..issuers).fold(builder, |builder, number| builder.trust(realm(number)));
            verifier = Some(builder.build().unwrap());
        });
        assert_eq!(verifier.unwrap().health().issuers().len(), issuers + 1);
        counted.bytes_current
    };
    bytes_of(1); // the first verifier of a process allocates what all share
    let each = (bytes_of(1000) - bytes_of(0)) / 1000;
    println!("idle issuer: {each} bytes");
    assert!((1..4096).contains(&each), "{each}");
}

#[tokio::test]
async fn several_issuers_cost_no_allocation() {
    let passport = DevPassport::start().await.unwrap();
    let builder = TokenVerifier::builder(passport.audience()).issuer(passport.issuer());
    let verifier = builder.trust(realm(1)).trust(realm(2)).build().unwrap();
    let token = passport.user_token("u");
    let cached = token.build();
    verifier.verify(&cached).await.unwrap();
    assert_eq!(allocations_of_verify(&verifier, &cached), 0, "a cached token");
    let unknown = token.clone().header("kid", "other").claim("iss", "https://unknown.example").build();
    let escaped = token.build_raw(
        r#"{"alg":"RS256"}"#,
        r#"{"sub":"u","a":[{"iss":"x"}],"iss":"https:\/\/unknown.example"}"#,
    );
    for unknown in [unknown, escaped] {
        // The counter of an outcome is created when the outcome first occurs.
        verifier.try_verify(&unknown).unwrap().unwrap_err();
        let mut outcome = None;
        let counted = measure(|| outcome = verifier.try_verify(&unknown));
        let reason = outcome.unwrap().unwrap_err().reason();
        assert_eq!(reason, Some(RejectionReason::IssuerMismatch));
        assert_eq!(counted.count_total, 0, "a token of an unknown issuer");
    }
}
