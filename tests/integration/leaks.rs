//! Checks that no log, error or `Debug` output contains a secret or a token, in any failure.

use std::{
    panic,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::any};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use passport_config::ManagedIdentityConfig;
use passport_dev::{ClientKeyKind, DevPassport, Endpoint, Fault, InvalidToken};
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use passport_outbound::{
    AccessToken, AllowedOrigins, AttachTokenLayer, BufferedBody, CallerToken, Clock, Lease, LeaseOutcome,
    ManagedIdentity, ManagedIdentityHttpClient, ManualClock, PrivateKeyJwt, ResolvedSecret, Secret,
    SecretError, SecretProvider, SecretRef, SecretSource, SigningAlgorithm, StoreError, StoredToken,
    SystemClock, TokenCache, TokenKey, TokenStore, Transport,
};
use tower::{Layer, Service, ServiceExt};

use crate::harness::{
    EmptyResponse, api, client, get_with, http, identity, identity_builder, serve, traced, verifier,
};

#[tokio::test]
async fn no_trace_error_or_debug_output_has_a_secret_or_a_token() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").signs_with(ClientKeyKind::P256).create();
    let hostile: Vec<_> = InvalidToken::ALL.iter().map(|hostile| passport.invalid_token(*hostile)).collect();
    let output = traced(async {
        let mut printed = vec![use_both_sides(&passport, &registered).await];
        printed.push(fail_to_get_tokens(&passport, &registered).await);
        printed.push(run_through_the_life_of_a_token(&passport, &registered).await);
        printed.push(use_custom_extensions(&passport, &registered).await);
        printed.push(use_clients_and_configurations(&passport, &registered).await);
        printed.push(reject(&verifier(&passport), &hostile).await);
        printed.push(verify_and_show_everything(&passport).await);
        printed.join("\n")
    })
    .await;

    for seen in
        ["token fetched", "token fetch failed", "request sent again with another token", "polled again"]
    {
        assert!(output.contains(seen), "the capture works: {seen}");
    }
    assert!(output.contains("signing keys installed"), "logs are captured");
    assert!(!output.contains(registered.secret()), "a client secret");
    for token in &hostile {
        let signature = token.rsplit('.').next().unwrap();
        assert!(signature.len() < 20 || !output.contains(signature), "an invalid token");
    }
    assert!(!output.contains("passw0rd"), "credentials in a URL");
    assert!(!output.contains("eyJ"), "something that looks like a token");
    let key = registered.private_key().unwrap().lines().nth(1).unwrap();
    assert!(output.contains("not an RSA key") && !output.contains(key), "a private key");
    let basic = base64_of(&format!("{}:{}", registered.client_id(), registered.secret()));
    assert!(!output.contains(&basic), "Basic credentials");
}

async fn use_both_sides(passport: &DevPassport, registered: &passport_dev::DevIdentity) -> String {
    let api = api(passport).await;
    let identity = identity(passport, registered);
    let with_query = ManagedIdentity::builder("mi", SecretSource::from_value("x"))
        .token_url("https://host/token?code=passw0rd")
        .build()
        .unwrap();
    let client = client(identity.clone(), &api);
    let status = get_with(&client, &format!("{api}/whoami")).await.unwrap().status();
    let token = identity.token().await.unwrap();
    format!("{with_query:?} {status} {identity:?} {client:?} {token:?} {registered:?} {passport:?}")
}

/// Verifies valid, revoked and nested tokens, and returns everything that the inbound side
/// prints.
async fn verify_and_show_everything(passport: &DevPassport) -> String {
    let with_query = TokenVerifier::builder("api").jwks_url("https://host/keys?code=passw0rd");
    let mut printed = vec![format!("{with_query:?}"), format!("{:?}", with_query.build().unwrap())];
    let verifier = TokenVerifier::builder(passport.audience())
        .issuer(passport.issuer())
        .reject_if(|caller| caller.user_id() == "mallory")
        .build()
        .unwrap();
    let user = |id: &str| passport.user_token(id);
    let good = user("u").build();
    for token in [
        good.clone(),
        good.clone(),
        user("mallory").build(),
        user("u").header("kid", good.as_str()).build(),
        user("u").header("typ", good.as_str()).build(),
        user("u").claim("aud", good.as_str()).build(),
        user("u").claim("iss", good.as_str()).build(),
        user("u").claim("exp", good.as_str()).build(),
    ] {
        printed.push(format!("{:?}", verifier.verify(&token).await));
    }
    let mut service = AuthenticateLayer::new(verifier.clone()).layer(EmptyResponse);
    let request = http::Request::get("/").header("authorization", format!("Bearer {good}")).body(()).unwrap();
    let future = service.call(request);
    printed.push(format!(
        "{verifier:?} {} {:?} {service:?} {future:?}",
        verifier.health(),
        verifier.health()
    ));
    let pasted = TokenVerifier::builder("api").static_jwks(good.as_str()).issuer(good.as_str()).build();
    printed.push(format!("{pasted:?} {}", pasted.as_ref().unwrap_err()));
    printed.join("\n")
}

/// Fails to fetch a token in every way, and prints the status of the identity after each.
async fn fail_to_get_tokens(passport: &DevPassport, registered: &passport_dev::DevIdentity) -> String {
    let mut printed = Vec::new();
    let mut fail = async |build: &dyn Fn() -> ManagedIdentity| {
        let identity = build();
        let error = identity.token().await.unwrap_err();
        printed.push(format!("{error} {error:?} {:?} {identity:?}", identity.status()));
    };
    for fault in [
        Fault::Down,
        Fault::Html,
        Fault::Truncated,
        Fault::Oversize(100_000),
        Fault::Status(http::StatusCode::UNAUTHORIZED),
        Fault::Status(http::StatusCode::SERVICE_UNAVAILABLE),
        Fault::Throttled("3600".to_owned()),
        Fault::Redirect("http://127.0.0.1:9/?code=passw0rd".to_owned()),
    ] {
        passport.inject(Endpoint::Token, fault);
        fail(&|| identity(passport, registered)).await;
    }
    passport.inject(Endpoint::Token, Fault::Slow(Duration::from_secs(3600)));
    fail(&|| {
        let hasty = identity_builder(passport, registered).request_timeout(Duration::from_millis(50));
        hasty.build().unwrap()
    })
    .await;
    passport.clear_fault(Endpoint::Token);
    registered.disable();
    fail(&|| identity(passport, registered)).await;
    registered.enable();
    fail(&|| identity_builder(passport, registered).scopes("all").build().unwrap()).await;
    fail(&|| {
        let nowhere = SecretSource::file("/nonexistent/secret");
        ManagedIdentity::builder("mi", nowhere).issuer(passport.issuer()).build().unwrap()
    })
    .await;

    let pasted = registered.secret().parse::<SecretRef>();
    printed.push(format!("{pasted:?}"));
    let builder = ManagedIdentity::builder("", SecretSource::from_value(registered.secret()))
        .issuer("http://user:passw0rd@host")
        .token_url("https://host/token?code=passw0rd")
        .scopes("\"");
    printed.push(format!("{builder:?}"));
    printed.push(format!("{:?}", builder.build()));
    printed.join("\n")
}

/// Runs through the life of a token: prefetched, rejected by a receiver, retried, invalidated,
/// shut down. Returns everything that can be printed.
async fn run_through_the_life_of_a_token(
    passport: &DevPassport,
    registered: &passport_dev::DevIdentity,
) -> String {
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let identity = identity_builder(passport, registered).clock(clock.clone()).build().unwrap();
    identity.ready().await.unwrap();
    clock.advance(Duration::from_secs(60));
    let refusing = serve(Router::new().route("/", any(|| async { http::StatusCode::UNAUTHORIZED }))).await;
    let origins = AllowedOrigins::new([&refusing]).unwrap();
    let layer = AttachTokenLayer::new(identity.clone(), origins).retry_unauthorized();
    let buffered =
        layer.clone().retry_unauthorized_buffered(64, reqwest::Body::wrap::<BufferedBody<reqwest::Body>>);
    let client = layer.layer(http());
    let mut printed = vec![format!("{layer:?} {buffered:?} {client:?}")];
    let response = client.clone().oneshot(http().post(&refusing).body("passw0rd").build().unwrap()).await;
    printed.push(format!("{response:?}"));
    for url in
        [refusing.replace("http://", "http://user:passw0rd@"), "https://elsewhere.example/?passw0rd".into()]
    {
        let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
        let error = client.clone().oneshot(request).await.unwrap_err();
        printed.push(format!("{error} {error:?}"));
    }
    let future = client.clone().call(http().get(&refusing).build().unwrap());
    printed.push(format!("{future:?}"));
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let origins = AllowedOrigins::new([&refusing]).unwrap();
    let hyper = AttachTokenLayer::new(identity.clone(), origins).layer(hyper);
    let response = hyper.oneshot(http::Request::get(&refusing).body(Full::default()).unwrap()).await;
    printed.push(format!("{response:?}"));
    let token = identity.token().await.unwrap();
    let stored = StoredToken::new(token.clone(), token.expires_at());
    printed.push(format!("{token:?} {stored:?} {:?}", TokenCache::memory()));
    printed.push(panic_of_a_future_that_is_polled_again(&client, &refusing).await);
    identity.invalidate();
    identity.shutdown().await;
    let error = identity.token().await.unwrap_err();
    printed.push(format!("{error} {error:?} {:?}", identity.status()));
    printed.join("\n")
}

/// A store that fails when it gets a token, and includes the token in its error.
#[derive(Debug)]
struct BrokenStore(Arc<Mutex<Vec<String>>>);

impl BrokenStore {
    fn fails<T>(&self, key: &TokenKey, seen: &dyn std::fmt::Debug) -> Result<T, StoreError> {
        let error = StoreError::new("broken").with_source(std::io::Error::other("disk"));
        self.0.lock().unwrap().push(format!("{key} {key:?} {seen:?} {error} {error:?}"));
        Err(error)
    }
}

impl TokenStore for BrokenStore {
    async fn get(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        Ok(None)
    }

    async fn put(&self, key: &TokenKey, _: &str, token: &StoredToken) -> Result<(), StoreError> {
        self.fails(key, token)
    }

    async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        self.fails(key, token)
    }

    async fn try_lease(&self, _: &TokenKey, _: &str, _: Duration) -> Result<LeaseOutcome, StoreError> {
        Ok(LeaseOutcome { lease: Lease::Granted, token: None })
    }

    async fn release(&self, key: &TokenKey, _: &str) -> Result<(), StoreError> {
        self.fails(key, &())
    }
}

/// Returns a wrong secret first and the right one afterwards, as during a rotation.
#[derive(Debug)]
struct Rotating {
    right: ResolvedSecret,
    asked: AtomicBool,
}

impl SecretProvider for Rotating {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let wrong = ResolvedSecret::new(Secret::new("mics_sk_wrong"));
        Ok(if self.asked.swap(true, Ordering::SeqCst) { self.right.clone() } else { wrong })
    }
}

/// A provider that panics with a secret in its message.
#[derive(Debug)]
struct Panicking;

impl SecretProvider for Panicking {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        panic!("this provider panics on purpose")
    }
}

/// Uses extensions of the user: a store that fails, a secret that changes, a provider that
/// panics.
async fn use_custom_extensions(passport: &DevPassport, registered: &passport_dev::DevIdentity) -> String {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let cache = TokenCache::shared(BrokenStore(Arc::clone(&seen)));
    let shared = identity_builder(passport, registered).token_cache(cache.clone()).build().unwrap();
    shared.token().await.unwrap();
    shared.invalidate();
    shared.token().await.unwrap();
    let right = ResolvedSecret::new(Secret::new(registered.secret())).with_version("2");
    let mut printed = vec![format!("{cache:?} {shared:?} {right:?}")];
    printed.append(&mut seen.lock().unwrap());

    let reference: SecretRef = "vault:payroll".parse().unwrap();
    let rotating = Rotating { right, asked: AtomicBool::new(false) };
    for secret in [SecretSource::new(rotating, reference.clone()), SecretSource::new(Panicking, reference)] {
        printed.push(format!("{secret:?}"));
        let builder = ManagedIdentity::builder(registered.client_id(), secret).issuer(passport.issuer());
        let outcome = builder.build().unwrap().token().await;
        printed.push(format!("{outcome:?} {:?}", Transport::default()));
    }
    printed.join("\n")
}

/// Uses a client for several callers, an identity that signs, and invalid configurations.
async fn use_clients_and_configurations(
    passport: &DevPassport,
    registered: &passport_dev::DevIdentity,
) -> String {
    let api = api(passport).await;
    let token =
        AccessToken::new(&passport.user_token("ada").build(), SystemClock.now() + Duration::from_secs(60));
    let caller = CallerToken::new(token.unwrap());
    let builder = ManagedIdentityHttpClient::builder(identity(passport, registered), &api).client(http());
    let mut printed = vec![format!("{builder:?} {caller:?}")];
    let client = builder.build().unwrap();
    for request in [
        client.get("/whoami"),
        client.get("/whoami").caller(caller.clone()),
        client.get("/whoami").scopes("openid tenant"),
        client.get("https://elsewhere.example/?passw0rd").caller(caller.clone()),
        client.get("/").header("authorization", registered.secret()),
    ] {
        printed.push(format!("{request:?}"));
        let outcome = request.send().await;
        printed
            .push(outcome.map_or_else(|error| format!("{error} {error:?}"), |answer| format!("{answer:?}")));
    }
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Rs256] {
        let key = SecretSource::from_value(registered.private_key().unwrap());
        let builder = ManagedIdentity::builder(registered.client_id(), key).issuer(passport.issuer());
        let builder = builder.client_authentication(PrivateKeyJwt::new(algorithm).into());
        let identity = builder.build().unwrap();
        printed.push(format!("{identity:?} {:?}", identity.token().await));
    }
    for secret in [registered.secret(), registered.private_key().unwrap()] {
        for key in
            ["client_id", "client_secret", "client_secret_ref", "secret_provider", "scopes", "token_url"]
        {
            let config: ManagedIdentityConfig =
                serde_json::from_value(serde_json::json!({ key: format!("{secret}\u{e9}") })).unwrap();
            printed.push(format!("{config:?} {:?}", config.build()));
        }
    }
    printed.join("\n")
}

/// The only panic of the libraries that a caller can cause.
async fn panic_of_a_future_that_is_polled_again(
    client: &passport_outbound::AttachToken<reqwest::Client, passport_outbound::RetryCloned>,
    url: &str,
) -> String {
    let foreign = reqwest::Request::new(reqwest::Method::GET, url.replace("http", "https").parse().unwrap());
    let mut future = std::pin::pin!(client.clone().call(foreign));
    assert!(future.as_mut().await.is_err());
    let polled = panic::AssertUnwindSafe(future).catch_unwind().await;
    let payload = polled.unwrap_err();
    payload.downcast::<String>().map_or_else(|_| "?".to_owned(), |message| *message)
}

async fn reject(verifier: &TokenVerifier, tokens: &[String]) -> String {
    let mut printed = vec![format!("{verifier:?}")];
    for token in tokens {
        let outcome = verifier.verify(token).await;
        printed.push(format!("{outcome:?}"));
    }
    printed.join("\n")
}

fn base64_of(text: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.encode(text)
}
