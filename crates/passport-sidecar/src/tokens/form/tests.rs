use super::*;

fn parsed(authorization: Option<&str>, form: &str) -> Result<(String, Vec<String>), &'static str> {
    let basic = authorization.map(|value| basic_credentials(value.as_bytes())).transpose();
    basic
        .and_then(|basic| parse(basic, form.as_bytes()))
        .map(|form| (form.client_id, form.caller_tokens))
        .map_err(|error| error.code)
}

#[test]
fn client_authenticates_by_basic_or_form() {
    let grant = "grant_type=client_credentials";
    let basic = format!("Basic {}", BASE64_STANDARD.encode("mi-1:to%2Bken"));
    let both = ("mi-1".to_owned(), vec!["to+ken".to_owned(), "to%2Bken".to_owned()]);
    assert_eq!(parsed(Some(&basic), grant), Ok(both.clone()));
    assert_eq!(parsed(Some(&basic), &format!("{grant}&client_id=mi-1")), Ok(both.clone()));
    let form_only = ("mi-1".to_owned(), vec!["to+ken".to_owned()]);
    assert_eq!(parsed(None, &format!("{grant}&client_id=mi-1&client_secret=to%2Bken")), Ok(form_only));
    assert_eq!(
        parsed(None, &format!("{grant}&client_id=mi-1&client_secret=")),
        Ok(("mi-1".to_owned(), vec![]))
    );
}

#[test]
fn malformed_token_request_is_rejected() {
    let grant = "grant_type=client_credentials&client_id=mi-1";
    assert_eq!(parsed(None, "client_id=mi-1").unwrap_err(), "unsupported_grant_type");
    assert_eq!(parsed(None, "grant_type=password&client_id=mi-1").unwrap_err(), "unsupported_grant_type");
    assert_eq!(parsed(None, "grant_type=client_credentials").unwrap_err(), "invalid_request");
    assert_eq!(parsed(None, &format!("{grant}&scope=a&scope=b")).unwrap_err(), "invalid_request");
    assert_eq!(parsed(Some("Bearer x"), grant).unwrap_err(), "invalid_request");
    let other = format!("Basic {}", BASE64_STANDARD.encode("mi-2:x"));
    assert_eq!(parsed(Some(&other), grant).unwrap_err(), "invalid_request");
    assert!(check_content_type(&HeaderMap::new()).is_err());
}
