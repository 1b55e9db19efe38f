use super::*;

#[test]
fn basic_credentials_are_form_decoded() {
    assert_eq!(form_decoded("a%2Bb%3Ac+d"), "a+b:c d");
    assert_eq!(form_decoded("mics_sk_plain"), "mics_sk_plain");
}

#[test]
fn malformed_basic_headers_are_rejected() {
    assert_eq!(decode_basic("Basic aWQ6c2VjcmV0"), Some(("id".to_owned(), "secret".to_owned())));
    for header in ["Basic", "Bearer aWQ6c2VjcmV0", "Basic ???", "Basic aWQ="] {
        assert_eq!(decode_basic(header), None, "{header}");
    }
}
