use super::*;

fn absolute<'a>(scheme: &'a str, host: &'a str, port: Option<u16>) -> Destination<'a> {
    Destination::Absolute { scheme, host, port }
}

#[test]
fn plain_http_origin_is_rejected_with_its_opt_in() {
    let listed = AllowedOrigins::new(["http://erp"]).unwrap_err().to_string();
    assert!(listed.contains("with danger_plain_http in"), "{listed}");
    let channel = AllowedOrigins::channel(&Uri::from_static("http://erp")).unwrap_err().to_string();
    assert!(channel.contains("with danger_plain_http_channel in"), "{channel}");
}

#[test]
fn only_listed_origins_pass() {
    let origins = AllowedOrigins::new(["https://api.bizfirst.ai", "http://127.0.0.1:8080"]).unwrap();
    for (destination, allowed) in [
        (absolute("https", "api.bizfirst.ai", None), true),
        (absolute("https", "API.BIZFIRST.AI", Some(443)), true),
        (absolute("http", "127.0.0.1", Some(8080)), true),
        (absolute("http", "api.bizfirst.ai", None), false),
        (absolute("https", "api.bizfirst.ai", Some(8443)), false),
        (absolute("https", "api.bizfirst.ai.", None), false),
        (absolute("https", "api.bizfirst.ai.evil.example", None), false),
        (absolute("http", "127.0.0.1", Some(8081)), false),
        (absolute("http", "0x7f.1", Some(8080)), false),
        (absolute("http", "localhost", Some(8080)), false),
        (absolute("https", "sub.api.bizfirst.ai", None), false),
        (absolute("ftp", "api.bizfirst.ai", None), false),
        (Destination::WithUserInfo, false),
        (Destination::PathOnly, false),
        (Destination::Unclear, false),
    ] {
        assert_eq!(origins.check(&destination).is_ok(), allowed, "{destination:?}");
    }
}

#[test]
fn exact_match_equals_the_checked_match() {
    let origins = AllowedOrigins::new(["https://a.example", "https://b.example:8443"]).unwrap();
    for (authority, host, port) in
        [("a.example", "a.example", None), ("b.example:8443", "b.example", Some(8443))]
    {
        let checked = origins.check(&absolute("https", host, port)).unwrap();
        assert_eq!(origins.find_exact("https", authority), Some(checked));
    }
    assert_eq!(origins.find_exact("https", "A.example"), None);
    assert_eq!(origins.find_exact("http", "a.example"), None);
}

#[test]
fn path_only_uri_is_allowed_above_a_channel() {
    let origins = AllowedOrigins::channel(&Uri::from_static("https://grpc.bizfirst.ai/base")).unwrap();
    assert!(origins.check(&Destination::PathOnly).is_ok());
    assert!(origins.check(&Destination::Unclear).is_err());
    assert!(origins.check(&absolute("https", "elsewhere", None)).is_err());
}

#[test]
fn danger_functions_permit_only_what_they_name() {
    let plain = AllowedOrigins::danger_plain_http(["http://payroll.mesh"]).unwrap();
    assert!(plain.check(&absolute("http", "payroll.mesh", None)).is_ok());
    assert!(plain.check(&absolute("https", "payroll.mesh", None)).is_err());
    let channel = Uri::from_static("http://payroll.mesh");
    assert!(AllowedOrigins::channel(&channel).is_err());
    assert!(
        AllowedOrigins::danger_plain_http_channel(&channel).unwrap().check(&Destination::PathOnly).is_ok()
    );
    let any = AllowedOrigins::danger_any_https();
    assert!(any.check(&absolute("HTTPS", "anywhere.example", Some(8443))).is_ok());
    assert!(any.check(&absolute("http", "anywhere.example", None)).is_err());
    assert!(any.check(&Destination::PathOnly).is_err());
    assert!(any.check(&Destination::WithUserInfo).is_err());
}

#[test]
fn user_information_is_rejected_in_both_lists() {
    let error =
        AllowedOrigins::channel(&Uri::from_static("https://user:passw0rd@grpc.bizfirst.ai")).unwrap_err();
    assert!(!error.to_string().contains("passw0rd"), "{error}");
    assert!(AllowedOrigins::new(["https://user@api.bizfirst.ai"]).is_err());
}

#[test]
fn allowed_origins_are_distinguished() {
    let listed = AllowedOrigins::new(["https://a", "https://b"]).unwrap();
    let matched =
        |origins: &AllowedOrigins, host, port| origins.check(&absolute("https", host, port)).unwrap();
    for origins in [listed, AllowedOrigins::danger_any_https()] {
        assert_eq!(matched(&origins, "a", None), matched(&origins, "A", Some(443)));
        assert_ne!(matched(&origins, "a", None), matched(&origins, "b", None));
    }
}

#[test]
fn two_lists_are_joined() {
    let https = AllowedOrigins::new(["https://a"]).unwrap();
    let both = https.union(&AllowedOrigins::danger_plain_http(["http://b"]).unwrap());
    assert!(both.check(&absolute("https", "a", None)).is_ok());
    assert!(both.check(&absolute("http", "b", None)).is_ok());
    assert!(both.check(&absolute("http", "a", None)).is_err());
}

#[test]
fn every_wrong_origin_is_reported_at_once() {
    let error = AllowedOrigins::new(["http://a", "https://b/path", "c"]).unwrap_err();
    assert_eq!(error.problems().len(), 3, "{error}");
}

#[test]
fn empty_list_is_rejected() {
    assert!(AllowedOrigins::new([""; 0]).is_err());
}

#[test]
fn any_https_origin_is_allowed_by_either_of_two_lists() {
    let listed = AllowedOrigins::new(["https://a"]).unwrap();
    let any = AllowedOrigins::danger_any_https();
    for both in [listed.clone().union(&any), any.union(&listed)] {
        assert!(both.check(&absolute("https", "anywhere.example", None)).is_ok());
    }
}
