use super::*;

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
