//! Attacks on several trusted issuers.

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

// ---- 2/3: reload -------------------------------------------------------------------------

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

// ---- 2: memo and no memo -----------------------------------------------------------------

/// Payloads with tricks, all signed with the key of alpha, of the pattern and of beta.
fn tricks() -> Vec<String> {
    let rest = format!(r#""sub":"u","aud":"api","tenant_id":"contoso","iat":{START},"exp":{}"#, START + 3600);
    let pad = format!(r#""pad":"{}","#, "p".repeat(300));
    let long = format!(r#""pad":"{}","#, "p".repeat(4000));
    let deep = format!(r#""deep":{}{},"#, "[".repeat(126), "]".repeat(126));
    let deeper = format!(r#""deep":{}{},"#, "[".repeat(127), "]".repeat(127));
    let mut all = Vec::new();
    let isses = [
        ALPHA,
        BETA,
        MAIN,
        OTHER,
        PASSPORT,
        "https://alpha.example/",
        "https://alpha.example//",
        "HTTPS://alpha.example",
        "https://ALPHA.example",
        "https://alpha.example%2F",
        "https://alpha.example ",
        "https://alpha.example\\u0000",
        "https:\\/\\/alpha.example",
        "\\u0068ttps://alpha.example",
        "https://login.example/72F988BF-0000-41AF-91AB-2D7CD011DB47/v2.0",
        "https://login.example/{tenantid}/v2.0",
        "https://login.example//v2.0",
        "https://login.example/72f988bf-0000-41af-91ab-2d7cd011db47/v2.0/",
        "https://login.example/72f988bf-0000-41af-91ab-2d7cd011db47/x/v2.0",
        "",
        " ",
    ];
    for iss in isses {
        for before in ["", &pad, &long, &deep, &deeper] {
            all.push(format!(r#"{{{before}"iss":"{iss}","tid":"{MAIN_ID}",{rest}}}"#));
            all.push(format!(r#"{{{before}"iss":"{iss}","tid":"{OTHER_ID}",{rest}}}"#));
            all.push(format!(r#"{{{before}"\u0069ss":"{iss}",{rest}}}"#));
            for second in [ALPHA, BETA, MAIN, "https://unknown.example"] {
                all.push(format!(r#"{{{before}"iss":"{iss}",{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"\u0069ss":"{iss}",{rest},"is\u0073":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":"{iss}",{pad}{rest},"\u0069ss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":5,{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":null,{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"iss":["{iss}"],{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"x":{{"iss":"{iss}"}},{rest},"iss":"{second}"}}"#));
                all.push(format!(r#"{{{before}"x":"\"iss\":\"{iss}\"",{rest},"iss":"{second}"}}"#));
            }
        }
    }
    let alpha = format!(r#""iss":"{ALPHA}",{rest}"#);
    for claims in [
        r#""org":{"t":"fabrikam"}"#,
        r#""org":{"t":"fabrikam","t":"contoso"}"#,
        r#""org":{"t":"fabrikam","\u0074":"contoso"}"#,
        r#""org":{"t":null,"t":"contoso"}"#,
        r#""org.t":"contoso""#,
        r#""org":{"t":["contoso"]}"#,
        r#""org":[{"t":"contoso"}]"#,
        r#""org":{"t":"contoso"}"#,
        r#""org":{"t":" contoso"}"#,
        r#""org":{"t":"\u00a0"}"#,
        r#""org":{"t":"\u2003"}"#,
        r#""org":{"t":"Contoso"}"#,
        r#""org":{"t":""}"#,
        r#""org":{"t":true}"#,
        r#""org":{"t":"contoso"},"org":{"t":"fabrikam"}"#,
        r#""\u006frg":{"t":"contoso"},"org":null"#,
        r#""org":{"t":"contoso"},"is_service_account":true"#,
        r#""org":{"t":"contoso"},"roles":["admin"],"permissions":["*"]"#,
        r#""org":{"t":"contoso"},"managed_identity_id":"m"}"#,
        r#""org":{"t":"contoso"},"groups":["clerks","clerks","admin"]"#,
        r#""org":{"t":"contoso"},"groups":["clerks",1]"#,
        r#""org":{"t":"contoso"},"groups":{"clerks":true}"#,
        r#""org":{"t":"contoso"},"_claim_names":{"groups":"src1"}"#,
        r#""org":{"t":"contoso"},"_claim_names":{"groups":null}"#,
        r#""org":{"t":"contoso"},"_claim_names":{"\u0067roups":"src1"}"#,
        r#""org":{"t":"contoso"},"idtyp":"app""#,
        r#""org":{"t":"contoso"},"idtyp":["app"]"#,
        r#""org":{"t":"contoso"},"idtyp":"App""#,
        r#""org":{"t":"contoso"},"idtyp":"user","idty\u0070":"app""#,
        "\"org\":{\"t\":\"contoso\"},\"x\":\"\u{0}\"",
        r#""org":{"t":"contoso"},"x":"\ud800""#,
        r#""org":{"t":"contoso"},"x":1e999"#,
        r#""org":{"t":"contoso"},"x":{"\ud800":1}"#,
    ] {
        all.push(format!("{{{alpha},{claims}}}"));
        all.push(format!("{{{claims},{alpha}}}"));
        all.push(format!("\u{feff}{{{alpha},{claims}}}"));
        all.push(format!(" {{{alpha},{claims}}} "));
        all.push(format!("{{{alpha},{claims}}}{{}}"));
        all.push(format!("[{{{alpha},{claims}}}]"));
    }
    all
}

#[test]
fn hit_miss_memo_and_no_memo_agree_about_tricks() {
    let map = || {
        ClaimMap::new()
            .roles_from(["groups"])
            .role("clerks", "clerk")
            .service_account(ClaimCondition::equals("idtyp", "app"))
    };
    let config = || {
        trusting([
            passport(1, "k"),
            external(ALPHA, "alpha", 0, "k").claims(map()).tenant(TenantRule::claim("org.t")),
            external(BETA, "beta", 0, "k").tenant(TenantRule::fixed("fabrikam")),
            pattern(DIRECTORIES, "directories", ("main", "other")),
            external(MAIN, "exact", 0, "k").tenant(TenantRule::fixed("quarantine")),
        ])
        .allowed_issuers("contoso", [ALPHA, PASSPORT])
        .max_token_size(64 * 1024)
    };
    let uncached = || config().cache_tokens(false).build().unwrap();
    let (long_lived, memo_alpha, memo_none) = (config().build().unwrap(), uncached(), uncached());
    let mut good = claims_of(ALPHA);
    good["org"] = json!({ "t": "contoso" });
    verify(&memo_alpha, &test_key(0).sign(r#"{"alg":"RS256","kid":"k"}"#, &good.to_string())).unwrap();
    let (mut wrong, mut accepted, mut total) = (Vec::new(), 0, 0);
    for payload in tricks() {
        for key in [0, 1] {
            let token = test_key(key).sign(r#"{"alg":"RS256","kid":"k"}"#, &payload);
            let plain = test_key(key).sign(r#"{"kid":"k","alg":"RS256"}"#, &payload);
            // A new verifier has no memo.
            let without = seen(verify(&uncached(), &token));
            let results = [
                seen(verify(&long_lived, &token)),
                seen(verify(&long_lived, &token)),
                seen(verify(&memo_alpha, &token)),
                seen(verify(&memo_none, &plain)),
            ];
            total += 1;
            accepted += usize::from(without.is_ok());
            if let Ok((issuer, _, tenant, roles, permissions, is_service, _)) = &without {
                let allowed = match issuer.as_str() {
                    PASSPORT => tenant == "contoso" && key == 1,
                    ALPHA => tenant == "contoso" && key == 0,
                    BETA => tenant == "fabrikam" && key == 0,
                    MAIN => tenant == "quarantine" && key == 0,
                    OTHER => tenant == "other" && key == 0,
                    _ => false,
                };
                let own = issuer == PASSPORT
                    || ((roles.is_empty() || *roles == ["clerk"]) && permissions.is_empty());
                let service = !is_service || issuer == ALPHA;
                if !(allowed && own && service) {
                    wrong.push(format!("RIGHTS {without:?} {payload:.200}"));
                }
            }
            if results.iter().any(|result| *result != without) {
                wrong.push(format!("DIFFER {without:?} {results:?} {payload:.300}"));
            }
        }
    }
    wrong.truncate(12);
    assert!(wrong.is_empty(), "{} of {total}: {wrong:#?}", wrong.len());
    assert!(accepted > 50, "{accepted} of {total}");
}

// ---- 4: fetches, logs --------------------------------------------------------------------

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

// ---- 1/7: claims -------------------------------------------------------------------------

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

// ---- 7: requirement logic ----------------------------------------------------------------

/// A formula over roles, as data.
#[derive(Clone, Debug)]
enum Formula {
    Role(u8),
    All(Vec<u8>),
    Tenant(bool),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Formula {
    fn random(depth: u32) -> Self {
        let inner = || Box::new(Self::random(depth - 1));
        match if depth == 0 { fastrand::u8(..3) } else { fastrand::u8(..7) } {
            0 | 3 => Self::Role(fastrand::u8(..3)),
            1 => Self::All((0..fastrand::u8(..3)).map(|_| fastrand::u8(..3)).collect()),
            2 => Self::Tenant(fastrand::bool()),
            4 => Self::Not(inner()),
            5 => Self::And(inner(), inner()),
            _ => Self::Or(inner(), inner()),
        }
    }

    fn holds(&self, roles: &[u8]) -> bool {
        match self {
            Self::Role(role) => roles.contains(role),
            Self::All(all) => !all.is_empty() && all.iter().all(|role| roles.contains(role)),
            Self::Tenant(is_own) => *is_own,
            Self::Not(one) => !one.holds(roles),
            Self::And(one, other) => one.holds(roles) && other.holds(roles),
            Self::Or(one, other) => one.holds(roles) || other.holds(roles),
        }
    }

    fn requirement(&self) -> Requirement {
        match self {
            Self::Role(role) => Requirement::role(role.to_string()),
            Self::All(all) => Requirement::all_roles(all.iter().map(ToString::to_string)),
            Self::Tenant(is_own) => Requirement::tenant(if *is_own { "contoso" } else { "other" }),
            Self::Not(one) => !one.requirement(),
            Self::And(one, other) => one.requirement().and(other.requirement()),
            Self::Or(one, other) => one.requirement().or(other.requirement()),
        }
    }
}

#[test]
fn unknown_roles_never_grant_what_some_roles_would_refuse() {
    let map = ClaimMap::new().roles_from(["groups", "roles"]).keep_unmapped_roles();
    let verifier = trusting([external(ALPHA, "alpha", 0, "k").claims(map)]).build().unwrap();
    let callers: Vec<(Vec<u8>, IdInfo)> = (0..8_u8)
        .map(|set| {
            let roles: Vec<u8> = (0..3).filter(|role| set & (1 << role) != 0).collect();
            let mut claims = claims_with(ALPHA, "_claim_names", json!({ "groups": "src1" }));
            claims["roles"] = json!(roles.iter().map(ToString::to_string).collect::<Vec<_>>());
            let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
            assert!(!caller.roles_known());
            (roles, caller)
        })
        .collect();
    fastrand::seed(7);
    let mut granted = 0;
    for _ in 0..20_000 {
        let formula = Formula::random(5);
        let requirement = formula.requirement();
        for (known, caller) in &callers {
            if is_met(&requirement, caller) {
                granted += 1;
                for more in 0..8_u8 {
                    let mut all: Vec<u8> = (0..3).filter(|role| more & (1 << role) != 0).collect();
                    all.extend(known);
                    assert!(
                        formula.holds(&all),
                        "{requirement} granted with {known:?}, but not with {all:?}"
                    );
                }
            }
        }
    }
    assert!(granted > 1000, "{granted}");
}

// ---- 5: stack ----------------------------------------------------------------------------

#[test]
#[ignore = "aborts the process if the stack is too small"]
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

// ---- second round ------------------------------------------------------------------------

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

// ---- third round -------------------------------------------------------------------------

const PARTS: [&str; 24] = [
    "\"iss\":",
    "\"\\u0069ss\":",
    "\"https://alpha.example\"",
    "\"https:\\/\\/alpha.example\"",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "5",
    " ",
    "\u{feff}",
    "\\ud83d\\ude00",
    "\\ud83d",
    "1e400",
    "\"tid\":",
    "\"beta\"",
    "-",
    "\u{0}",
    "\u{e9}",
];

#[test]
fn hit_miss_memo_and_no_memo_agree_about_random_payloads() {
    let config = || {
        trusting([
            passport(1, "k"),
            external(ALPHA, "alpha", 0, "k").tenant(TenantRule::claim("tid")),
            external(BETA, "beta", 0, "k")
                .tenant(TenantRule::fixed("fabrikam"))
                .token_types(["at+jwt", "jwt"]),
            pattern(DIRECTORIES, "directories", ("main", "other")),
            external(MAIN, "exact", 0, "k").tenant(TenantRule::fixed("quarantine")),
        ])
        .allowed_issuers("contoso", [ALPHA, PASSPORT])
        .allowed_issuers(MAIN_ID, [ALPHA])
    };
    fastrand::seed(25);
    let header = r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#;
    let long_lived = config().build().unwrap();
    let memo = config().cache_tokens(false).build().unwrap();
    verify(&memo, &test_key(0).sign(header, &directory_claims(ALPHA, MAIN_ID).to_string())).unwrap();
    let other_signature = test_key(0).sign(header, "{}");
    let other_signature = other_signature.rsplit('.').next().unwrap();
    let (mut wrong, mut accepted) = (Vec::new(), 0);
    for _ in 0..3000 {
        let iss = [ALPHA, BETA, MAIN, OTHER, PASSPORT, "https://unknown.example"][fastrand::usize(..6)];
        let mut payload = directory_claims(iss, if iss == OTHER { OTHER_ID } else { MAIN_ID }).to_string();
        if fastrand::bool() {
            payload =
                format!("{{\"iss\":\"{iss}\",{}", &payload[1..].replace(&format!("\"iss\":\"{iss}\","), ""));
        }
        for _ in 0..fastrand::usize(..3) {
            let at = fastrand::usize(..payload.len());
            if !payload.is_char_boundary(at) {
                continue;
            }
            match fastrand::u8(..3) {
                0 => payload.insert_str(at, PARTS[fastrand::usize(..24)]),
                1 => drop(payload.remove(at)),
                _ => {
                    let copy = payload[at..].chars().take(30).collect::<String>();
                    let to = fastrand::usize(..payload.len());
                    if payload.is_char_boundary(to) {
                        payload.insert_str(to, &copy);
                    }
                }
            }
        }
        let mut token = test_key(fastrand::usize(..2)).sign(header, &payload);
        if fastrand::u8(..4) == 0 {
            let dot = token.rfind('.').unwrap();
            token.replace_range(dot + 1.., other_signature);
        }
        let without = seen(verify(&config().cache_tokens(false).build().unwrap(), &token));
        accepted += usize::from(without.is_ok());
        let results = [
            seen(verify(&long_lived, &token)),
            seen(verify(&long_lived, &token)),
            seen(verify(&memo, &token)),
        ];
        if results.iter().any(|result| *result != without) {
            wrong.push(format!("DIFFER {without:?} {results:?} {payload}"));
        }
        if let Ok((issuer, _, tenant, ..)) = &without {
            let expected = match issuer.as_str() {
                ALPHA => MAIN_ID,
                BETA => "fabrikam",
                MAIN => "quarantine",
                OTHER => "other",
                // Passport may name any tenant but the one that lists only alpha.
                _ => "any",
            };
            if if expected == "any" { tenant == MAIN_ID } else { tenant != expected } {
                wrong.push(format!("RIGHTS {without:?} {payload}"));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(6);
    assert!(wrong.is_empty(), "{count}: {wrong:#?}");
    assert!(accepted > 300, "{accepted}");
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

/// A formula over roles (0 to 2) and checks (3 and 4).
fn checked(formula: &Formula, checks: [Option<bool>; 2]) -> Requirement {
    match formula {
        Formula::Role(role @ 3..) => {
            Requirement::remote_permission(Scripted(checks[usize::from(role - 3)]), "p")
        }
        Formula::Role(role) => Requirement::role(role.to_string()),
        Formula::Not(one) => !checked(one, checks),
        Formula::And(one, other) => checked(one, checks).and(checked(other, checks)),
        Formula::Or(one, other) => checked(one, checks).or(checked(other, checks)),
        other => other.requirement(),
    }
}

fn with_checks(depth: u32) -> Formula {
    let inner = || Box::new(with_checks(depth - 1));
    match if depth == 0 { 0 } else { fastrand::u8(..4) } {
        0 => Formula::Role(fastrand::u8(..5)),
        1 => Formula::Not(inner()),
        2 => Formula::And(inner(), inner()),
        _ => Formula::Or(inner(), inner()),
    }
}

#[test]
fn unknown_roles_and_failed_checks_never_grant_access() {
    let map = ClaimMap::new().roles_from(["groups", "roles"]).keep_unmapped_roles();
    let verifier = trusting([external(ALPHA, "alpha", 0, "k").claims(map)]).build().unwrap();
    let mut claims = claims_with(ALPHA, "_claim_names", json!({ "groups": "src1" }));
    claims["roles"] = json!(["0"]);
    let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
    let mut request = Request::new(());
    request.extensions_mut().insert(caller);
    fastrand::seed(9);
    let mut granted = 0;
    for _ in 0..20_000 {
        let formula = with_checks(5);
        let choices = [None, Some(false), Some(true)];
        let checks = [choices[fastrand::usize(..3)], choices[fastrand::usize(..3)]];
        let requirement = checked(&formula, checks);
        let is_allowed = match requirement.decide(RequestHead::of(&request)) {
            Decision::Allow => true,
            Decision::Reject(_) => false,
            Decision::Pending(future) => futures_util::FutureExt::now_or_never(future).unwrap().is_ok(),
        };
        if !is_allowed {
            continue;
        }
        granted += 1;
        for world in 0..16_u8 {
            let mut holding = vec![0];
            holding.extend((1..3).filter(|role| world & (1 << role) != 0));
            let is_true = |check: usize, bit: u8| checks[check].unwrap_or(world & bit != 0);
            holding.extend(is_true(0, 1).then_some(3));
            holding.extend(is_true(1, 8).then_some(4));
            assert!(formula.holds(&holding), "{requirement} {checks:?} {holding:?}");
        }
    }
    assert!(granted > 500, "{granted}");
}
