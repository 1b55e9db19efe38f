//! Logout tokens and security events that a receiver must reject, and statements as access tokens.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::{
    statements::{LOGOUT, SESSION_REVOKED, event, forged, logout, now, unsigned, with},
    *,
};
use crate::harness::http;

/// The age at which the tokens that a statement denies have expired.
const TOO_OLD: u64 = 3700;

impl EventService {
    /// Sends a logout token. Returns the status and the member `error` of the body.
    pub(super) async fn log_out(&self, token: &str) -> (u16, Value) {
        let form = format!("logout_token={token}");
        self.deliver(&self.logout_url(), "application/x-www-form-urlencoded", form, "error").await
    }

    /// Sends a security event. Returns the status and the member `err` of the body.
    pub(super) async fn push(&self, event: String) -> (u16, Value) {
        self.deliver(&self.events_url(), "application/secevent+jwt", event, "err").await
    }

    async fn deliver(&self, url: &str, media_type: &str, body: String, error: &str) -> (u16, Value) {
        let request = http().post(url).header(CONTENT_TYPE, media_type).body(body);
        let response = request.send().await.unwrap();
        let (status, body) = (response.status().as_u16(), response.bytes().await.unwrap());
        (status, serde_json::from_slice::<Value>(&body).unwrap_or_default()[error].take())
    }

    /// Asserts that no statement was accepted.
    async fn assert_no_denial(&self, passport: &DevPassport) {
        assert!(self.list.is_empty());
        assert_eq!(self.status(&passport.user_token("alice").build()).await, 200);
    }
}

#[tokio::test]
async fn event_with_invalid_claims_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let (valid, now) = (event(&passport), now(&passport));
    let foreign = json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "alice" });
    let email = json!({ "format": "email", "email": "alice@example.com" });
    let cases = [
        ("aud", json!("other-app"), "invalid_audience"),
        ("aud", Value::Null, "invalid_audience"),
        ("iss", json!("https://other.example"), "invalid_issuer"),
        ("iss", Value::Null, "invalid_issuer"),
        ("jti", Value::Null, "invalid_request"),
        ("jti", json!(""), "invalid_request"),
        ("iat", Value::Null, "invalid_request"),
        ("iat", json!(now - TOO_OLD), "invalid_request"),
        ("iat", json!(now + 600), "invalid_request"),
        ("exp", json!(now - 600), "invalid_request"),
        ("events", Value::Null, "invalid_request"),
        ("events", json!({}), "invalid_request"),
        ("events", json!([SESSION_REVOKED]), "invalid_request"),
        ("sub_id", Value::Null, "invalid_request"),
        ("sub_id", email, "invalid_request"),
        ("sub_id", foreign, "invalid_issuer"),
    ];
    for (name, value, error) in cases {
        let statement = passport.sign_statement("secevent+jwt", &with(&valid, name, value.clone()));
        assert_eq!(service.push(statement).await, (400, json!(error)), "{name}: {value}");
    }
    service.assert_no_denial(&passport).await;
    let statement = passport.sign_statement("secevent+jwt", &valid);
    assert_eq!(service.push(statement).await, (202, Value::Null));
}

#[tokio::test]
async fn logout_token_with_invalid_claims_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let (valid, now) = (logout(&passport), now(&passport));
    let cases = [
        ("nonce", json!("n"), "invalid_request"),
        ("aud", json!("other-app"), "invalid_audience"),
        ("iss", json!("https://other.example"), "invalid_issuer"),
        ("jti", Value::Null, "invalid_request"),
        ("iat", Value::Null, "invalid_request"),
        ("iat", json!(now - TOO_OLD), "invalid_request"),
        ("exp", json!(now - 600), "invalid_request"),
        ("sub", Value::Null, "invalid_request"),
        ("sub", json!(7), "invalid_request"),
        ("sid", json!(""), "invalid_request"),
        ("events", Value::Null, "invalid_request"),
        ("events", json!({ SESSION_REVOKED: {} }), "invalid_request"),
        ("events", json!({ LOGOUT: true }), "invalid_request"),
    ];
    for (name, value, error) in cases {
        let statement = passport.sign_statement("logout+jwt", &with(&valid, name, value.clone()));
        assert_eq!(service.log_out(&statement).await, (400, json!(error)), "{name}: {value}");
    }
    service.assert_no_denial(&passport).await;
    assert_eq!(service.log_out(&passport.sign_statement("logout+jwt", &valid)).await, (200, Value::Null));
}

#[tokio::test]
async fn statement_of_another_type_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let (event, logout) = (event(&passport), logout(&passport));
    for typ in ["JWT", "at+jwt", "logout+jwt", "token-introspection+jwt", ""] {
        let statement = passport.sign_statement(typ, &event);
        assert_eq!(service.push(statement).await, (400, json!("invalid_request")), "{typ}");
    }
    for typ in ["JWT", "at+jwt", "secevent+jwt", "token-introspection+jwt", ""] {
        let statement = passport.sign_statement(typ, &logout);
        assert_eq!(service.log_out(&statement).await, (400, json!("invalid_request")), "{typ}");
    }
    let access_token = passport.user_token("alice").audience(CLIENT_ID).build();
    assert_eq!(service.push(access_token.clone()).await, (400, json!("invalid_request")));
    assert_eq!(service.log_out(&access_token).await, (400, json!("invalid_request")));
    service.assert_no_denial(&passport).await;
}

#[tokio::test]
async fn unsigned_or_forged_statement_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let (event, logout) = (event(&passport), logout(&passport));
    let invalid_key = (400, json!("invalid_key"));
    assert_eq!(service.push(unsigned("secevent+jwt", &event)).await, invalid_key);
    assert_eq!(service.log_out(&unsigned("logout+jwt", &logout)).await, invalid_key);
    // After an invalid signature, the keys are fetched again, because one could be replaced.
    for attempt in 0..2 {
        let pushed = service.push(forged(&passport.sign_statement("secevent+jwt", &event))).await;
        assert_eq!(pushed, invalid_key, "attempt {attempt}");
        let logged_out = service.log_out(&forged(&passport.sign_statement("logout+jwt", &logout))).await;
        assert_eq!(logged_out, invalid_key, "attempt {attempt}");
    }
    for junk in ["", "junk", "a.b.c", "e30.e30.e30"] {
        assert_eq!(service.push(junk.to_owned()).await.0, 400, "{junk}");
        assert_eq!(service.log_out(junk).await.0, 400, "{junk}");
    }
    service.assert_no_denial(&passport).await;
}

#[tokio::test]
async fn event_of_another_passport_denies_only_its_own_callers() {
    let (passport, other) = (DevPassport::start().await.unwrap(), DevPassport::start().await.unwrap());
    let list = DenyList::new();
    let trusted = passport_inbound::TrustedIssuer::passport(other.issuer()).audience(other.audience());
    let verifier = builder(&passport).trust(trusted.name("other")).deny_list(list.clone()).build().unwrap();
    let receiver = SecurityEventReceiver::new(&verifier).unwrap().audience(CLIENT_ID);
    let url = serve(api(verifier.clone()).merge(receiver.clone().into_router())).await;
    let service = EventService { url, verifier, list, receiver };

    // A statement of the other Passport, with the subject of this one.
    let mut foreign = event(&other);
    foreign["sub_id"]["iss"] = passport.issuer().into();
    let rejected = service.push(other.sign_statement("secevent+jwt", &foreign)).await;
    assert_eq!(rejected, (400, json!("invalid_issuer")));
    // A statement with the `iss` of this Passport, signed by the other one.
    let forged = service.push(other.sign_statement("secevent+jwt", &event(&passport))).await;
    assert_eq!(forged, (400, json!("invalid_key")));
    service.assert_no_denial(&passport).await;

    let (here, there) = (passport.user_token("alice").build(), other.user_token("alice").build());
    let accepted = service.push(other.sign_statement("secevent+jwt", &event(&other))).await;
    assert_eq!(accepted, (202, Value::Null));
    assert_eq!((service.status(&here).await, service.status(&there).await), (200, 401));
}

#[tokio::test]
async fn statement_is_never_an_access_token() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let access = crate::harness::claims_of(&passport.user_token("alice").build());
    assert_eq!(service.status(&passport.sign_statement("at+jwt", &access)).await, 200);
    for typ in ["secevent+jwt", "logout+jwt", "token-introspection+jwt"] {
        assert_eq!(service.status(&passport.sign_statement(typ, &access)).await, 401, "{typ}");
    }
    for typ in ["JWT", "at+jwt", "secevent+jwt", "logout+jwt"] {
        let statement = with(&access, "events", json!({ LOGOUT: {} }));
        assert_eq!(service.status(&passport.sign_statement(typ, &statement)).await, 401, "{typ}");
    }
}

#[tokio::test]
async fn request_that_is_no_delivery_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let event = passport.sign_statement("secevent+jwt", &event(&passport));
    let send = async |media_type: &str, body: String| {
        service.deliver(&service.events_url(), media_type, body, "err").await.0
    };
    assert_eq!(send("application/jwt", event.clone()).await, 400);
    assert_eq!(send("application/secevent+jwt", "a".repeat(65 * 1024)).await, 413);
    let form = format!("logout_token={event}&logout_token={event}");
    let media_type = "application/x-www-form-urlencoded";
    assert_eq!(service.deliver(&service.logout_url(), media_type, form, "error").await.0, 400);
    assert_eq!(http().get(service.events_url()).send().await.unwrap().status(), 405);
    service.assert_no_denial(&passport).await;
}
