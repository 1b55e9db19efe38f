use super::*;

#[test]
fn value_other_than_an_object_is_rejected() {
    assert!(object::<serde_json::Value>(b" {}").is_ok());
    for json in [&b"[]"[..], b"\"{}\"", b"null", b"", b"\xef\xbb\xbf{}", b"{} {}", b"{\"a\":\"\xff\"}"] {
        assert!(object::<serde_json::Value>(json).is_err(), "{json:?}");
    }
}

#[test]
fn numeric_date_is_a_number_in_the_range_of_system_time() {
    let date = |json: &str| serde_json::from_str::<NumericDate>(json).ok().map(|date| date.0);
    assert_eq!(date("1.5"), Some(UNIX_EPOCH + Duration::from_millis(1500)));
    assert!(date("1e18").is_some());
    for json in ["-1", "1e19", "1e400", "18446744073709551616000", "\"1\"", "null", "true", "[1]", "{}"] {
        assert_eq!(date(json), None, "{json}");
    }
}
