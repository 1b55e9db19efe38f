//! Attacks on several trusted issuers.

mod payloads;
mod requirements;

use http::Request;
use passport_core::TransportErrorKind;
use serde_json::Value;

use super::*;
use crate::verify::VerifyProgress;
use crate::{
    ClaimCondition, IdInfo, RejectionReason as R, Requirement,
    authorize::{Decision, RequestHead},
    test_support::{Log, START, issuers::trusting},
};

const DIRECTORIES: &str = "https://login.example/{tenantid}/v2.0";
const MAIN_ID: &str = "72f988bf-0000-41af-91ab-2d7cd011db47";
const MAIN: &str = "https://login.example/72f988bf-0000-41af-91ab-2d7cd011db47/v2.0";
const OTHER_ID: &str = "0a1b2c3d-0000-41af-91ab-2d7cd011db47";
const OTHER: &str = "https://login.example/0a1b2c3d-0000-41af-91ab-2d7cd011db47/v2.0";

fn jwk_with_issuer(key: usize, kid: &str, issuer: &str) -> Value {
    let mut jwk = test_key(key).jwk(kid);
    jwk["issuer"] = issuer.into();
    jwk
}

fn pattern(issuer: &str, name: &str, tenants: (&str, &str)) -> TrustedIssuer {
    external(issuer, name, 0, "k")
        .static_jwks(json!({ "keys": [jwk_with_issuer(0, "k", issuer)] }).to_string())
        .tenant(TenantRule::table("tid", [(MAIN_ID, tenants.0), (OTHER_ID, tenants.1)]))
        .danger_any_directory()
}

fn directory_claims(iss: &str, tid: &str) -> Value {
    claims_with(iss, "tid", json!(tid))
}

type Seen =
    Result<(String, String, String, Vec<String>, Vec<String>, bool, bool), (Option<R>, Option<String>)>;

fn seen(result: Result<IdInfo, (Option<R>, Option<String>)>) -> Seen {
    result.map(|c| {
        (
            c.issuer().to_owned(),
            c.user_id().to_owned(),
            c.tenant_id().to_owned(),
            c.roles().to_vec(),
            c.permissions().to_vec(),
            c.is_service_account(),
            c.roles_known(),
        )
    })
}

#[test]
fn exact_entry_added_by_a_reload_applies_to_cached_tokens() {
    let directories = || pattern(DIRECTORIES, "directories", ("main", "other"));
    let exact = || external(MAIN, "exact", 0, "k").tenant(TenantRule::fixed("quarantine"));
    let token = test_key(0).token("k", &directory_claims(MAIN, MAIN_ID));
    let verifier = trusting([passport(1, "p"), directories()]).build().unwrap();
    assert_eq!(verify(&verifier, &token).unwrap().tenant_id(), "main");
    verifier.replace(trusting([passport(1, "p"), directories(), exact()])).unwrap();
    let fresh = trusting([passport(1, "p"), directories(), exact()]).build().unwrap();
    assert_eq!(seen(verify(&verifier, &token)), seen(verify(&fresh, &token)));
}

#[test]
fn exact_entry_added_by_a_reload_rejects_what_it_does_not_accept() {
    let directories = || pattern(DIRECTORIES, "directories", ("main", "other"));
    // The directory gets an entry of its own, with its own audience and keys.
    let exact = || external(MAIN, "exact", 2, "own");
    let token = test_key(0).token("k", &directory_claims(MAIN, MAIN_ID));
    let verifier = trusting([passport(1, "p"), directories()]).build().unwrap();
    verify(&verifier, &token).unwrap();
    verifier.replace(trusting([passport(1, "p"), directories(), exact()])).unwrap();
    let fresh = trusting([passport(1, "p"), directories(), exact()]).build().unwrap();
    assert_eq!(seen(verify(&verifier, &token)), seen(verify(&fresh, &token)));
}

#[test]
fn order_of_overlapping_patterns_applies_to_cached_tokens() {
    let (one_id, two_id) = (MAIN_ID, OTHER_ID);
    let first = format!("https://login.example/{{tenantid}}/{two_id}/v2.0");
    let second = format!("https://login.example/{one_id}/{{tenantid}}/v2.0");
    let iss = format!("https://login.example/{one_id}/{two_id}/v2.0");
    let one =
        || pattern(&first, "one", ("first", "first")).tenant(TenantRule::table("tid", [(one_id, "first")]));
    let two = || {
        pattern(&second, "two", ("second", "second")).tenant(TenantRule::table("tid", [(one_id, "second")]))
    };
    // A token has one `tid`: of the first pattern.
    let token = test_key(0).token("k", &directory_claims(&iss, one_id));
    let verifier = trusting([passport(1, "p"), one(), two()]).build().unwrap();
    verify(&verifier, &token).unwrap();
    verifier.replace(trusting([passport(1, "p"), two(), one()])).unwrap();
    let fresh = trusting([passport(1, "p"), two(), one()]).build().unwrap();
    assert_eq!(seen(verify(&verifier, &token)), seen(verify(&fresh, &token)));
}

#[tokio::test(start_paused = true)]
async fn shorter_max_stale_applies_to_kept_keys() {
    let setup = Setup::new();
    let verifier = setup.builder([alpha()]).build().unwrap();
    let token = token_of(ALPHA);
    verifier.verify(&token).await.unwrap();
    setup.issuer.respond_with(ScriptedResponse::Fails(TransportErrorKind::Dns));
    verifier.replace(setup.builder([alpha()]).jwks_max_stale(Duration::from_secs(60))).unwrap();
    tokio::time::advance(Duration::from_secs(3600)).await;
    let late = verifier.verify(&token).await;
    // Control: without the reload, the same setting makes the same keys expire.
    let control = Setup::new();
    let short = control.builder([alpha()]).jwks_max_stale(Duration::from_secs(60)).build().unwrap();
    short.verify(&token).await.unwrap();
    control.issuer.respond_with(ScriptedResponse::Fails(TransportErrorKind::Dns));
    tokio::time::advance(Duration::from_secs(3600)).await;
    short.verify(&token).await.unwrap_err();
    assert!(late.is_err(), "keys of age 1 h are trusted although jwks_max_stale is 1 min");
}

#[tokio::test(start_paused = true)]
async fn shorter_refresh_interval_applies_to_kept_keys() {
    let setup = Setup::new();
    let day = Duration::from_secs(24 * 3600);
    let verifier = setup.builder([alpha().jwks_refresh_interval(day)]).build().unwrap();
    let token = token_of(ALPHA);
    verifier.verify(&token).await.unwrap();
    // The issuer withdraws the key, and the operator shortens the interval.
    setup.issuer.respond_with(ScriptedResponse::body(&test_key(1).jwks("new")));
    verifier.replace(setup.builder([alpha().jwks_refresh_interval(Duration::from_secs(60))])).unwrap();
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(600)).await;
        drop(verifier.verify(&token).await);
    }
    // Control: with the short interval from the start, the key is withdrawn.
    let control = Setup::new();
    let short = control.builder([alpha().jwks_refresh_interval(Duration::from_secs(60))]).build().unwrap();
    short.verify(&token).await.unwrap();
    control.issuer.respond_with(ScriptedResponse::body(&test_key(1).jwks("new")));
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(600)).await;
        drop(short.verify(&token).await);
        tokio::task::yield_now().await;
    }
    short.verify(&token).await.unwrap_err();
    assert!(verifier.verify(&token).await.is_err(), "withdrawn key is used 100 min after the reload");
}

#[test]
fn log_of_an_unresolved_tenant_is_bounded() {
    let log = Log::listen(tracing::Level::DEBUG);
    let table = (0..2000).map(|number| (format!("user-{number}@partner.example"), "contoso"));
    let issuer = external(ALPHA, "alpha", 0, "k").tenant(TenantRule::table("email", table));
    let verifier = trusting([issuer]).build().unwrap();
    verify(&verifier, &test_key(0).token("k", &claims_of(ALPHA))).unwrap_err();
    let longest = log.lines_with("token rejected").iter().map(String::len).max().unwrap();
    assert!(longest < 4096, "{longest} bytes for one token");
}

fn is_met(requirement: &Requirement, caller: &IdInfo) -> bool {
    let mut request = Request::new(());
    request.extensions_mut().insert(caller.clone());
    matches!(requirement.decide(RequestHead::of(&request)), Decision::Allow)
}

#[test]
fn negated_permission_is_not_met_if_the_claim_was_left_out() {
    let map = ClaimMap::new().permissions_from("groups");
    let verifier = trusting([external(ALPHA, "alpha", 0, "k").claims(map)]).build().unwrap();
    let mut claims = claims_with(ALPHA, "groups", json!(["blocked"]));
    let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
    let not_blocked = !Requirement::permission("blocked");
    assert!(!is_met(&not_blocked, &caller));
    // The same caller in so many groups that the issuer leaves them out.
    claims.as_object_mut().unwrap().remove("groups");
    claims["_claim_names"] = json!({ "groups": "src1" });
    let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
    assert!(!is_met(&not_blocked, &caller), "permissions are unknown, not empty");
}

#[test]
fn directory_with_an_exact_entry_with_a_slash_is_still_trusted() {
    let directories = pattern(DIRECTORIES, "directories", ("main", "other"));
    let exact = external(&format!("{MAIN}/"), "slash", 2, "own");
    let token = test_key(0).token("k", &directory_claims(MAIN, MAIN_ID));
    // Either the configuration is refused, or the pattern applies.
    let Ok(verifier) = trusting([passport(1, "p"), directories, exact]).build() else { return };
    assert_eq!(verify(&verifier, &token).map(|caller| caller.tenant_id().to_owned()), Ok("main".to_owned()));
}

#[test]
fn condition_that_anyone_meets_does_not_close_google() {
    for condition in [ClaimCondition::equals("email_verified", "true"), ClaimCondition::present("sub")] {
        let google = TrustedIssuer::google().audience("api").tenant(TenantRule::fixed("contoso"));
        assert!(!google.require_claim(condition.clone()).problems().is_empty(), "{condition}");
    }
}

#[test]
fn unknown_placeholder_is_reported() {
    let issuer = TrustedIssuer::external("https://login.example/{tenantId}/v2.0").audience("api");
    assert!(!issuer.tenant(TenantRule::fixed("contoso")).problems().is_empty());
}

#[test]
fn deep_unverified_payload_fits_a_small_stack() {
    for depth in [126_usize, 127, 128, 20_000] {
        let deep = format!(
            r#"{{"a":{}{},"pad":"{}","iss":"{ALPHA}"}}"#,
            "[".repeat(depth),
            "]".repeat(depth),
            "p".repeat(3000)
        );
        let token = test_key(0).sign(r#"{"alg":"RS256","kid":"k"}"#, &deep);
        let verifier = trusting([passport(1, "p"), external(ALPHA, "alpha", 0, "k")])
            .max_token_size(64 * 1024)
            .build()
            .unwrap();
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        thread.spawn(move || drop(verify(&verifier, &token))).unwrap().join().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_waits_for_keys_of_a_removed_issuer_is_rejected() {
    for (is_late, answer) in
        [(false, ScriptedResponse::Never), (true, ScriptedResponse::body(&test_key(0).jwks("k")))]
    {
        let setup = Setup::new();
        setup.issuer.respond_with(ScriptedResponse::Never);
        let verifier = setup.builder([alpha()]).build().unwrap();
        let waiting = tokio::spawn({
            let verifier = verifier.clone();
            async move { verifier.verify(&token_of(ALPHA)).await }
        });
        setup.issuer.wait_for_requests(1).await;
        verifier.replace(setup.builder([])).unwrap();
        setup.issuer.respond_with(answer);
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(R::IssuerMismatch), "{is_late}");
        assert_eq!(setup.issuer.requests(), 1);
    }
}

#[test]
fn overflow_token_of_a_removed_and_trusted_again_issuer_has_the_new_rules() {
    let with = |tenant: &str| {
        let alpha = external(ALPHA, "alpha", 0, "k").tenant(TenantRule::fixed(tenant));
        trusting([passport(1, "p"), alpha]).max_cached_tokens(64).max_cached_bytes(64 * 1024)
    };
    let verifier = with("one").build().unwrap();
    let tokens: Vec<_> = (0..60)
        .map(|number| test_key(0).token("k", &claims_with(ALPHA, "jti", json!(number.to_string()))))
        .collect();
    for tenant in ["one", "two", "one", "three"] {
        verifier.replace(with(tenant)).unwrap();
        for round in 0..3 {
            for token in &tokens {
                assert_eq!(verify(&verifier, token).unwrap().tenant_id(), tenant, "{round}");
            }
        }
        verifier.replace(trusting([passport(1, "p")])).unwrap();
        for token in &tokens {
            assert_eq!(verify(&verifier, token).unwrap_err().0, Some(R::IssuerMismatch));
        }
    }
}

#[test]
fn acr_of_passport_counts_only_in_its_own_tokens() {
    let verifier = trusting([external(ALPHA, "alpha", 0, "k")]).build().unwrap();
    let claims = claims_with(ALPHA, "acr", json!("urn:passport:authn:mfa"));
    let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
    assert!(!is_met(&Requirement::multi_factor(), &caller));
}

#[test]
fn unknown_issuer_needs_no_permit_even_with_a_known_header() {
    let verifier = trusting([passport(1, "p"), external(ALPHA, "alpha", 0, "k")]).build().unwrap();
    let unknown = test_key(2).token("k", &claims_of("https://unknown.example"));
    let permits = || (0..1000).map_while(|_| verifier.pipeline().permits.try_acquire()).collect::<Vec<_>>();
    let is_rejected = || {
        let _held = permits();
        match verifier.verify_now(unknown.as_bytes()) {
            VerifyProgress::Done(Err(error)) => error.reason() == Some(R::IssuerMismatch),
            _ => false,
        }
    };
    assert!(is_rejected(), "without memo");
    verify(&verifier, &test_key(0).token("k", &claims_of(ALPHA))).unwrap();
    assert!(is_rejected(), "with memo, the token waits for a permit, or is verified");
}

#[test]
fn issuer_with_whitespace_around_it_is_reported() {
    for iss in ["https://a.example\n", " https://a.example", "https://a.example\t"] {
        let issuer = TrustedIssuer::external(iss).audience("api").tenant(TenantRule::fixed("contoso"));
        assert!(!issuer.problems().is_empty(), "{iss:?}");
    }
}

#[derive(Debug)]
struct Scripted(Option<bool>);

impl crate::PermissionChecker for Scripted {
    async fn check(&self, _: &IdInfo, _: &str) -> Result<bool, crate::PermissionCheckError> {
        self.0.ok_or_else(|| crate::PermissionCheckError::new("down"))
    }
}
