use super::*;
use crate::{TenantRule, test_support::Log};

#[test]
fn audience_is_the_only_required_option() {
    assert!(TokenVerifier::builder("bizfirstgo-api").build().is_ok());
}

#[test]
fn all_problems_are_reported_together() {
    let error = TokenVerifier::builder(" ")
        .issuer("http://passport.bizfirst.ai")
        .jwks_url("keys")
        .clock_skew(Duration::from_secs(3600))
        .build()
        .unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|problem| problem.option.clone()).collect();
    assert_eq!(options, ["issuer", "jwks_url", "clock_skew", "audience"]);
}

#[test]
fn danger_plain_http_covers_issuer_and_jwks_url() {
    let builder =
        |issuer: &str, jwks_url: &str| TokenVerifier::builder("api").issuer(issuer).jwks_url(jwks_url);
    for (issuer, jwks_url) in [
        ("http://passport:8090", "http://passport:8090/keys"),
        ("https://passport.bizfirst.ai", "http://passport:8090/keys"),
    ] {
        builder(issuer, jwks_url).danger_plain_http().build().unwrap();
        let error = builder(issuer, jwks_url).build().unwrap_err();
        assert!(error.problems().iter().all(|it| it.problem.contains("danger_plain_http")), "{error}");
    }
}

#[test]
fn ca_file_cannot_be_combined_with_a_transport() {
    let options = |builder: TokenVerifierBuilder| {
        let error = builder.issuer("passport").build().unwrap_err();
        error.problems().iter().map(|problem| problem.option.to_string()).collect::<Vec<_>>()
    };
    let builder = || TokenVerifier::builder("api").ca_file("/no/such/ca.pem");
    assert_eq!(options(builder()), ["issuer", "ca_file"]);
    assert_eq!(options(builder().transport(Transport::default())), ["issuer", "ca_file"]);
}

#[test]
fn options_out_of_range_are_reported() {
    let minute = Duration::from_secs(60);
    let error = TokenVerifier::builder("api")
        .jwks_refresh_interval(minute - Duration::from_nanos(1))
        .jwks_max_stale(Duration::ZERO)
        .jwks_request_timeout(Duration::ZERO)
        .jwks_cooldown(Duration::from_millis(999))
        .max_token_size(64 * 1024 + 1)
        .max_cached_tokens(0)
        .max_cached_bytes(0)
        .algorithms([])
        .build()
        .unwrap_err();
    let problems: Vec<_> = error.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "jwks_refresh_interval: must be between 1 min and 24 h, is 59.999999999s",
            "jwks_max_stale: must be between 1 min and 30 days, is 0ns",
            "jwks_request_timeout: must be between 1 s and 60 s, is 0ns",
            "jwks_cooldown: must be between 1 s and 10 min, is 999ms",
            "max_token_size: must be between 1 KiB and 64 KiB, is 65537 bytes",
            "max_cached_tokens: must be at least 2, is 0; cache_tokens(false) disables the cache",
            "max_cached_bytes: must be between 64 KiB and 4 GiB, is 0 bytes; cache_tokens(false) disables the cache",
            "algorithms: must not be empty; add an algorithm, or omit the option for RS256",
        ]
    );
    TokenVerifier::builder("api").jwks_refresh_interval(minute).jwks_max_stale(minute).build().unwrap();
}

#[test]
fn invalid_or_combined_static_keys_are_reported() {
    let problem = |builder: TokenVerifierBuilder| builder.build().unwrap_err().to_string();
    let builder = || TokenVerifier::builder("api").static_jwks("{\"keys\":[]}");
    assert!(problem(builder()).contains("no usable key"), "{}", problem(builder()));
    assert!(problem(builder().jwks_cache_file("keys.json")).contains("have no effect with static keys"));
}

fn partner(issuer: &str) -> TrustedIssuer {
    TrustedIssuer::external(issuer).audience("api").tenant(TenantRule::fixed("contoso"))
}

fn problems(builder: TokenVerifierBuilder) -> Vec<String> {
    builder.build().unwrap_err().problems().iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes_of_several_issuers_are_reported_together() {
    let builder = TokenVerifier::builder("")
        .trust(partner("https://a.example"))
        .trust(partner("https://a.example/").name("with a slash"))
        .trust(partner("https://a.example").name("again"))
        .trust(TrustedIssuer::external("https://b.example").name("b").audience(" "))
        .trust(partner("https://c.example").name("b").jwks_cache_file("keys.json"))
        .trust(partner("https://d.example").jwks_cache_file("keys.json"))
        .trust(TrustedIssuer::passport("http://passport.example"));
    let slash = "differs from another trusted issuer only by a trailing slash; keep the one that is the `iss` of the tokens";
    let found = problems(builder);
    let (url, found): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|it| it.starts_with("trust(http://passport.example).issuer: "));
    assert_eq!(url.len(), 1);
    assert_eq!(
        found,
        [
            "audience: must not be empty; set the `aud` of the tokens to accept".to_owned(),
            "trust(b).audience: must not be empty; set the `aud` of the tokens to accept".to_owned(),
            "trust(b).tenant: missing; set the tenant of the issuer's callers, for example TenantRule::fixed"
                .to_owned(),
            "trust(http://passport.example).audience: missing; set the `aud` of the tokens to accept"
                .to_owned(),
            format!("trust(with a slash).issuer: {slash}"),
            format!("trust(again).issuer: {slash}"),
            "trust(b).name: is the name of another trusted issuer; choose different names".to_owned(),
            "trust(https://d.example).jwks_cache_file: is the file of another trusted issuer; use a file for each issuer"
                .to_owned(),
        ]
    );
}

#[test]
fn issuer_that_is_trusted_twice_is_reported() {
    let builder = TokenVerifier::builder("api")
        .issuer("https://a.example")
        .trust(TrustedIssuer::passport("https://a.example").audience("api"));
    assert_eq!(
        problems(builder),
        ["trust(https://a.example).issuer: is trusted twice; remove one of the entries"]
    );
    let builder = TokenVerifier::trusting(partner("https://a.example/")).trust(partner("https://a.example"));
    assert_eq!(
        problems(builder),
        [
            "trust(https://a.example).issuer: differs from another trusted issuer only by a trailing slash; keep the one that is the `iss` of the tokens"
        ]
    );
}

#[test]
fn mistakes_in_allowed_issuers_are_reported() {
    let builder = TokenVerifier::builder("api")
        .trust(partner("https://a.example"))
        .allowed_issuers("contoso", ["https://a.example", "https://a.example/", "https://user:pw@b.example"])
        .allowed_issuers("empty", [""; 0])
        .allowed_issuers(" ", ["https://a.example"]);
    assert_eq!(
        problems(builder),
        [
            "allowed_issuers( ): the tenant must not be empty; set the tenant",
            "allowed_issuers(contoso): `https://a.example/` is not a trusted issuer; list the exact `iss` of one",
            "allowed_issuers(contoso): `...` is not a trusted issuer; list the exact `iss` of one",
            "allowed_issuers(empty): must not be empty, because no token could be for this tenant; list an issuer",
        ]
    );
}

#[test]
fn directories_of_a_trusted_pattern_may_be_allowed() {
    let guid = "72f988bf-0000-41af-91ab-2d7cd011db47";
    let builder = |iss: &str| {
        let entra = TrustedIssuer::entra_multi_tenant().audience("api").allowed_directories([guid]);
        TokenVerifier::trusting(entra.tenant(TenantRule::claim("tid"))).allowed_issuers("contoso", [iss])
    };
    builder(&format!("https://login.microsoftonline.com/{guid}/v2.0")).build().unwrap();
    let pattern = "https://login.microsoftonline.com/{tenantid}/v2.0";
    assert_eq!(
        problems(builder(pattern)),
        [format!(
            "allowed_issuers(contoso): `{pattern}` is not a trusted issuer; list the exact `iss` of one"
        )]
    );
}

#[test]
fn invalid_static_keys_of_an_issuer_are_reported() {
    let found = problems(TokenVerifier::builder("api").trust(partner("https://a.example").static_jwks("{}")));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("trust(https://a.example).static_jwks: "), "{found:?}");
}

#[test]
fn url_with_credentials_is_not_printed() {
    let issuer = partner("https://user:secret@a.example");
    let builder = TokenVerifier::builder("api").trust(issuer.clone());
    let printed = format!("{issuer:?} {builder:?}") + &problems(builder).concat();
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn issuer_that_no_tenant_lists_is_logged() {
    let log = Log::listen(tracing::Level::WARN);
    let issuer = || partner("https://a.example").tenant(TenantRule::claim("tenant"));
    TokenVerifier::builder("api").trust(issuer()).build().unwrap();
    assert_eq!(log.lines_with("no tenant lists this issuer").len(), 1);
    let listed = TokenVerifier::builder("api").trust(issuer());
    listed.allowed_issuers("contoso", ["https://a.example"]).build().unwrap();
    let any = issuer().tenant(TenantRule::claim("tenant").danger_any_tenant());
    TokenVerifier::builder("api").trust(any).build().unwrap();
    assert_eq!(log.lines_with("no tenant lists this issuer").len(), 1);
}
