use super::*;

#[test]
fn quoted_text_is_escaped_and_never_shows_a_token() {
    assert_eq!(format!("{:?}", Quoted("a\r\n\u{1b}[0m")), r#""a\r\n\u{1b}[0m""#);
    for text in ["eyJhbGciOiJSUzI1NiJ9", "Bearer eyJx", &"x".repeat(101)] {
        assert!(!format!("{:?}", Quoted(text)).contains(text), "{text}");
    }
    assert_eq!(format!("{:?}", Quoted(&"x".repeat(100))).len(), 102);
}

#[test]
fn printable_text_is_truncated_and_escaped() {
    let long = format!("/tenants/{}/records", "7".repeat(400));
    let text = Printable(&long).to_string();
    assert!(text.starts_with("/tenants/777") && text.ends_with("...") && text.len() < 320, "{text}");
    assert_eq!(Printable(&"/".repeat(60_000)).to_string().len(), MAX_PRINTED + 3);
    assert_eq!(
        Printable(&"x".repeat(MAX_PRINTED)).to_string(),
        "x".repeat(MAX_PRINTED),
        "it is not truncated"
    );
    for (text, displayed) in [
        ("/tenants/7/records", "/tenants/7/records"),
        ("/of/eyJhbGciOiJSUzI1NiJ9.e30.x/and/on", "/of/(not shown)/and/on"),
        ("/of/eyJhbGciOiJSUzI1NiJ9.e30.x", "/of/(not shown)"),
        ("/a\r\nb\u{1b}[0m", "/a\\r\\nb\\u{1b}[0m"),
        ("o'brien\\", "o'brien\\"),
        ("jti-eyJx", "jti-eyJx"),
        ("", ""),
    ] {
        assert_eq!(Printable(text).to_string(), displayed);
    }
}
