//! A hundred identities with concurrent callers in one process, while tokens are rejected,
//! secrets are rotated and keys change. The API checks that each request carries the token of
//! its identity.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::{StreamExt, stream};
use passport_dev::{DevIdentity, DevPassport};
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{
    AccessToken, CallerToken, Clock, ManagedIdentity, ManagedIdentityHttpClient, ManualClock, ResolvedSecret,
    Secret, SecretError, SecretProvider, SecretRef, SecretSource, TokenCache,
};

use crate::harness::{START, http, serve};

const IDENTITIES: usize = 100;
const ROUNDS: usize = 40;

/// The counts of the API.
#[derive(Debug, Default)]
struct Counts {
    right: AtomicUsize,
    /// The caller of the token, and the expected caller.
    wrong: Mutex<BTreeSet<(String, String)>>,
    refused: AtomicUsize,
    callers: Mutex<BTreeSet<String>>,
}

/// Rejects every seventh request with the right token.
async fn check_token(
    State(counts): State<Arc<Counts>>,
    Path(expected): Path<String>,
    caller: IdInfo,
    headers: HeaderMap,
) -> Response {
    if caller.user_id() != expected || headers.get_all("authorization").iter().count() != 1 {
        counts.wrong.lock().unwrap().insert((caller.user_id().to_owned(), expected));
        return StatusCode::CONFLICT.into_response();
    }
    counts.callers.lock().unwrap().insert(expected);
    if counts.right.fetch_add(1, Ordering::SeqCst) % 7 == 6 {
        counts.refused.fetch_add(1, Ordering::SeqCst);
        let challenge = [("www-authenticate", "Bearer error=\"invalid_token\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    StatusCode::OK.into_response()
}

/// The current secret of each identity.
#[derive(Clone, Debug, Default)]
struct InMemorySecrets(Arc<Mutex<BTreeMap<String, Secret>>>);

impl InMemorySecrets {
    fn put(&self, registered: &DevIdentity, secret: &str) {
        self.0.lock().unwrap().insert(registered.client_id().to_owned(), Secret::new(secret));
    }
}

impl SecretProvider for InMemorySecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new(self.0.lock().unwrap()[reference.path()].clone()))
    }
}

struct Setup {
    passport: DevPassport,
    clock: ManualClock,
    secrets: InMemorySecrets,
    identities: Vec<(DevIdentity, ManagedIdentity)>,
    client: ManagedIdentityHttpClient,
    counts: Arc<Counts>,
}

impl Setup {
    async fn new() -> Self {
        let clock = ManualClock::at_unix_seconds(START);
        let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
        let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer());
        let verifier = verifier.clock(clock.clone()).build().unwrap();
        let counts = Arc::<Counts>::default();
        let router = Router::new()
            .route("/of/{name}", get(check_token))
            .layer(AuthenticateLayer::new(verifier))
            .with_state(Arc::clone(&counts));
        let api = serve(router).await;

        let (secrets, cache) = (InMemorySecrets::default(), TokenCache::memory());
        let identities: Vec<_> = (0..IDENTITIES)
            .map(|number| {
                let registered = passport.managed_identity(&format!("service-{number}")).create();
                secrets.put(&registered, registered.secret());
                let place = format!("vault:{}", registered.client_id()).parse().unwrap();
                let secret = SecretSource::new(secrets.clone(), place);
                let identity = ManagedIdentity::builder(registered.client_id(), secret)
                    .issuer(passport.issuer())
                    .token_cache(cache.clone())
                    .clock(clock.clone());
                (registered, identity.build().unwrap())
            })
            .collect();
        let client = ManagedIdentityHttpClient::builder(identities[0].1.clone(), &api);
        let client = client.client(http()).retry_unauthorized().build().unwrap();
        Self { passport, clock, secrets, identities, client, counts }
    }

    /// Makes one call: usually as the service, sometimes on behalf of a user, sometimes with other
    /// scopes.
    async fn call(&self, call: usize) {
        let (registered, identity) = &self.identities[(call * 7 + call / IDENTITIES) % IDENTITIES];
        let outcome = if call.is_multiple_of(5) {
            let user = format!("user-{}", call % 50);
            let token = self.passport.user_token(&user).build();
            let token = AccessToken::new(&token, self.clock.now() + super::HOUR).unwrap();
            let caller = CallerToken::new(token);
            let request = self.client.get(&format!("/of/{user}"));
            let as_caller = passport_outbound::CallerIdentity::from_token(caller).clock(self.clock.clone());
            request.identity(as_caller.or(identity.clone())).send().await
        } else {
            let request =
                self.client.get(&format!("/of/{}", registered.client_id())).identity(identity.clone());
            let request = if call.is_multiple_of(11) { request.scopes("openid tenant") } else { request };
            request.send().await
        };
        let status = outcome.unwrap().status();
        assert!(status == StatusCode::OK || status == StatusCode::UNAUTHORIZED, "{status}");
    }

    /// Runs between two rounds: advances the clock, rotates secrets and revokes their tokens, and
    /// sometimes rotates the keys.
    async fn rotate_secrets(&self, round: usize) {
        self.clock.advance(Duration::from_secs(120));
        for (registered, identity) in self.identities.iter().skip(round % 10).step_by(10) {
            let next = registered.generate_secret();
            self.secrets.put(registered, next.value());
            registered.revoke_secret(registered.secret_id());
            identity.invalidate();
        }
        if round % 16 == 8 {
            self.passport.rotate_keys().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_carries_the_token_of_its_own_identity() {
    let setup = Setup::new().await;
    for round in 0..ROUNDS {
        let calls = (0..IDENTITIES).map(|call| setup.call(round * IDENTITIES + call));
        let calls = stream::iter(calls).buffer_unordered(32).collect::<()>();
        tokio::join!(calls, setup.rotate_secrets(round));
    }
    let counts = &setup.counts;
    assert_eq!(*counts.wrong.lock().unwrap(), BTreeSet::new(), "(token of, expected)");
    assert!(counts.right.load(Ordering::SeqCst) >= IDENTITIES * ROUNDS, "{counts:?}");
    assert!(counts.refused.load(Ordering::SeqCst) > 500, "{counts:?}");
    assert_eq!(counts.callers.lock().unwrap().len(), IDENTITIES + 10, "every identity, and ten users");
}
