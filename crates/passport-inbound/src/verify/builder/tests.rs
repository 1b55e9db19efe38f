use super::*;

#[test]
fn an_audience_is_all_that_is_needed() {
    assert!(TokenVerifier::builder("bizfirstgo-api").build().is_ok());
}

#[test]
fn every_mistake_is_reported_at_once() {
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
        let refusal = builder(issuer, jwks_url).build().unwrap_err();
        assert!(refusal.problems().iter().all(|it| it.problem.contains("danger_plain_http")), "{refusal}");
    }
}

#[test]
fn ca_file_contradicts_a_transport() {
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
        .jwks_fetch_timeout(Duration::ZERO)
        .jwks_cooldown(Duration::from_millis(999))
        .max_token_size(64 * 1024 + 1)
        .max_cached_tokens(0)
        .max_cached_bytes(0)
        .algorithms([])
        .build()
        .unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|problem| problem.option.clone()).collect();
    assert_eq!(
        options,
        [
            "jwks_refresh_interval",
            "jwks_max_stale",
            "jwks_fetch_timeout",
            "jwks_cooldown",
            "max_token_size",
            "max_cached_tokens",
            "max_cached_bytes",
            "algorithms",
        ]
    );
    TokenVerifier::builder("api").jwks_refresh_interval(minute).jwks_max_stale(minute).build().unwrap();
}

#[test]
fn static_keys_must_be_keys_and_the_only_ones() {
    let problem = |builder: TokenVerifierBuilder| builder.build().unwrap_err().to_string();
    let builder = || TokenVerifier::builder("api").static_jwks("{\"keys\":[]}");
    assert!(problem(builder()).contains("no usable key"), "{}", problem(builder()));
    assert!(problem(builder().jwks_cache_file("keys.json")).contains("never requests"));
}
