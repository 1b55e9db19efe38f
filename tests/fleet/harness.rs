//! A dev Passport, an API that authenticates requests, and the configuration of workers.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{Router, routing::get};
use passport_dev::{DevIdentity, DevPassport, DevPassportBuilder, Endpoint, Fault};
use passport_inbound::AuthenticateLayer;
use passport_outbound::{ManagedIdentity, ManagedIdentityBuilder, SecretSource, TokenCache};
use passport_redis::{EncryptionKeys, RedisTokenStore};
use passport_test_support::{
    harness::{identity_builder, verifier},
    servers::serve,
};
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// 32 bytes in base64, like the output of `openssl rand -base64 32`.
pub(crate) const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The number of concurrent tests. They measure times, but mostly wait: two fleets of eight
/// instances leave half of two processors idle.
const TESTS_AT_A_TIME: u32 = 2;

/// A Passport and an API.
pub(crate) struct Setup {
    pub(crate) passport: DevPassport,
    pub(crate) registered: DevIdentity,
    pub(crate) api: String,
    _permit: OwnedSemaphorePermit,
}

impl Setup {
    /// Starts a Passport that issues tokens with this lifetime.
    pub(crate) async fn with_tokens_for(lifetime: Duration) -> Self {
        Self::with(DevPassport::builder().token_lifetime(lifetime)).await
    }

    /// Starts `passport` with a delay of 50 ms per token, which is the time of a password hash.
    pub(crate) async fn with(passport: DevPassportBuilder) -> Self {
        Self::beside_others(passport, 1).await
    }

    /// Starts a Passport that issues tokens with this lifetime, and excludes all other tests. It is
    /// for a test with as many processes as a machine can run.
    pub(crate) async fn alone(lifetime: Duration) -> Self {
        Self::beside_others(DevPassport::builder().token_lifetime(lifetime), TESTS_AT_A_TIME).await
    }

    async fn beside_others(passport: DevPassportBuilder, permits: u32) -> Self {
        static PERMITS: LazyLock<Arc<Semaphore>> =
            LazyLock::new(|| Arc::new(Semaphore::new(TESTS_AT_A_TIME as usize)));
        let permit = Arc::clone(&PERMITS).acquire_many_owned(permits).await.unwrap();
        let passport = passport.start().await.unwrap();
        passport.inject(Endpoint::Token, Fault::Slow(Duration::from_millis(50)));
        let verifier = verifier(&passport);
        // Fetches the keys first: the number of requests that may wait for keys is limited, and
        // thousands arrive together.
        verifier.ready().await.unwrap();
        let router =
            Router::new().route("/sync", get(|| async { "synced" })).layer(AuthenticateLayer::new(verifier));
        let api = serve(router).await;
        let registered = passport.managed_identity("payroll").create();
        Self { passport, registered, api, _permit: permit }
    }

    /// Returns the configuration of a worker that shares tokens on the Redis at `urls`.
    pub(crate) fn worker_config(&self, kind: &str, urls: &[String]) -> Value {
        let mut config = self.worker_config_without_redis();
        config["kind"] = kind.into();
        config["urls"] = urls.into();
        config["key"] = KEY.into();
        config
    }

    pub(crate) fn worker_config_without_redis(&self) -> Value {
        json!({
            "client_id": self.registered.client_id(),
            "secret": self.registered.secret(),
            "issuer": self.passport.issuer(),
            "api": self.api,
        })
    }

    /// Returns an instance of the identity in this process.
    pub(crate) fn identity(&self, store: RedisTokenStore) -> ManagedIdentity {
        self.builder().token_cache(TokenCache::shared(store)).build().unwrap()
    }

    pub(crate) fn builder(&self) -> ManagedIdentityBuilder {
        identity_builder(&self.passport, &self.registered)
    }

    pub(crate) fn token_requests(&self) -> u64 {
        self.passport.counters().token()
    }
}

pub(crate) fn store(url: &str) -> RedisTokenStore {
    RedisTokenStore::builder(url, keys()).build().unwrap()
}

pub(crate) fn keys() -> EncryptionKeys {
    EncryptionKeys::new(SecretSource::from_value(KEY))
}

pub(crate) async fn token(identity: &ManagedIdentity) -> String {
    identity.token().await.unwrap().expose().to_owned()
}

/// Prints a measurement.
#[expect(clippy::print_stdout, reason = "figures are for readers of the output")]
pub(crate) fn figure(what: &str, took: Duration, report: &crate::workers::Report, requests: u64) {
    println!(
        "figure: {what}: {requests} token requests, {} calls, {} failed, longest {:.0} ms, in {:.1} s",
        report.succeeded + report.failed,
        report.failed,
        report.longest_ms,
        took.as_secs_f64()
    );
}
