mod attack;
mod properties;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::HeaderValue;
use passport_core::Transport;
use serde_json::json;

use super::*;
use crate::{
    ClaimMap, JwksState, RejectionReason, TenantRule, TokenVerifier, TrustedIssuer,
    test_support::{
        ScriptedIssuer, ScriptedResponse, TokioClock,
        issuers::{ALPHA, BETA, PASSPORT, claims_of, claims_with, external, passport, trusting, verify},
        signing::test_key,
    },
};

/// A scripted issuer that serves one key for all issuers, and the transport to it.
struct Setup {
    issuer: ScriptedIssuer,
    transport: Transport,
    clock: TokioClock,
}

impl Setup {
    fn new() -> Self {
        let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks("k")));
        Self { transport: Transport::new(issuer.clone()), issuer, clock: TokioClock::start() }
    }

    /// Returns a builder that trusts a Passport and `others`.
    fn builder(&self, others: impl IntoIterator<Item = TrustedIssuer>) -> TokenVerifierBuilder {
        let first = TokenVerifier::builder("api")
            .issuer(PASSPORT)
            .jwks_url(format!("{PASSPORT}/keys"))
            .transport(self.transport.clone())
            .clock(self.clock.clone());
        others.into_iter().fold(first, TokenVerifierBuilder::trust)
    }
}

/// Returns an external issuer without static keys.
fn fetching(iss: &str, name: &str) -> TrustedIssuer {
    TrustedIssuer::external(iss)
        .name(name)
        .audience("api")
        .tenant(TenantRule::fixed("contoso"))
        .jwks_url(format!("{iss}/keys"))
}

fn alpha() -> TrustedIssuer {
    fetching(ALPHA, "alpha")
}

fn token_of(iss: &str) -> String {
    let mut claims = claims_with(iss, "groups", json!(["clerks"]));
    claims["exp"] = json!(crate::test_support::START + 30 * 24 * 3600);
    test_key(0).token("k", &claims)
}

/// Returns the changes as they are logged.
fn replace(verifier: &TokenVerifier, builder: TokenVerifierBuilder) -> String {
    verifier.replace(builder).unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn unchanged_issuers_keep_keys_and_cached_tokens() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let (own, of_alpha) = (token_of(PASSPORT), token_of(ALPHA));
    let before = [verifier.verify(&own).await.unwrap(), verifier.verify(&of_alpha).await.unwrap()];
    let changes = verifier.replace(setup.builder([alpha()])).unwrap();
    assert!(changes.is_empty());
    assert_eq!(changes.unchanged(), [PASSPORT, "alpha"]);
    assert_eq!(
        replace(&verifier, setup.builder([fetching(BETA, "beta"), alpha()])),
        "added [\"beta\"], 2 unchanged"
    );
    for (token, before) in [own, of_alpha].iter().zip(before) {
        assert!(verify(&verifier, token).unwrap().is_the_same_as(&before));
    }
    assert_eq!(setup.issuer.requests(), 2);
    verifier.verify(&token_of(BETA)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn changed_claim_map_applies_to_cached_tokens() {
    let setup = Setup::new();
    let map = |ours| ClaimMap::new().roles_from(["groups"]).role("clerks", ours);
    let verifier = setup.builder([alpha().claims(map("clerk"))]).build().unwrap();
    let token = token_of(ALPHA);
    assert_eq!(verifier.verify(&token).await.unwrap().roles(), ["clerk"]);
    let clone = verifier.clone();
    let changes = verifier.replace(setup.builder([alpha().claims(map("admin"))])).unwrap();
    assert_eq!(changes.changed(), ["alpha"]);
    assert_eq!(verify(&clone, &token).unwrap().roles(), ["admin"]);
    assert_eq!(setup.issuer.requests(), 1, "the keys are kept");
}

#[tokio::test(start_paused = true)]
async fn each_option_of_an_issuer_applies_to_cached_tokens() {
    for (changed, expected) in [
        (TrustedIssuer { audiences: vec!["other".to_owned()], ..alpha() }, RejectionReason::AudienceMismatch),
        (alpha().tenant(TenantRule::claim("none")), RejectionReason::TenantUnresolved),
        (alpha().token_types(["at+jwt"]), RejectionReason::WrongTokenType),
        (alpha().require_claim(crate::ClaimCondition::present("azp")), RejectionReason::WrongTokenType),
        (alpha().map_claims(|map| map.subject("oid")), RejectionReason::SubjectUnresolved),
    ] {
        let setup = Setup::new();
        let verifier = setup.builder([alpha()]).build().unwrap();
        let token = token_of(ALPHA);
        verifier.verify(&token).await.unwrap();
        assert_eq!(replace(&verifier, setup.builder([changed])), "changed [\"alpha\"], 1 unchanged");
        assert_eq!(verify(&verifier, &token).unwrap_err().0, Some(expected));
        assert_eq!(setup.issuer.requests(), 1, "the keys are kept");
    }
}

#[tokio::test(start_paused = true)]
async fn changed_allowed_issuers_apply_to_cached_tokens() {
    let setup = Setup::new();
    let builder = |allowed: &str| {
        setup.builder([alpha(), fetching(BETA, "beta")]).allowed_issuers("contoso", [allowed, BETA])
    };
    let verifier = builder(ALPHA).build().unwrap();
    let (of_alpha, of_beta) = (token_of(ALPHA), token_of(BETA));
    verifier.verify(&of_alpha).await.unwrap();
    let before = verifier.verify(&of_beta).await.unwrap();
    let changes = verifier.replace(builder(PASSPORT)).unwrap();
    assert_eq!(changes.unchanged(), ["beta"], "nothing changes for this issuer");
    assert_eq!(verify(&verifier, &of_alpha).unwrap_err().0, Some(RejectionReason::TenantNotAllowed));
    assert!(verify(&verifier, &of_beta).unwrap().is_the_same_as(&before));
    replace(&verifier, builder(ALPHA));
    verify(&verifier, &of_alpha).unwrap();
}

#[tokio::test(start_paused = true)]
async fn cached_tokens_of_a_removed_issuer_are_rejected() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let (own, of_alpha) = (token_of(PASSPORT), token_of(ALPHA));
    verifier.verify(&own).await.unwrap();
    verifier.verify(&of_alpha).await.unwrap();
    let changes = verifier.replace(setup.builder([])).unwrap();
    assert_eq!((changes.removed().len(), changes.removed()[0].as_str()), (1, "alpha"));
    let unknown = (Some(RejectionReason::IssuerMismatch), None);
    assert_eq!(verify(&verifier, &of_alpha).unwrap_err(), unknown);
    verify(&verifier, &own).unwrap();
    assert_eq!(replace(&verifier, setup.builder([alpha()])), "added [\"alpha\"], 1 unchanged");
    assert!(verifier.try_verify(&of_alpha).is_none(), "the keys are fetched again");
    verifier.verify(&of_alpha).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn invalid_builder_changes_nothing() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let token = token_of(ALPHA);
    let before = verifier.verify(&token).await.unwrap();
    for invalid in [
        setup.builder([fetching(BETA, "alpha"), alpha()]),
        setup.builder([fetching(BETA, "beta"), TrustedIssuer::external(ALPHA)]),
        setup.builder([external(BETA, "beta", 0, "k").static_jwks("{}")]),
        setup.builder([]).allowed_issuers("contoso", [ALPHA]),
        setup.builder([]).ca_file("/no/such/ca.pem"),
        TokenVerifier::builder("").clock_skew(Duration::from_secs(3600)),
    ] {
        verifier.replace(invalid).unwrap_err();
        assert!(verify(&verifier, &token).unwrap().is_the_same_as(&before));
    }
    assert!(verifier.replace(setup.builder([alpha()])).unwrap().is_empty());
    assert_eq!(setup.issuer.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn options_that_need_a_restart_are_reported() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let builder = setup
        .builder([])
        .cache_tokens(false)
        .max_cached_tokens(2)
        .max_cached_bytes(64 * 1024)
        .max_token_size(1024)
        .max_concurrent_verifications(std::num::NonZeroUsize::MAX);
    let changes = verifier.replace(builder).unwrap();
    assert_eq!(
        changes.needs_restart(),
        [
            "cache_tokens",
            "max_cached_tokens",
            "max_cached_bytes",
            "max_concurrent_verifications",
            "max_token_size"
        ]
    );
    assert!(!changes.is_empty());
    assert_eq!(
        changes.to_string(),
        "removed [\"alpha\"], 1 unchanged, restart needed for cache_tokens, max_cached_tokens, max_cached_bytes, max_concurrent_verifications, max_token_size"
    );
    assert!(verifier.pipeline().cache.is_some());
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_removed_issuer_are_not_refreshed() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let of_alpha = token_of(ALPHA);
    let held = verifier.verify(&of_alpha).await.unwrap();
    verifier.verify(&token_of(PASSPORT)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let urls_of_alpha = || setup.issuer.urls().iter().filter(|url| url.starts_with(ALPHA)).count();
    let (before, all) = (urls_of_alpha(), setup.issuer.requests());
    assert!(before > 1, "keys are refreshed on schedule");
    verifier.replace(setup.builder([])).unwrap();
    for _ in 0..24 {
        verify(&verifier, &of_alpha).unwrap_err();
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    assert_eq!(urls_of_alpha(), before);
    assert!(setup.issuer.requests() > all, "keys of other issuers are still refreshed");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn scheduled_refreshes_resume_for_other_issuers() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    verifier.verify(&token_of(ALPHA)).await.unwrap();
    verifier.replace(setup.builder([fetching(BETA, "beta")])).unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let of_beta = || setup.issuer.urls().iter().filter(|url| url.starts_with(BETA)).count();
    assert_eq!(of_beta(), 0);
    verifier.verify(&token_of(BETA)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(of_beta() > 2, "{}", of_beta());
}

#[tokio::test(start_paused = true)]
async fn refreshes_of_all_issuers_need_one_task() {
    let setup = Setup::new();
    let issuers: Vec<_> = (0..50).map(|number| format!("https://{number}.example")).collect();
    let verifier = setup.builder(issuers.iter().map(|iss| fetching(iss, iss))).build().unwrap();
    for iss in &issuers {
        verifier.verify(&token_of(iss)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(setup.issuer.requests() > 100, "keys are refreshed on schedule");
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 1);
    drop(verifier);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn changed_settings_of_the_keys_keep_the_keys() {
    for changed in [
        alpha().jwks_cooldown(Duration::from_secs(1)),
        alpha().jwks_refresh_interval(Duration::from_secs(120)),
        alpha().clock_skew(Duration::from_secs(1)),
        alpha().name("other name"),
    ] {
        let setup = Setup::new();
        let verifier = setup.builder([alpha()]).build().unwrap();
        let token = token_of(ALPHA);
        verifier.verify(&token).await.unwrap();
        verifier.replace(setup.builder([changed])).unwrap();
        assert_eq!(verifier.health().issuers()[1].jwks().state(), JwksState::Fresh);
        verify(&verifier, &token).unwrap();
        assert_eq!(setup.issuer.requests(), 1);
        tokio::time::sleep(Duration::from_secs(600)).await;
        verify(&verifier, &token).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(setup.issuer.requests() > 1, "the keys are refreshed when they are stale");
    }
}

#[tokio::test(start_paused = true)]
async fn changed_source_of_the_keys_replaces_the_keys() {
    for changed in [
        alpha().jwks_url(format!("{ALPHA}/other-keys")),
        alpha().algorithms([crate::Algorithm::Rs256, crate::Algorithm::Es256]),
    ] {
        let setup = Setup::new();
        let verifier = setup.builder([alpha()]).build().unwrap();
        let token = token_of(ALPHA);
        verifier.verify(&token).await.unwrap();
        verifier.replace(setup.builder([changed])).unwrap();
        assert!(verifier.try_verify(&token).is_none(), "the keys are fetched again");
        verifier.verify(&token).await.unwrap();
        assert_eq!(setup.issuer.requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn another_transport_fetches_the_next_keys() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let token = token_of(ALPHA);
    verifier.verify(&token).await.unwrap();
    let other = Setup { clock: setup.clock.clone(), ..Setup::new() };
    let changes = verifier.replace(other.builder([alpha()])).unwrap();
    assert_eq!(changes.changed(), [PASSPORT, "alpha"]);
    verify(&verifier, &token).unwrap();
    assert_eq!((setup.issuer.requests(), other.issuer.requests()), (1, 0));
    let of_new_key = test_key(1).token("new", &claims_of(ALPHA));
    verifier.verify(&of_new_key).await.unwrap_err();
    assert_eq!((setup.issuer.requests(), other.issuer.requests()), (1, 1));
}

#[test]
fn changed_user_agent_changes_the_transport() {
    let builder = || TokenVerifier::builder("api");
    let named = || builder().user_agent(HeaderValue::from_static("orders/1"));
    let verifier = builder().build().unwrap();
    assert!(verifier.replace(builder()).unwrap().is_empty());
    assert_eq!(verifier.replace(named()).unwrap().changed(), [passport_core::Issuer::PASSPORT]);
    assert!(verifier.replace(named()).unwrap().is_empty());
}

/// Reloads a verifier while other threads verify a cached token and new tokens. Each result has
/// the tenant and the role of one configuration.
#[test]
fn concurrent_verifications_see_one_configuration() {
    let config = |text: &str| {
        let map = ClaimMap::new().roles_from(["groups"]).role("clerks", text);
        trusting([
            passport(1, "k"),
            external(ALPHA, "alpha", 0, "k").claims(map).tenant(TenantRule::fixed(text)),
        ])
    };
    let verifier = config("one").build().unwrap();
    let tokens: Vec<_> = (0..50)
        .map(|number| {
            let mut claims = claims_with(ALPHA, "groups", json!(["clerks"]));
            claims["jti"] = json!(format!("{number}"));
            test_key(0).token("k", &claims)
        })
        .collect();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let verifying: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [false; 2];
                    while !is_done.load(Ordering::Relaxed) {
                        for token in &tokens {
                            let caller = verify(&verifier, token).unwrap();
                            assert_eq!(caller.roles(), [caller.tenant_id()]);
                            seen[usize::from(caller.tenant_id() == "two")] = true;
                        }
                    }
                    seen
                })
            })
            .collect();
        for round in 0..400 {
            let text = if round % 2 == 0 { "two" } else { "one" };
            verifier.replace(config(text)).unwrap();
            let caller = verify(&verifier, &tokens[0]).unwrap();
            assert_eq!((caller.tenant_id(), caller.roles()), (text, &[text.to_owned()][..]));
        }
        is_done.store(true, Ordering::Relaxed);
        for thread in verifying {
            let seen = thread.join().unwrap();
            assert!(seen[0] || seen[1]);
        }
    });
    let own = test_key(1).token("k", &claims_of(PASSPORT));
    verify(&verifier, &own).unwrap();
}
