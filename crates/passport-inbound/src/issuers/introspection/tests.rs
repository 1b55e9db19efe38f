//! Valid and invalid settings.

use super::*;
use crate::TrustedIssuer;

fn settings() -> Introspection {
    Introspection::new("client", SecretSource::from_value("s3cret"))
}

fn problems(introspection: Introspection) -> Vec<String> {
    let issuer = TrustedIssuer::passport("https://passport.example").audience("api");
    issuer.introspection(introspection).problems().iter().map(ToString::to_string).collect()
}

#[test]
fn settings_out_of_range_are_reported() {
    let max_age = |max_age| IntrospectionMode::LocalThenIntrospect { max_age };
    let second = Duration::from_secs(1);
    let found = problems(
        Introspection::new(" ", SecretSource::from_value("x"))
            .mode(max_age(second - Duration::from_nanos(1)))
            .timeout(Duration::from_millis(99))
            .max_cached(0)
            .max_unknown_per_second(0)
            .danger_continue_when_unreachable(second * 3601),
    );
    assert_eq!(
        found,
        [
            "introspection.client_id: invalid client id: it must not begin or end with whitespace",
            "introspection.max_age: must be between 1 s and 60 s, is 999.999999ms",
            "introspection.timeout: must be between 100 ms and 30 s, is 99ms",
            "introspection.max_cached: must be between 1 and 10,000,000, is 0",
            "introspection.max_unknown_per_second: must be at least 1, is 0",
            "introspection.danger_continue_when_unreachable: must be more than 0 s and at most 1 h, is 3601s",
        ]
    );
    let opaque = IntrospectionMode::Opaque { max_age: second * 61 };
    assert_eq!(problems(settings().mode(opaque)).len(), 1);
    for mode in
        [max_age(second), max_age(second * 60), IntrospectionMode::Introspect, IntrospectionMode::opaque()]
    {
        assert_eq!(problems(settings().mode(mode)), [""; 0], "{mode:?}");
    }
}

#[test]
fn passport_has_a_default_endpoint() {
    let url = |issuer: &str, settings: Introspection| {
        settings.url(IssuerKind::Passport, &Issuer::new(issuer).unwrap()).unwrap().unwrap().to_string()
    };
    assert_eq!(url("https://a.example", settings()), "https://a.example/passport/token/introspect");
    assert_eq!(url("https://a.example/x/", settings()), "https://a.example/x/passport/token/introspect");
    assert_eq!(url("https://a.example", settings().endpoint("https://b.example/i")), "https://b.example/i");
}

#[test]
fn invalid_or_missing_endpoint_is_reported() {
    let invalid = problems(settings().endpoint("http://user:pw@passport.example"));
    assert_eq!(invalid.len(), 1);
    assert!(invalid[0].starts_with("introspection.endpoint: ") && !invalid[0].contains("pw"), "{invalid:?}");
    let external = TrustedIssuer::external("https://a.example")
        .audience("api")
        .tenant(crate::TenantRule::fixed("contoso"))
        .introspection(settings());
    let found: Vec<_> = external.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "introspection.endpoint: missing; set the `introspection_endpoint` of the issuer's discovery document"
        ]
    );
    let plain = TrustedIssuer::passport("http://passport").audience("api").danger_plain_http();
    assert_eq!(plain.introspection(settings()).problems(), []);
}

#[test]
fn issuer_with_a_placeholder_has_no_opaque_tokens() {
    let issuer = TrustedIssuer::entra_multi_tenant()
        .audience("api")
        .danger_any_directory()
        .tenant(crate::TenantRule::claim("tid"))
        .introspection(settings().endpoint("https://a.example/i").mode(IntrospectionMode::opaque()));
    let found: Vec<_> = issuer.problems().iter().map(ToString::to_string).collect();
    assert!(found.iter().any(|problem| problem.starts_with("introspection.mode: ")), "{found:?}");
}

#[test]
fn settings_are_equal_if_all_of_them_are() {
    let base = settings();
    assert_eq!(base, base.clone());
    assert_ne!(base, settings(), "the secrets are of different sources");
    let with_env = |name: &str| Introspection::new("client", SecretSource::env(name));
    assert_eq!(with_env("A"), with_env("A"));
    assert_ne!(with_env("A"), with_env("B"));
    for changed in [
        base.clone().endpoint("https://a.example/i"),
        base.clone().client_authentication(ClientAuthentication::ClientSecretPost),
        base.clone().mode(IntrospectionMode::Introspect),
        base.clone().timeout(Duration::from_secs(1)),
        base.clone().max_concurrent(NonZeroUsize::MIN),
        base.clone().max_cached(1),
        base.clone().max_unknown_per_second(1),
        base.clone().danger_continue_when_unreachable(Duration::from_secs(1)),
        base.clone().require_signed(),
    ] {
        assert_ne!(base, changed);
    }
}

#[test]
fn debug_shows_neither_secret_nor_url() {
    let shown = format!("{:?}", settings().endpoint("https://user:pw@a.example"));
    assert!(shown.contains("client") && !shown.contains("s3cret") && !shown.contains("pw"), "{shown}");
}
