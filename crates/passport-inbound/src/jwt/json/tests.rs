use super::*;

#[test]
fn only_an_object_is_an_object() {
    assert!(object::<serde_json::Value>(b" {}").is_ok());
    for json in [&b"[]"[..], b"\"{}\"", b"null", b"", b"\xef\xbb\xbf{}", b"{} {}", b"{\"a\":\"\xff\"}"] {
        assert!(object::<serde_json::Value>(json).is_err(), "{json:?}");
    }
}

#[test]
fn a_date_is_a_number_that_a_clock_can_show() {
    let date = |json: &str| serde_json::from_str::<NumericDate>(json).ok().map(|date| date.0);
    assert_eq!(date("1.5"), Some(UNIX_EPOCH + Duration::from_millis(1500)));
    assert!(date("1e18").is_some());
    for json in ["-1", "1e19", "1e400", "18446744073709551616000", "\"1\"", "null", "true", "[1]", "{}"] {
        assert_eq!(date(json), None, "{json}");
    }
}
