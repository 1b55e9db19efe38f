use super::*;
use crate::{Algorithm, ClaimCondition};

const GUID: &str = "72f988bf-0000-41af-91ab-2d7cd011db47";

fn partner() -> TrustedIssuer {
    TrustedIssuer::external("https://login.example/a").audience("api").tenant(TenantRule::fixed("contoso"))
}

fn passport() -> TrustedIssuer {
    TrustedIssuer::passport("https://passport.example").audience("api")
}

fn template() -> TrustedIssuer {
    TrustedIssuer { issuer: "https://login.example/{tenantid}/v2.0".to_owned(), ..partner() }
        .jwks_url("https://login.example/keys")
}

/// Accepts each directory, as a tenant of its own.
fn of_any_directory(issuer: TrustedIssuer) -> TrustedIssuer {
    issuer.danger_any_directory().tenant(TenantRule::claim("tid"))
}

fn problems(issuer: &TrustedIssuer) -> Vec<String> {
    issuer.problems().iter().map(ToString::to_string).collect()
}

/// Asserts that the only mistake of `issuer` has the message `expected`.
#[track_caller]
fn assert_problem(issuer: &TrustedIssuer, expected: &str) {
    assert_eq!(problems(issuer), [expected]);
}

#[test]
fn entries_without_mistakes_have_no_problems() {
    for issuer in [
        partner(),
        passport(),
        template().allowed_directories([GUID]),
        of_any_directory(template()),
        of_any_directory(TrustedIssuer { jwks_url: None, ..template() }.static_jwks("{}")),
        TrustedIssuer::entra(GUID).audience("api").tenant(TenantRule::fixed("contoso")),
        TrustedIssuer::entra(GUID.to_uppercase()).audience("api").tenant(TenantRule::fixed("contoso")),
        TrustedIssuer::google().audience("api").tenant(TenantRule::table("sub", [("1", "contoso")])),
        partner().clock_skew(Duration::ZERO).jwks_refresh_interval(MINUTE).jwks_cooldown(SECOND),
        partner().clock_skew(10 * MINUTE).jwks_refresh_interval(DAY).jwks_cooldown(10 * MINUTE),
    ] {
        assert_eq!(problems(&issuer), [""; 0], "{issuer:?}");
    }
}

#[test]
fn required_options_are_reported() {
    assert_eq!(
        problems(&TrustedIssuer::external("https://login.example/a")),
        [
            "audience: missing; set the `aud` of the tokens to accept",
            "tenant: missing; set the tenant of the issuer's callers, for example TenantRule::fixed",
        ]
    );
    assert_problem(
        &TrustedIssuer::passport("https://passport.example"),
        "audience: missing; set the `aud` of the tokens to accept",
    );
}

#[test]
fn empty_texts_are_reported() {
    let cases: [(TrustedIssuer, &str); 12] = [
        (partner().name(" "), "name: must not be empty; set a name, or omit the option for the issuer's URL"),
        (partner().audience(""), "audience: must not be empty; set the `aud` of the tokens to accept"),
        (
            partner().algorithms([]),
            "algorithms: must not be empty; add an algorithm, or omit the option for RS256",
        ),
        (
            partner().token_types([""; 0]),
            "token_types: must not be empty; set the `typ` of the tokens, such as at+jwt",
        ),
        (
            partner().token_types(["at+jwt", " "]),
            "token_types: must not be empty; set the `typ` of the tokens, such as at+jwt",
        ),
        (
            partner().require_claim(ClaimCondition::equals("typ", "")),
            "require_claim: an empty value; set the value to require",
        ),
        (partner().tenant(TenantRule::fixed(" ")), "tenant: must not be empty; set the tenant"),
        (
            partner().tenant(TenantRule::table("tid", [("", ""); 0])),
            "tenant: the table is empty, so every token would be rejected; add a pair of claim value and tenant",
        ),
        (
            partner().tenant(TenantRule::table("tid", [("1", "")])),
            "tenant: the table has an empty value or tenant; remove the pair, or complete it",
        ),
        (
            partner().map_claims(|map| map.roles_from(["groups"]).role("clerks", "")),
            "claims.role: an empty name; set the issuer's name of the role, and the role",
        ),
        (
            partner().map_claims(|map| map.role("clerks", "clerk")),
            "claims.roles_from: missing; set the claims that contain the roles",
        ),
        (
            partner().map_claims(|map| map.service_account(ClaimCondition::starts_with("sub", ""))),
            "claims.service_account: an empty value; set the value that marks a service account",
        ),
    ];
    for (issuer, expected) in cases {
        assert_problem(&issuer, expected);
    }
}

#[test]
fn types_of_statements_are_no_token_types() {
    for typ in ["logout+jwt", "SecEvent+JWT", "application/token-introspection+jwt"] {
        let problem = "token_types: has the `typ` of logout tokens, security events or introspection responses; remove it";
        assert_problem(&partner().token_types(["at+jwt", typ]), problem);
    }
}

#[test]
fn paths_that_no_claim_can_have_are_reported() {
    let part = "has an empty part; write a claim, such as realm_access.roles";
    let own = "is checked by the verifier itself; choose another claim";
    let map = |change: fn(ClaimMap) -> ClaimMap| partner().map_claims(change);
    for (issuer, expected) in [
        (map(|map| map.subject("")), format!("claims.subject: `` {part}")),
        (map(|map| map.email(["a..b"])), format!("claims.email: `a..b` {part}")),
        (map(|map| map.display_name(["a."])), format!("claims.display_name: `a.` {part}")),
        (map(|map| map.roles_from([".a"])), format!("claims.roles_from: `.a` {part}")),
        (map(|map| map.permissions_from("aud")), format!("claims.permissions_from: `aud` {own}")),
        (
            map(|map| map.service_account(ClaimCondition::present("cnf.jkt"))),
            format!("claims.service_account: `cnf.jkt` {own}"),
        ),
        (partner().tenant(TenantRule::claim("iss")), format!("tenant: `iss` {own}")),
        (partner().tenant(TenantRule::claim(" ")), format!("tenant: ` ` {part}")),
        (partner().require_claim(ClaimCondition::present("nonce")), format!("require_claim: `nonce` {own}")),
    ] {
        assert_problem(&issuer, &expected);
    }
}

#[test]
fn urls_are_checked() {
    let issuer = TrustedIssuer { issuer: "http://login.example".to_owned(), ..partner() };
    let found = problems(&issuer.clone().jwks_url("keys"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("issuer: ") && found[1].starts_with("jwks_url: "), "{found:?}");
    assert_eq!(problems(&issuer.danger_plain_http()), [""; 0]);
}

#[test]
fn domain_with_a_scheme_is_reported() {
    let auth0 = TrustedIssuer::auth0("https://company.eu.auth0.com").audience("api");
    assert_problem(
        &auth0.tenant(TenantRule::fixed("contoso")),
        "issuer: has two schemes; write the domain without a scheme",
    );
}

#[test]
fn name_of_unknown_issuers_is_reserved() {
    assert_problem(
        &partner().name("unknown"),
        "name: is the name of tokens from no trusted issuer; choose another name",
    );
}

#[test]
fn durations_out_of_range_are_reported() {
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(
        problems(
            &partner()
                .clock_skew(10 * MINUTE + nanosecond)
                .jwks_refresh_interval(MINUTE - nanosecond)
                .jwks_cooldown(Duration::ZERO)
        ),
        [
            "clock_skew: must be at most 10 min, is 600.000000001s",
            "jwks_refresh_interval: must be between 1 min and 24 h, is 59.999999999s",
            "jwks_cooldown: must be between 1 s and 10 min, is 0ns",
        ]
    );
}

#[test]
fn static_keys_exclude_other_options_about_keys() {
    for issuer in [partner().jwks_url("https://login.example/keys"), partner().jwks_cache_file("keys.json")] {
        assert_problem(
            &issuer.static_jwks("{}"),
            "static_jwks: jwks_url, jwks_cache_file and ca_file have no effect with static keys; remove them, or static_jwks",
        );
    }
}

#[test]
fn placeholder_needs_a_list_of_directories() {
    assert_problem(
        &template(),
        "allowed_directories: missing; list the GUIDs of the accepted directories, or use danger_any_directory",
    );
    assert_problem(
        &template().allowed_directories([""; 0]),
        "allowed_directories: must not be empty; list at least one GUID",
    );
    assert_problem(
        &template().allowed_directories([GUID, "contoso.example"]),
        "allowed_directories: `contoso.example` is not a GUID in lower case, such as 72f988bf-86f1-41af-91ab-2d7cd011db47",
    );
    for issuer in [partner().allowed_directories([GUID]), partner().danger_any_directory()] {
        assert_problem(&issuer, "allowed_directories: the issuer has no {tenantid}; remove it");
    }
}

#[test]
fn placeholder_is_written_once_with_a_keys_url() {
    let twice =
        TrustedIssuer { issuer: "https://login.example/{tenantid}/{tenantid}".to_owned(), ..template() };
    assert_problem(&of_any_directory(twice), "issuer: has more than one {tenantid}; write it once");
    assert_problem(
        &of_any_directory(TrustedIssuer { jwks_url: None, ..template() }),
        "jwks_url: missing; an issuer with a placeholder has no discovery document of its own, set the URL of its keys",
    );
    let of_passport = TrustedIssuer::passport("https://passport.example/{tenantid}").audience("api");
    assert_problem(
        &of_passport.jwks_url("https://passport.example/keys").danger_any_directory(),
        "issuer: {tenantid} is only for external issuers",
    );
}

#[test]
fn passport_takes_no_options_of_external_issuers() {
    let issuer = passport()
        .claims(ClaimMap::new())
        .tenant(TenantRule::fixed("contoso"))
        .require_claim(ClaimCondition::present("azp"))
        .audience_claim(AudienceClaim::Azp);
    let remedy = "only for external issuers; remove it, or use TrustedIssuer::external";
    assert_eq!(
        problems(&issuer),
        ["claims", "tenant", "require_claim", "audience_claim"].map(|option| format!("{option}: {remedy}"))
    );
}

#[test]
fn entra_needs_the_guid_of_a_directory() {
    for directory in ["common", "organizations", "contoso.example", "", "72f988bf"] {
        assert_problem(
            &TrustedIssuer::entra(directory).audience("api").tenant(TenantRule::fixed("contoso")),
            "issuer: has no GUID of a directory; use the GUID instead of a name or `common`, or entra_multi_tenant",
        );
    }
}

#[test]
fn google_needs_a_list_of_callers() {
    for rule in [TenantRule::fixed("contoso"), TenantRule::claim("hd")] {
        let google = TrustedIssuer::google().audience("api").tenant(rule);
        assert_problem(
            &google,
            "tenant: anyone can get a token from this issuer; use TenantRule::table, or require_claim with a value",
        );
        let has_any = google.clone().require_claim(ClaimCondition::present("sub"));
        assert_eq!(problems(&has_any).len(), 1, "any subject");
        let is_listed = ClaimCondition::equals("sub", "117000000000000000001");
        assert_eq!(problems(&google.require_claim(is_listed)), [""; 0]);
    }
}

#[test]
fn all_mistakes_of_an_issuer_are_reported_together() {
    let issuer = TrustedIssuer::external("login.example")
        .name("")
        .algorithms([Algorithm::Es256; 0])
        .clock_skew(DAY)
        .allowed_directories([GUID])
        .map_claims(|map| map.subject(" ").role("a", "b"));
    let options: Vec<_> = issuer.problems().iter().map(|problem| problem.option.to_string()).collect();
    assert_eq!(
        options,
        [
            "issuer",
            "name",
            "audience",
            "algorithms",
            "clock_skew",
            "allowed_directories",
            "tenant",
            "claims.subject",
            "claims.roles_from",
        ]
    );
}

#[test]
fn any_directory_needs_a_tenant_for_each() {
    let any = || TrustedIssuer::entra_multi_tenant().audience("api").danger_any_directory();
    assert_problem(
        &any().tenant(TenantRule::fixed("contoso")),
        "tenant: anyone can get a token from this issuer; use TenantRule::table, or require_claim with a value",
    );
    for rule in [TenantRule::claim("tid"), TenantRule::table("tid", [("a", "contoso")])] {
        assert_eq!(problems(&any().tenant(rule)), [""; 0]);
    }
}

#[test]
fn issuer_of_google_is_recognized_without_the_preset() {
    let google = TrustedIssuer::external("https://accounts.google.com").audience("api");
    assert_eq!(problems(&google.tenant(TenantRule::fixed("contoso"))).len(), 1);
}
