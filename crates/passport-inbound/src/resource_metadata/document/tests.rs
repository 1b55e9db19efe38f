use super::*;

fn members() -> Members {
    Members {
        resource: "https://api.example".to_owned(),
        name: None,
        documentation: None,
        scopes: Vec::new(),
    }
}

fn text(document: &Document) -> &str {
    std::str::from_utf8(&document.content).unwrap()
}

#[test]
fn document_has_all_configured_members() {
    let members = Members {
        name: Some("Orders \"API\"".to_owned()),
        documentation: Some("https://docs.example/orders".to_owned()),
        scopes: vec!["orders.read".to_owned(), "orders.write".to_owned()],
        ..members()
    };
    let issuers = ["https://b.example/", "https://a.example"].map(str::to_owned);
    assert_eq!(
        text(&Document::render(&members, &issuers)),
        concat!(
            r#"{"resource":"https://api.example","resource_name":"Orders \"API\"","#,
            r#""authorization_servers":["https://b.example/","https://a.example"],"#,
            r#""scopes_supported":["orders.read","orders.write"],"#,
            r#""bearer_methods_supported":["header"],"#,
            r#""resource_documentation":"https://docs.example/orders"}"#
        )
    );
}

#[test]
fn members_without_a_value_are_omitted() {
    assert_eq!(
        text(&Document::render(&members(), &[])),
        r#"{"resource":"https://api.example","bearer_methods_supported":["header"]}"#
    );
}

#[test]
fn etag_is_strong_and_depends_on_the_content() {
    let [one, same, other] = [&[][..], &[], &["https://a.example".to_owned()]]
        .map(|issuers| Document::render(&members(), issuers).tag);
    assert_eq!(one, same);
    assert_ne!(one, other);
    let tag = one.to_str().unwrap();
    assert!(tag.len() == 66 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
}
