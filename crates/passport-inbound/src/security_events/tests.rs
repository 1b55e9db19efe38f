//! Tests of the receiver with pushed events.

mod full_list;
mod logout;
mod polling;
mod requests;

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
    Denial, DenyList, DenyListBuilder, RejectionReason, TenantRule, TokenVerifier,
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
    setup_with(DenyList::builder()).now_or_never().unwrap()
}

async fn setup_with(list: DenyListBuilder) -> Setup {
    setup_with_rule(list, TenantRule::fixed("contoso")).await
}

/// Returns a setup whose external issuer has this rule for the tenant of its callers.
async fn setup_with_rule(list: DenyListBuilder, rule: TenantRule) -> Setup {
    let list = list.clock(clock()).open().await.unwrap();
    let verifier = trusting([passport(0, "p"), external(ALPHA, "alpha", 1, "a").tenant(rule)]);
    let verifier = verifier.deny_list(list.clone()).build().unwrap();
    let receiver = SecurityEventReceiver::new(&verifier).unwrap();
    Setup { verifier, list, receiver }
}

#[test]
fn receiver_of_a_verifier_without_deny_list_is_refused() {
    let verifier = trusting([passport(0, "p")]).build().unwrap();
    let error = SecurityEventReceiver::new(&verifier).unwrap_err().to_string();
    assert!(error.contains("deny_list") && error.contains("no effect"), "{error}");
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

/// Returns an event of an issuer about a tenant.
fn event_about_tenant(iss: &str, tenant: &str) -> Value {
    let mut event = event_with("iss", json!(iss));
    event["sub_id"] = json!({ "format": "complex", "tenant": { "format": "opaque", "id": tenant } });
    event
}

#[tokio::test]
async fn event_about_a_fixed_tenant_denies_its_callers() {
    let setup = setup();
    assert_eq!(setup.push(&event_about_tenant(ALPHA, "contoso")).await, 202);
    assert!(setup.is_revoked(&claims_of(ALPHA)));
    assert!(!setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn event_about_another_tenant_spares_a_fixed_tenant() {
    let setup = setup();
    let event = event_about_tenant(ALPHA, "theirs");
    assert_eq!(setup.error("secevent+jwt", &event).await, "invalid_request");
    assert!(setup.list.is_empty());
    assert!(!setup.is_revoked(&claims_of(ALPHA)));
}

#[tokio::test]
async fn token_with_an_event_that_cannot_be_used_has_no_effect() {
    let setup = setup();
    let about = |subject: Value| json!({ "event_timestamp": START, "subject": subject });
    let opaque = |id: &str| json!({ "format": "opaque", "id": id });
    let disabled = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
    let mut event = event_with("iss", json!(ALPHA));
    event.as_object_mut().unwrap().remove("sub_id");
    event["events"] = json!({
        SESSION_REVOKED: about(json!({ "format": "opaque", "id": "u" })),
        disabled: about(json!({ "format": "complex", "tenant": opaque("theirs") })),
    });
    assert_eq!(setup.error("secevent+jwt", &event).await, "invalid_request");
    assert!(setup.list.is_empty());
}

#[tokio::test]
async fn event_about_a_tenant_in_a_table_denies_its_callers() {
    let rule = TenantRule::table("org", [("o-1", "contoso"), ("o-2", "fabrikam")]);
    let setup = setup_with_rule(DenyList::builder(), rule).await;
    assert_eq!(setup.push(&event_about_tenant(ALPHA, "o-1")).await, 202);
    assert!(setup.is_revoked(&claims_with(ALPHA, "org", json!("o-1"))));
    assert!(!setup.is_revoked(&claims_with(ALPHA, "org", json!("o-2"))));
    let mut unknown = event_about_tenant(ALPHA, "contoso");
    unknown["jti"] = json!("event-2");
    assert_eq!(setup.error("secevent+jwt", &unknown).await, "invalid_request");
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

/// The example of RFC 8417, section 2.4. It has no signature.
#[tokio::test]
async fn unsecured_example_of_rfc_8417_is_rejected() {
    let mut setup = setup();
    let verifier = trusting([external("https://scim.example.com", "scim", 1, "a")]);
    setup.verifier = verifier.deny_list(setup.list.clone()).build().unwrap();
    setup.receiver = SecurityEventReceiver::new(&setup.verifier).unwrap();
    let example = concat!(
        "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJub25lIn0.",
        "eyJpc3MiOiJodHRwczovL3NjaW0uZXhhbXBsZS5jb20iLCJpYXQiOjE0NTg0OTY0MDQsImp0aSI6IjRk",
        "MzU1OWVjNjc1MDRhYWJhNjVkNDBiMDM2M2ZhYWQ4IiwiYXVkIjpbImh0dHBzOi8vc2NpbS5leGFtcGxl",
        "LmNvbS9GZWVkcy85OGQ1MjQ2MWZhNWJiYzg3OTU5M2I3NzU0IiwiaHR0cHM6Ly9zY2ltLmV4YW1wbGUu",
        "Y29tL0ZlZWRzLzVkNzYwNDUxNmIxZDA4NjQxZDc2NzZlZTciXSwiZXZlbnRzIjp7InVybjppZXRmOnBh",
        "cmFtczpzY2ltOmV2ZW50OmNyZWF0ZSI6eyJyZWYiOiJodHRwczovL3NjaW0uZXhhbXBsZS5jb20vVXNl",
        "cnMvNDRmNjE0MmRmOTZiZDZhYjYxZTc1MjFkOSIsImF0dHJpYnV0ZXMiOlsiaWQiLCJuYW1lIiwidXNl",
        "ck5hbWUiLCJwYXNzd29yZCIsImVtYWlscyJdfX19.",
    );
    let (status, body) = setup.status(push(example)).await;
    assert_eq!((status, &body["err"]), (400, &json!("invalid_key")));
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
    let setup = setup_with(DenyList::builder().retention(Duration::from_secs(600))).await;
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
async fn unverified_statements_do_not_fill_the_log() {
    let setup = setup();
    let log = Log::listen(Level::INFO);
    let forged = test_key(1).sign(r#"{"alg":"RS256","kid":"p","typ":"secevent+jwt"}"#, &event().to_string());
    for token in ["junk", &forged] {
        assert_eq!(setup.status(push(token)).await.0, 400);
    }
    assert!(log.lines_with("").is_empty());
}

#[tokio::test]
async fn tokens_that_outlive_denials_are_logged_once() {
    let log = Log::listen(Level::WARN);
    let setup = setup_with(DenyList::builder()).await;
    assert!(!setup.is_revoked(&claims_of(PASSPORT)));
    assert!(log.lines_with("tokens live longer than denials").is_empty(), "3,660 s is the retention");
    for sub in ["v", "w"] {
        let mut claims = claims_with(PASSPORT, "exp", json!(START + 3601));
        claims["sub"] = json!(sub);
        assert!(!setup.is_revoked(&claims));
    }
    assert_eq!(log.lines_with("tokens live longer than denials").len(), 1);
}

#[tokio::test]
async fn denied_caller_is_rejected_on_cold_and_cached_paths() {
    let setup = setup();
    let user = crate::DeniedSubject::Subject("u".to_owned());
    drop(setup.list.deny(&Denial::new(PASSPORT, user, UNIX_EPOCH + Duration::from_secs(START.into()))));
    for attempt in ["cold", "cached"] {
        assert!(setup.is_revoked(&claims_of(PASSPORT)), "{attempt}");
    }
}
