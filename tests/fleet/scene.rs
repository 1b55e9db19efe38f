//! What every test here needs: Passport, an API, and what workers are told.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get};
use passport_dev::{DevIdentity, DevPassport, Endpoint, Fault};
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use passport_outbound::{ManagedIdentity, ManagedIdentityBuilder, SecretSource, TokenCache};
use passport_redis::{EncryptionKeys, RedisTokenStore};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex, OwnedMutexGuard},
};

/// 32 bytes in base64, as `openssl rand -base64 32` makes them.
pub(crate) const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

pub(crate) struct Scene {
    pub(crate) passport: DevPassport,
    pub(crate) registered: DevIdentity,
    pub(crate) api: String,
    /// Machines are small; the tests take turns.
    _alone: OwnedMutexGuard<()>,
}

impl Scene {
    /// With tokens that live for `lifetime`, and a Passport that takes its time, as a password hash does.
    pub(crate) async fn with_tokens_for(lifetime: Duration) -> Self {
        static ONE: std::sync::LazyLock<Arc<Mutex<()>>> = std::sync::LazyLock::new(Arc::default);
        let alone = Arc::clone(&ONE).lock_owned().await;
        let passport = DevPassport::builder().token_lifetime(lifetime).start().await.unwrap();
        passport.inject(Endpoint::Token, Fault::Slow(Duration::from_millis(50)));
        let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap();
        // Before its first call: of thousands that come at once, only so many may wait for keys.
        verifier.ready().await.unwrap();
        let router =
            Router::new().route("/sync", get(|| async { "synced" })).layer(AuthenticateLayer::new(verifier));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        let registered = passport.managed_identity("payroll").create();
        Self { passport, registered, api, _alone: alone }
    }

    /// What a worker is told that shares tokens on the Redis at `urls`.
    pub(crate) fn setup(&self, kind: &str, urls: &[String]) -> Value {
        let mut setup = self.setup_without_redis();
        setup["kind"] = kind.into();
        setup["urls"] = urls.into();
        setup["key"] = KEY.into();
        setup
    }

    pub(crate) fn setup_without_redis(&self) -> Value {
        json!({
            "client_id": self.registered.client_id(),
            "secret": self.registered.secret(),
            "issuer": self.passport.issuer(),
            "api": self.api,
        })
    }

    /// An instance in this process.
    pub(crate) fn identity(&self, store: RedisTokenStore) -> ManagedIdentity {
        self.builder().token_cache(TokenCache::shared(store)).build().unwrap()
    }

    pub(crate) fn builder(&self) -> ManagedIdentityBuilder {
        ManagedIdentity::builder(self.registered.client_id(), SecretSource::fixed(self.registered.secret()))
            .issuer(self.passport.issuer())
    }

    pub(crate) fn token_requests(&self) -> u64 {
        self.passport.counters().token()
    }
}

pub(crate) fn store(url: &str) -> RedisTokenStore {
    RedisTokenStore::builder(url, keys()).build().unwrap()
}

pub(crate) fn keys() -> EncryptionKeys {
    EncryptionKeys::new(SecretSource::fixed(KEY))
}

pub(crate) async fn token(identity: &ManagedIdentity) -> String {
    identity.token().await.unwrap().expose().to_owned()
}

/// For whoever reads the output: what was measured.
#[expect(clippy::print_stdout, reason = "that is what it is for")]
pub(crate) fn figure(what: &str, took: Duration, report: &crate::workers::Report, requests: u64) {
    println!(
        "figure: {what}: {requests} token requests, {} calls, {} failed, longest {:.0} ms, in {:.1} s",
        report.succeeded + report.failed,
        report.failed,
        report.longest_ms,
        took.as_secs_f64()
    );
}
