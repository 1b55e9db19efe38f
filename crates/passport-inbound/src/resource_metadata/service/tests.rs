use futures_util::FutureExt;
use http_body_util::BodyExt;

use super::*;
use crate::{TokenVerifier, TrustedIssuer};

const PATH: &str = "/.well-known/oauth-protected-resource/orders";

fn verifier() -> TokenVerifier {
    TokenVerifier::builder("api").build().unwrap()
}

fn resource(verifier: &TokenVerifier) -> ProtectedResource {
    ProtectedResource::builder(verifier, "https://api.example/orders").build().unwrap()
}

/// Sends a request with this method, target and `If-None-Match` values.
fn send(resource: &ProtectedResource, method: Method, target: &str, tags: &[&str]) -> Response<Bytes> {
    let mut request = Request::builder().method(method).uri(target).header("host", "evil.example");
    for tag in tags {
        request = request.header(IF_NONE_MATCH, *tag);
    }
    let response = resource.clone().call(request.body(()).unwrap()).now_or_never().unwrap().unwrap();
    response.map(|body| body.collect().now_or_never().unwrap().unwrap().to_bytes())
}

fn get(resource: &ProtectedResource) -> Response<Bytes> {
    send(resource, Method::GET, PATH, &[])
}

#[test]
fn get_returns_the_document() {
    let response = get(&resource(&verifier()));
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.body(),
        concat!(
            r#"{"resource":"https://api.example/orders","#,
            r#""authorization_servers":["https://passport.bizfirst.ai"],"#,
            r#""bearer_methods_supported":["header"]}"#
        )
    );
    let headers = response.headers();
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    assert_eq!(headers[CACHE_CONTROL], "public, max-age=3600");
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(headers.len(), 4);
}

#[test]
fn head_has_the_headers_and_the_length_of_get() {
    let resource = resource(&verifier());
    let (get, mut head) = (get(&resource), send(&resource, Method::HEAD, PATH, &[]));
    assert_eq!((head.status(), head.body().len()), (get.status(), 0));
    let length = head.headers_mut().remove(CONTENT_LENGTH).unwrap();
    assert_eq!(length, get.body().len().to_string());
    assert_eq!(head.headers(), get.headers());
}

#[test]
fn all_responses_share_the_bytes() {
    let resource = resource(&verifier());
    assert_eq!(get(&resource).body().as_ptr(), get(&resource).body().as_ptr());
}

#[test]
fn known_etag_gets_304_without_content() {
    let resource = resource(&verifier());
    let tag = get(&resource).headers()[ETAG].to_str().unwrap().to_owned();
    let (weak, in_list) = (format!("W/{tag}"), format!("\"a,b\" , W/\"c\",{tag}"));
    for tags in [&[&*tag][..], &[&weak], &["*"], &[&in_list], &["\"a\"", &tag]] {
        for method in [Method::GET, Method::HEAD] {
            let response = send(&resource, method, PATH, tags);
            assert_eq!((response.status().as_u16(), response.body().len()), (304, 0), "{tags:?}");
            assert_eq!(response.headers()[ETAG], tag);
            assert_eq!(response.headers()[CACHE_CONTROL], "public, max-age=3600");
            assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        }
    }
    let unquoted = tag.trim_matches('"').to_owned();
    let upper = tag.to_uppercase();
    for tags in [&["\"a\""][..], &[&unquoted], &[&upper], &["", ","], &["w/*"]] {
        assert_eq!(send(&resource, Method::GET, PATH, tags).status(), 200, "{tags:?}");
    }
}

#[test]
fn preflight_allows_scripts_of_any_origin() {
    let response = send(&resource(&verifier()), Method::OPTIONS, PATH, &[]);
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    let headers = response.headers();
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "*");
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD, OPTIONS");
}

#[test]
fn other_methods_get_405_with_allow() {
    let resource = resource(&verifier());
    let tag = get(&resource).headers()[ETAG].to_str().unwrap().to_owned();
    for method in ["POST", "PUT", "DELETE", "PATCH", "QUERY", "get"] {
        let response = send(&resource, method.parse().unwrap(), PATH, &[&tag]);
        assert_eq!((response.status().as_u16(), &response.headers()[ALLOW]), (405, &METHODS), "{method}");
    }
}

#[test]
fn other_paths_get_404() {
    let resource = resource(&verifier());
    for target in ["/", "/orders", "/.well-known/oauth-protected-resource", "/.WELL-KNOWN/x"] {
        for method in [Method::GET, Method::OPTIONS] {
            assert_eq!(send(&resource, method, target, &["*"]).status(), 404, "{target}");
        }
    }
    let absolute = format!("http://evil.example{PATH}?v=1");
    assert_eq!(send(&resource, Method::GET, &absolute, &[]).body(), get(&resource).body());
}

#[test]
fn document_follows_a_reload_of_the_verifier() {
    let verifier = verifier();
    let (resource, before) = (resource(&verifier), get(&resource(&verifier)));
    let added = TrustedIssuer::passport("https://b.example").audience("api");
    verifier.replace(TokenVerifier::builder("api").trust(added)).unwrap();
    let after = get(&resource);
    let issuers = r#""authorization_servers":["https://passport.bizfirst.ai","https://b.example"]"#;
    assert!(std::str::from_utf8(after.body()).unwrap().contains(issuers), "{:?}", after.body());
    assert_ne!(after.headers()[ETAG], before.headers()[ETAG]);
    assert_eq!(get(&resource).body().as_ptr(), after.body().as_ptr());
    verifier.replace(TokenVerifier::builder("api")).unwrap();
    assert_eq!(get(&resource).headers()[ETAG], before.headers()[ETAG]);
}
