//! A client secret is rotated, and nobody notices.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::{Arc, Mutex},
};

use axum::{extract::State, http::HeaderMap};
use futures_util::future::join_all;
use passport_outbound::{ResolvedSecret, SecretError, SecretProvider, SecretRef};
use passport_secrets::CachedSecrets;
use tokio::time::{MissedTickBehavior, interval};

use super::*;
use crate::support::{BoxError, http, serve};

/// A vault with one secret, which an operator may replace.
#[derive(Clone, Debug)]
struct Vault(Arc<Mutex<String>>);

impl Vault {
    fn put(&self, secret: &str) {
        secret.clone_into(&mut self.0.lock().unwrap());
    }
}

impl SecretProvider for Vault {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        Ok(ResolvedSecret::new(self.0.lock().unwrap().as_str().into()))
    }
}

/// An API that asks Passport about each token, and so sees at once that one was revoked.
async fn introspecting_api(passport: &DevPassport) -> String {
    let asks = passport.managed_identity("api").create();
    let introspection = format!("{}/passport/token/introspect", passport.issuer());
    let state = (http(), introspection, asks.client_id().to_owned(), asks.secret().to_owned());
    let router = axum::Router::new().route("/sync", axum::routing::get(introspected)).with_state(state);
    serve(router).await
}

const FORM: &str = "application/x-www-form-urlencoded";

type Asks = (reqwest::Client, String, String, String);

async fn introspected(State((http, url, id, secret)): State<Asks>, headers: HeaderMap) -> http::StatusCode {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
    let asked = http.post(url).basic_auth(id, Some(secret)).header("content-type", FORM).body(form);
    let answer = asked.send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    if answer["active"] == true { http::StatusCode::OK } else { http::StatusCode::UNAUTHORIZED }
}

/// What became of some calls.
#[derive(Debug, Default)]
struct Tally {
    succeeded: usize,
    failed: Vec<String>,
}

/// So many calls, ten each hundredth of a second if the machine keeps up.
async fn load(client: impl AsyncFn() -> Result<reqwest::Response, BoxError>, calls: usize) -> Tally {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tally = Tally::default();
    for _ in 0..calls / 10 {
        ticks.tick().await;
        for answer in join_all((0..10).map(|_| client())).await {
            match answer {
                Ok(response) if response.status() == 200 => tally.succeeded += 1,
                Ok(response) => tally.failed.push(response.status().to_string()),
                Err(error) => tally.failed.push(error.to_string()),
            }
        }
    }
    tally
}

/// The old secret is revoked as soon as the new one is in the vault, which ends its tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_do_not_notice_that_the_secret_is_rotated_and_the_old_one_revoked() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let (clock, vault) = (clock(), Vault(Arc::new(Mutex::new(registered.secret().to_owned()))));
    let secrets = CachedSecrets::new(vault.clone()).clock(clock.clone());
    let identity = ManagedIdentity::builder(
        registered.client_id(),
        SecretSource::new(secrets, "vault:payroll".parse().unwrap()),
    )
    .issuer(passport.issuer())
    .clock(clock.clone())
    .build()
    .unwrap();
    let api = introspecting_api(&passport).await;
    let layer = AttachTokenLayer::new(identity, AllowedOrigins::new([&api]).unwrap()).replay_clones();
    let client = layer.layer(http());
    let url = format!("{api}/sync");
    let call = async || {
        let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
        tower::ServiceExt::oneshot(client.clone(), request).await
    };
    let mut old = registered.secret_id().to_owned();
    // Within the time for which the secret is believed, and after it.
    for (minutes, requests) in [(1, 2), (6, 1), (1, 2)] {
        assert_eq!(load(&call, 10).await.succeeded, 10);
        let before = passport.counters().token();
        let rotation = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            clock.advance(minutes * 60 * SECOND);
            let new = registered.generate_secret();
            vault.put(new.value());
            registered.revoke_secret(&old);
            new.id().clone_into(&mut old);
        };
        let (tally, ()) = tokio::join!(load(&call, 400), rotation);
        assert_eq!((tally.succeeded, &*tally.failed), (400, &[][..]));
        // One for the token that was revoked; one more was refused if the old secret was still believed.
        assert_eq!(passport.counters().token() - before, requests, "after {minutes} min");
    }
}

/// As Kubernetes does it: a new folder, and a symbolic link that is renamed over the old one.
#[tokio::test]
async fn of_a_hundred_swaps_of_a_mounted_secret_each_is_seen_and_none_in_part() {
    let mount = tempfile::tempdir().unwrap();
    let put = |version: usize| {
        let folder = mount.path().join(format!("..version_{version}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("secret"), format!("secret-{version}").repeat(1000)).unwrap();
        symlink(&folder, mount.path().join("..data_tmp")).unwrap();
        fs::rename(mount.path().join("..data_tmp"), mount.path().join("..data")).unwrap();
    };
    put(0);
    symlink("..data/secret", mount.path().join("secret")).unwrap();
    let source = SecretSource::file(mount.path().join("secret").to_str().unwrap());
    let reader = tokio::spawn({
        let source = source.clone();
        async move {
            for _ in 0..500 {
                let read = source.resolve().await.unwrap();
                let text = read.secret().expose();
                let one = &text[..text[1..].find("secret").unwrap() + 1];
                assert_eq!(one.repeat(1000), text);
                tokio::task::yield_now().await;
            }
        }
    });
    for version in 1..=100 {
        put(version);
        let read = source.resolve().await.unwrap();
        assert!(read.secret().expose().starts_with(&format!("secret-{version}secret")), "{version}");
    }
    reader.await.unwrap();
}
