use super::*;
use crate::{TenantRule, TrustedIssuer};

fn verifier() -> TokenVerifier {
    TokenVerifier::builder("api").build().unwrap()
}

fn builder(resource: &str) -> ProtectedResourceBuilder {
    ProtectedResource::builder(&verifier(), resource)
}

fn document(resource: &ProtectedResource) -> serde_json::Value {
    serde_json::from_slice(&resource.rendered().document.content).unwrap()
}

#[test]
fn metadata_url_and_path_follow_from_the_identifier() {
    let resource = builder("https://api.example/orders?v=1").build().unwrap();
    let path = "/.well-known/oauth-protected-resource/orders";
    assert_eq!(resource.metadata_path(), path);
    assert_eq!(resource.metadata_url(), format!("https://api.example{path}?v=1"));
}

#[test]
fn options_are_in_the_document() {
    let resource = builder("https://api.example")
        .scopes(" write read write")
        .resource_name("Orders")
        .resource_documentation("https://docs.example")
        .build()
        .unwrap();
    let document = document(&resource);
    assert_eq!(document["scopes_supported"], serde_json::json!(["read", "write"]));
    assert_eq!(document["resource_name"], "Orders");
    assert_eq!(document["resource_documentation"], "https://docs.example");
}

#[test]
fn all_problems_are_reported_together() {
    let error = builder("http://api.example")
        .scopes("\"")
        .resource_name(" ")
        .resource_documentation("docs")
        .build()
        .unwrap_err();
    let options: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(options, ["resource", "scopes", "resource_name", "resource_documentation"]);
    assert!(builder("https://api.example").scopes("").build().is_err());
}

#[test]
fn danger_plain_http_accepts_plain_http() {
    let resource = builder("http://api:8080/orders").danger_plain_http().build().unwrap();
    assert_eq!(resource.metadata_url(), "http://api:8080/.well-known/oauth-protected-resource/orders");
}

#[test]
fn issuers_are_listed_in_the_order_of_the_configuration() {
    let directories = ["72f988bf-0000-41af-91ab-2d7cd011db47", "00000000-0000-0000-0000-000000000001"];
    let entra = || TrustedIssuer::entra_multi_tenant().audience("api").tenant(TenantRule::fixed("contoso"));
    let issuers = |issuer: TrustedIssuer| {
        let passport = TrustedIssuer::passport("https://passport.example/").audience("api");
        let verifier = TokenVerifier::trusting(issuer).trust(passport).build().unwrap();
        let resource = ProtectedResource::builder(&verifier, "https://api.example").build().unwrap();
        document(&resource)["authorization_servers"].clone()
    };
    let of = |directory: &str| format!("https://login.microsoftonline.com/{directory}/v2.0");
    assert_eq!(
        issuers(entra().allowed_directories(directories)),
        serde_json::json!([of(directories[0]), of(directories[1]), "https://passport.example/"])
    );
}

#[test]
fn issuer_of_any_directory_is_not_listed() {
    let entra = TrustedIssuer::entra_multi_tenant()
        .audience("api")
        .danger_any_directory()
        .tenant(TenantRule::table("tid", [("72f988bf-0000-41af-91ab-2d7cd011db47", "contoso")]));
    let verifier = TokenVerifier::trusting(entra).build().unwrap();
    let resource = ProtectedResource::builder(&verifier, "https://api.example").build().unwrap();
    assert_eq!(document(&resource).get("authorization_servers"), None);
}

#[test]
fn url_with_credentials_is_not_printed() {
    let builder = builder("https://user:secret@api.example");
    let printed = format!("{builder:?}") + &builder.build().unwrap_err().to_string();
    assert!(!printed.contains("secret"), "{printed}");
}
