//! Tests of the receiver: requests, statements and responses.

mod polling;

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use passport_core::ManualClock;
use serde_json::{Value, json};
use tower::Service;
use tracing::Level;
use url::form_urlencoded;

use super::*;
use crate::{
    Denial, DenyList, DenyListBuilder, RejectionReason, TokenVerifier,
    test_support::{
        Log, START,
        issuers::{ALPHA, PASSPORT, claims_of, claims_with, external, passport, trusting, verify},
        measured,
        signing::test_key,
    },
};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A verifier of two issuers with a deny list, and the receiver that fills the list.
struct Setup {
    verifier: TokenVerifier,
    list: DenyList,
    receiver: SecurityEventReceiver,
}

fn clock() -> ManualClock {
    ManualClock::at_unix_seconds(START)
}

fn setup() -> Setup {
    setup_with(DenyList::builder())
}

fn setup_with(list: DenyListBuilder) -> Setup {
    let list = list.clock(clock()).open().now_or_never().unwrap().unwrap();
    let verifier = trusting([passport(0, "p"), external(ALPHA, "alpha", 1, "a")]);
    let verifier = verifier.deny_list(list.clone()).build().unwrap();
    let receiver = SecurityEventReceiver::new(verifier.clone(), list.clone());
    Setup { verifier, list, receiver }
}

/// Signs claims with the key of the issuer in them.
fn signed(typ: &str, claims: &Value) -> String {
    let (key, kid) = if claims["iss"] == ALPHA { (1, "a") } else { (0, "p") };
    test_key(key).sign(&json!({ "alg": "RS256", "kid": kid, "typ": typ }).to_string(), &claims.to_string())
}

/// Returns the claims of an event of Passport that revokes the sessions of the user `u`.
fn event() -> Value {
    json!({
        "iss": PASSPORT, "aud": "api", "iat": START, "jti": "event-1",
        "sub_id": { "format": "iss_sub", "iss": PASSPORT, "sub": "u" },
        "events": { SESSION_REVOKED: { "event_timestamp": START } },
    })
}

fn event_with(name: &str, value: Value) -> Value {
    let mut event = event();
    event[name] = value;
    event
}

/// Returns the claims of a logout token of Passport for the user `u`.
fn logout() -> Value {
    json!({
        "iss": PASSPORT, "aud": "api", "iat": START, "exp": START + 120, "jti": "logout-1", "sub": "u",
        "events": { LOGOUT: {} },
    })
}

fn logout_with(name: &str, value: Value) -> Value {
    let mut logout = logout();
    logout[name] = value;
    logout
}

fn post(path: &str, media_type: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(path).header(header::CONTENT_TYPE, media_type).body(Full::new(body.into())).unwrap()
}

fn push(event: &str) -> Request<Full<Bytes>> {
    post("/security-events", "application/secevent+jwt", event.to_owned())
}

fn push_logout(token: &str) -> Request<Full<Bytes>> {
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", token).finish();
    post("/backchannel-logout", "application/x-www-form-urlencoded", form)
}

impl Setup {
    async fn send(&self, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
        self.receiver.clone().call(request).await.unwrap()
    }

    /// Sends a request. Returns the status and the JSON body, which is `null` if it is empty.
    async fn status(&self, request: Request<Full<Bytes>>) -> (u16, Value) {
        let response = self.send(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
    }

    async fn push(&self, claims: &Value) -> u16 {
        self.status(push(&signed("secevent+jwt", claims))).await.0
    }

    async fn push_logout(&self, claims: &Value) -> u16 {
        self.status(push_logout(&signed("logout+jwt", claims))).await.0
    }

    /// Returns the error code of a pushed event.
    async fn error(&self, typ: &str, claims: &Value) -> String {
        let (status, body) = self.status(push(&signed(typ, claims))).await;
        assert_eq!(status, 400, "{body}");
        assert!(body["description"].as_str().is_some_and(|text| !text.is_empty()));
        body["err"].as_str().unwrap().to_owned()
    }

    /// Returns whether an access token with these claims is rejected as revoked.
    fn is_revoked(&self, claims: &Value) -> bool {
        let (key, kid) = if claims["iss"] == ALPHA { (1, "a") } else { (0, "p") };
        match verify(&self.verifier, &test_key(key).token(kid, claims)) {
            Ok(_) => false,
            Err((reason, _)) => {
                assert_eq!(reason, Some(RejectionReason::Revoked));
                true
            }
        }
    }
}

#[tokio::test]
async fn pushed_event_denies_the_next_request() {
    let setup = setup();
    assert!(!setup.is_revoked(&claims_of(PASSPORT)), "and the token is cached");
    let response = setup.send(push(&signed("secevent+jwt", &event()))).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
    assert!(!setup.is_revoked(&claims_with(PASSPORT, "sub", json!("v"))));
    assert!(!setup.is_revoked(&claims_with(PASSPORT, "iat", json!(START + 1))), "a new token");
}

#[tokio::test]
async fn logout_token_denies_the_next_request() {
    let setup = setup();
    let response = setup.send(push_logout(&signed("logout+jwt", &logout()))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn logout_of_a_session_spares_other_sessions() {
    let setup = setup();
    assert_eq!(setup.push_logout(&logout_with("sid", json!("s1"))).await, 200);
    assert!(setup.is_revoked(&claims_with(PASSPORT, "sid", json!("s1"))));
    assert!(!setup.is_revoked(&claims_with(PASSPORT, "sid", json!("s2"))));
    assert!(setup.is_revoked(&claims_of(PASSPORT)), "a token without a session");
}

#[tokio::test]
async fn event_denies_only_tokens_of_its_issuer() {
    let setup = setup();
    let mut theirs = event_with("iss", json!(ALPHA));
    theirs["sub_id"]["iss"] = json!(ALPHA);
    assert_eq!(setup.push(&theirs).await, 202);
    assert!(setup.is_revoked(&claims_of(ALPHA)));
    assert!(!setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn event_about_a_subject_of_another_issuer_is_rejected() {
    let setup = setup();
    let event = event_with("iss", json!(ALPHA));
    assert_eq!(setup.error("secevent+jwt", &event).await, "invalid_issuer");
    assert!(setup.list.is_empty());
}

#[tokio::test]
async fn managed_identity_is_denied_by_client_id_or_audit_id() {
    let mut machine = claims_with(PASSPORT, "managed_identity_id", json!("mi-1"));
    (machine["is_service_account"], machine["sub"]) = (json!(true), json!("client-1"));
    for subject in [
        json!({ "format": "iss_sub", "iss": PASSPORT, "sub": "client-1" }),
        json!({ "format": "opaque", "id": "mi-1" }),
    ] {
        let setup = setup();
        assert_eq!(setup.push(&event_with("sub_id", subject.clone())).await, 202);
        assert!(setup.is_revoked(&machine), "{subject}");
        assert!(!setup.is_revoked(&claims_of(PASSPORT)), "{subject}");
    }
}

#[tokio::test]
async fn tenant_of_an_external_issuer_follows_its_rule() {
    let setup = setup();
    let mut tenant = event_with("iss", json!(ALPHA));
    tenant["sub_id"] = json!({ "format": "complex", "tenant": { "format": "opaque", "id": "theirs" } });
    assert_eq!(setup.push(&tenant).await, 202);
    assert!(setup.is_revoked(&claims_of(ALPHA)), "all its callers are of one tenant");
    assert!(!setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn errors_have_the_codes_of_rfc_8935() {
    let setup = setup();
    let rejected = |typ, claims, code| (typ, claims, code);
    for (typ, claims, code) in [
        rejected("secevent+jwt", event_with("aud", json!("other")), "invalid_audience"),
        rejected("secevent+jwt", event_with("aud", json!([])), "invalid_audience"),
        rejected("secevent+jwt", event_with("iss", json!("https://other.example")), "invalid_issuer"),
        rejected("secevent+jwt", event_with("jti", json!("")), "invalid_request"),
        rejected("secevent+jwt", event_with("jti", json!(null)), "invalid_request"),
        rejected("secevent+jwt", event_with("events", json!({})), "invalid_request"),
        rejected("secevent+jwt", event_with("exp", json!(START - 60)), "invalid_request"),
        rejected("secevent+jwt", event_with("iat", json!(START + 61)), "invalid_request"),
        rejected("JWT", event(), "invalid_request"),
        rejected("logout+jwt", event(), "invalid_request"),
        rejected("secevent+jwt", event_with("sub_id", json!({ "format": "email" })), "invalid_request"),
    ] {
        assert_eq!(setup.error(typ, &claims).await, code, "{claims}");
    }
    let forged = test_key(1).sign(r#"{"alg":"RS256","kid":"p","typ":"secevent+jwt"}"#, &event().to_string());
    assert_eq!(setup.status(push(&forged)).await.1["err"], "invalid_key");
    assert_eq!(setup.status(push("junk")).await.1["err"], "invalid_request");
    assert!(setup.list.is_empty());
}

#[tokio::test]
async fn invalid_logout_tokens_get_400() {
    let setup = setup();
    for (typ, claims) in [
        ("JWT", logout()),
        ("at+jwt", logout()),
        ("secevent+jwt", logout()),
        ("logout+jwt", logout_with("nonce", json!("n"))),
        ("logout+jwt", logout_with("events", json!({}))),
        ("logout+jwt", logout_with("aud", json!("other"))),
        ("logout+jwt", logout_with("exp", json!(START - 60))),
        ("logout+jwt", claims_of(PASSPORT)),
    ] {
        let response = setup.send(push_logout(&signed(typ, &claims))).await;
        assert_eq!(response.status(), 400, "{typ} {claims}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body["error"].is_string() && body["error_description"].is_string(), "{body}");
    }
    assert!(setup.list.is_empty());
}

#[tokio::test]
async fn untyped_logout_token_needs_the_named_option() {
    let mut setup = setup();
    let untyped = test_key(0).token("p", &logout());
    assert_eq!(setup.status(push_logout(&untyped)).await.0, 400);
    setup.receiver = setup.receiver.danger_untyped_logout_tokens();
    let access_token = test_key(0).token("p", &claims_with(PASSPORT, "jti", json!("1")));
    assert_eq!(setup.status(push_logout(&access_token)).await.0, 400, "the claims decide");
    let at_jwt = signed("at+jwt", &logout());
    assert_eq!(setup.status(push_logout(&at_jwt)).await.0, 400);
    assert_eq!(setup.status(push_logout(&untyped)).await.0, 200);
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn configured_audience_is_accepted() {
    let mut setup = setup();
    let event = event_with("aud", json!(["https://orders.example/events"]));
    assert_eq!(setup.push(&event).await, 400);
    setup.receiver = setup.receiver.audience("https://orders.example/events");
    assert_eq!(setup.push(&event).await, 202);
}

#[tokio::test]
async fn repeated_statement_is_a_success_without_effect() {
    let setup = setup();
    assert_eq!(setup.push(&event()).await, 202);
    let generation = setup.list.generation();
    // The same id with another content: no issuer sends that, but it must have no effect.
    let mut other = event_with("iat", json!(START + 30));
    other["sub_id"]["sub"] = json!("v");
    assert_eq!(setup.push(&other).await, 202);
    assert_eq!(setup.list.generation(), generation);
    assert_eq!(setup.push(&event_with("jti", json!("event-2"))).await, 202);
    assert_eq!(setup.list.len(), 1);
}

#[tokio::test]
async fn statement_older_than_the_retention_is_rejected() {
    let setup = setup_with(DenyList::builder().retention(Duration::from_secs(600)));
    assert_eq!(setup.push(&event_with("iat", json!(START - 601))).await, 400);
    assert_eq!(setup.push(&event_with("iat", json!(START - 600))).await, 202);
}

#[tokio::test]
async fn events_without_effect_are_accepted_and_counted() {
    let metrics = measured(async {
        let setup = setup();
        let stream = json!({ "https://schemas.openid.net/secevent/ssf/event-type/verification": {} });
        assert_eq!(setup.push(&event_with("events", stream)).await, 202);
        let unknown = json!({ "urn:ietf:params:scim:event:create": { "ref": "x" } });
        let mut unknown = event_with("events", unknown);
        unknown["jti"] = json!("event-2");
        assert_eq!(setup.push(&unknown).await, 202);
        assert_eq!(setup.push(&unknown).await, 202);
        assert_eq!(setup.push_logout(&logout()).await, 200);
        assert_eq!(setup.push_logout(&claims_of(PASSPORT)).await, 400);
        assert_eq!(setup.list.len(), 1);
    })
    .await;
    let counted = |labels: &str| metrics[&format!("passport_inbound_security_events_total {labels}")];
    for labels in [
        "push verification accepted",
        "push unknown accepted",
        "push any replayed",
        "logout logout denied",
        "logout any rejected",
    ] {
        assert_eq!(counted(labels), 1.0, "{labels}: {metrics:?}");
    }
}

#[tokio::test]
async fn rejected_event_is_logged_with_its_reason() {
    let setup = setup();
    let log = Log::listen(Level::WARN);
    let event = event_with("sub_id", json!({ "format": "email", "email": "jane@example.com" }));
    assert_eq!(setup.push(&event).await, 400);
    assert_eq!(log.lines_with("cannot use a subject of this format").len(), 1);
    assert!(log.lines_with("jane").is_empty() && log.lines_with("eyJ").is_empty());
}

#[tokio::test]
async fn denial_that_is_not_saved_gets_503_and_is_retried() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let list = DenyList::builder().clock(clock()).file(missing.join("denied")).open().await.unwrap();
    let mut setup = setup();
    setup.receiver = SecurityEventReceiver::new(setup.verifier.clone(), list.clone());
    let response = setup.send(push(&signed("secevent+jwt", &event()))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    assert_eq!(list.len(), 1, "the denial is in effect");
    std::fs::create_dir(&missing).unwrap();
    assert_eq!(setup.push(&event()).await, 202, "the id is not remembered before");
    assert!(missing.join("denied").exists());
}

#[tokio::test(start_paused = true)]
async fn overload_gets_503() {
    let setup = setup();
    let permits: Vec<_> = std::iter::from_fn(|| setup.verifier.pipeline().permits.try_acquire()).collect();
    let response = setup.send(push(&signed("secevent+jwt", &event()))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    drop(permits);
    assert_eq!(setup.push(&event()).await, 202);
}

#[tokio::test]
async fn malformed_requests_are_rejected() {
    let setup = setup();
    let event = signed("secevent+jwt", &event());
    let get = Request::get("/security-events").body(Full::default()).unwrap();
    let response = setup.send(get).await;
    assert_eq!((response.status().as_u16(), &response.headers()[header::ALLOW]), (405, &"POST".parse().unwrap()));
    let form = "application/x-www-form-urlencoded";
    for (request, status) in [
        (post("/other", form, ""), 404),
        (post("/security-events", "application/jwt", event.clone()), 400),
        (post("/security-events", "application/secevent+jwt", "x".repeat(64 * 1024 + 1)), 413),
        (post("/security-events", "Application/SecEvent+JWT; charset=utf-8", event), 202),
        (post("/backchannel-logout", "text/plain", "logout_token=x"), 400),
        (post("/backchannel-logout", form, "token=x"), 400),
        (post("/backchannel-logout", form, "logout_token=x&logout_token=x"), 400),
    ] {
        let path = request.uri().to_string();
        assert_eq!(setup.status(request).await.0, status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_body_is_rejected_after_10_seconds() {
    let setup = setup();
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<Bytes>, std::convert::Infallible>,
    >());
    let request = Request::post("/security-events").header(header::CONTENT_TYPE, "application/secevent+jwt");
    let started = tokio::time::Instant::now();
    let response = setup.receiver.clone().call(request.body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(started.elapsed(), Duration::from_secs(10));
}

#[tokio::test]
async fn full_list_refuses_the_tenant_of_events() {
    let setup = setup_with(DenyList::builder().capacity(100));
    for number in 0..101 {
        let mut event = event_with("jti", json!(number.to_string()));
        event["sub_id"]["sub"] = json!(number.to_string());
        event["tenant_id"] = json!("contoso");
        assert_eq!(setup.push(&event).await, 202);
    }
    assert_eq!(setup.list.len(), 1);
    assert!(setup.is_revoked(&claims_of(PASSPORT)), "the tenant of all callers is contoso");
    assert!(!setup.is_revoked(&claims_with(PASSPORT, "tenant_id", json!("fabrikam"))));
}

#[tokio::test]
async fn denied_caller_is_rejected_on_cold_and_cached_paths() {
    let setup = setup();
    let user = crate::DeniedSubject::Subject("u".to_owned());
    drop(setup.list.deny(Denial::new(PASSPORT, user, UNIX_EPOCH + Duration::from_secs(START.into()))));
    for attempt in ["cold", "cached"] {
        assert!(setup.is_revoked(&claims_of(PASSPORT)), "{attempt}");
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn router_serves_both_paths() {
    use tower::ServiceExt;

    let setup = setup();
    let router: axum::Router = setup.receiver.clone().into_router();
    let router = axum::Router::new().nest("/passport", router);
    for (request, status) in [
        (push(&signed("secevent+jwt", &event())), 202),
        (push_logout(&signed("logout+jwt", &logout())), 200),
    ] {
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("/passport{}", parts.uri).parse().unwrap();
        let request = Request::from_parts(parts, axum::body::Body::new(body));
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status);
    }
}
