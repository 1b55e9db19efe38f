//! Introspection, revocation and logout tokens of `oidc-provider`, and statements that `jose`
//! signs. `cargo xtask test` installs both from npm.

use std::{sync::LazyLock, time::Duration};

use passport_inbound::TrustedIssuer;
use passport_test_support::{processes::LineProcess, servers::client};
use serde_json::{Value, json};

use super::{
    statements::{LOGOUT, SESSION_REVOKED, with},
    *,
};
use crate::{
    npm,
    token_factory::{ISSUER, KID, TokenFactory},
};

const AUDIENCE: &str = "urn:example:orders";
const CLIENT_SECRET: &str = "the secret of orders";

/// The key of the issuer. All tests share it, because generating a key is slow.
static KEY: LazyLock<TokenFactory> = LazyLock::new(TokenFactory::new);

/// Starts a script in Node.js. If its packages are not installed, reports that the test is skipped
/// and returns `None`.
fn start(script: &str) -> Option<LineProcess> {
    let lock_file = include_str!("../issuers/servers/package-lock.json");
    let mut node = npm::script("issuers", lock_file, script)?;
    Some(LineProcess::spawn(node.arg("0")))
}

/// A running `oidc-provider`.
struct Provider {
    process: LineProcess,
    url: String,
}

impl Provider {
    /// Starts the issuer. It sends logout tokens to `logout_uri`.
    async fn start(logout_uri: &str) -> Option<Self> {
        let mut provider = Self { process: start("revoking_provider.mjs")?, url: String::new() };
        let client = json!({ "id": CLIENT_ID, "secret": CLIENT_SECRET, "logoutUri": logout_uri });
        let claims = json!({ "sub": "orders", "tenant_id": "contoso" });
        let keys = [KEY.private_jwk("1")];
        let settings = json!({ "client": client, "keys": keys, "claims": claims });
        let response = provider.ask(&json!({ "settings": settings })).await;
        provider.url = format!("http://127.0.0.1:{}", response["port"]);
        Some(provider)
    }

    async fn ask(&mut self, line: &Value) -> Value {
        self.process.send(&line.to_string()).await;
        serde_json::from_str(&self.process.receive().await).unwrap()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Response {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = client().post(format!("{}{path}", self.url)).body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).send().await.unwrap()
    }

    /// Fetches an opaque token.
    async fn token(&self) -> String {
        let form = [("grant_type", "client_credentials"), ("resource", AUDIENCE)];
        let response: Value = self.post("/token", &form).await.json().await.unwrap();
        let token = response["access_token"].as_str().unwrap_or_else(|| panic!("{response}"));
        assert_eq!(token.matches('.').count(), 0, "an opaque token");
        token.to_owned()
    }

    fn issuer(&self) -> TrustedIssuer {
        TrustedIssuer::passport(&self.url).audience(AUDIENCE)
    }

    /// Returns settings to introspect the opaque tokens of the issuer.
    fn introspection(&self) -> Introspection {
        Introspection::new(CLIENT_ID, SecretSource::from_value(CLIENT_SECRET))
            .endpoint(format!("{}/token/introspection", self.url))
            .mode(IntrospectionMode::opaque())
    }

    /// Signs an access token of the issuer for a session of the user `ada`.
    fn token_of_session(&self, sid: &str) -> String {
        let claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "ada", "tenant_id": "contoso", "sid": sid,
            "iat": KEY.now, "exp": KEY.now + 3600,
        });
        KEY.sign(json!({ "alg": "RS256", "kid": "1", "typ": "at+jwt" }).to_string(), claims.to_string())
    }
}

#[tokio::test]
async fn opaque_token_of_oidc_provider_is_seen_as_revoked() {
    for signed in [false, true] {
        let Some(provider) = Provider::start("http://127.0.0.1:9/").await else { return };
        let introspection = provider.introspection();
        let introspection = if signed { introspection.require_signed() } else { introspection };
        let clock = ManualClock::at_unix_seconds(KEY.now.try_into().unwrap());
        let verifier = TokenVerifier::trusting(provider.issuer().introspection(introspection));
        let verifier = verifier.clock(clock.clone()).build().unwrap();
        let url = format!("{}/whoami", crate::harness::api_behind(verifier.clone()).await);

        let token = provider.token().await;
        let caller = verifier.verify(&token).await.unwrap();
        assert_eq!((caller.user_id(), caller.tenant_id()), ("orders", "contoso"), "signed: {signed}");
        assert_eq!(status_with(&url, Some(&token)).await, 200);
        assert_eq!(status_with(&url, Some("a-token-of-no-issuer")).await, 401);

        let revoked = provider.post("/token/revocation", &[("token", &token)]).await;
        assert_eq!(revoked.status(), 200);
        clock.advance(Duration::from_secs(14));
        assert_eq!(status_with(&url, Some(&token)).await, 200);
        clock.advance(Duration::from_secs(1));
        assert_eq!(status_with(&url, Some(&token)).await, 401, "signed: {signed}");
    }
}

#[tokio::test]
async fn logout_token_of_oidc_provider_denies_the_session() {
    // The service needs the URL of the issuer, and the issuer that of the service.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let Some(mut provider) = Provider::start(&format!("{url}/backchannel-logout")).await else { return };
    let list = DenyList::new();
    let verifier = TokenVerifier::trusting(provider.issuer()).deny_list(list.clone()).build().unwrap();
    let receiver = SecurityEventReceiver::new(&verifier).unwrap().audience(CLIENT_ID);
    let router = api(verifier.clone()).merge(receiver.clone().into_router());
    passport_test_support::servers::serve_on(listener, router);
    let service = EventService { url, verifier, list, receiver };

    let (here, there) = (provider.token_of_session("s-1"), provider.token_of_session("s-2"));
    assert_eq!((service.status(&here).await, service.status(&there).await), (200, 200));
    // The provider fails if the response is not a success.
    provider.ask(&json!({ "logout": { "client": CLIENT_ID, "sub": "ada", "sid": "s-1" } })).await;
    assert_eq!((service.status(&here).await, service.status(&there).await), (401, 200));
}

/// A service that trusts [`KEY`].
async fn service() -> EventService {
    let list = DenyList::new();
    let issuer = TrustedIssuer::passport(ISSUER).static_jwks(KEY.jwks().to_string());
    let verifier = TokenVerifier::trusting(issuer.audience(AUDIENCE)).deny_list(list.clone());
    let verifier = verifier.build().unwrap();
    let receiver = SecurityEventReceiver::new(&verifier).unwrap();
    let url = serve(api(verifier.clone()).merge(receiver.clone().into_router())).await;
    EventService { url, verifier, list, receiver }
}

/// Returns the claims of a statement about the user `ada`.
fn claims(event: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": KEY.now, "jti": event,
        "sub": "ada", "events": { event: {} },
    })
}

#[tokio::test]
async fn statement_of_jose_needs_the_key_of_the_issuer() {
    let Some(mut jose) = start("statements.mjs") else { return };
    let (key, other_key) = (KEY.private_jwk(KID), TokenFactory::new().private_jwk(KID));
    let pss_key = with(&key, "alg", json!("PS256"));
    let service = service().await;
    let (event, logout) = (claims(SESSION_REVOKED), claims(LOGOUT));
    let header = |alg: &str, typ: &str| json!({ "alg": alg, "typ": typ, "kid": KID });
    let public_key = KEY.jwk()["n"].clone();
    let rejected = [
        json!({ "header": header("RS256", "secevent+jwt"), "claims": event, "key": other_key }),
        json!({ "header": header("PS256", "secevent+jwt"), "claims": event, "key": pss_key }),
        json!({ "header": header("HS256", "secevent+jwt"), "claims": event, "secret": public_key }),
        json!({ "header": header("RS256", "JWT"), "claims": event, "key": key }),
        json!({ "header": header("RS256", "at+jwt"), "claims": logout, "key": key }),
        json!({ "header": {}, "claims": event }),
    ];
    for line in rejected {
        jose.send(&line.to_string()).await;
        let statement = jose.receive().await;
        assert_eq!(service.push(statement.clone()).await.0, 400, "{line}");
        assert_eq!(service.log_out(&statement).await.0, 400, "{line}");
    }
    assert!(service.list.is_empty());
    for (typ, claims) in [("secevent+jwt", &event), ("logout+jwt", &logout)] {
        let line = json!({ "header": header("RS256", typ), "claims": claims, "key": key });
        jose.send(&line.to_string()).await;
        let statement = jose.receive().await;
        let status = match typ {
            "secevent+jwt" => service.push(statement).await.0,
            _ => service.log_out(&statement).await.0,
        };
        assert!((200..300).contains(&status), "{typ}: {status}");
    }
    assert_eq!(service.list.len(), 1, "both deny the user");
}
