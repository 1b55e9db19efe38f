use serde_json::json;

use super::*;

#[test]
fn a_switch_is_read_from_a_text_too() {
    for (value, read) in [
        (json!(true), Some(true)),
        (json!("False"), Some(false)),
        (json!(" true "), Some(true)),
        (json!(1), None),
        (json!("yes"), None),
    ] {
        assert_eq!(bool::parse(&value).ok(), read, "{value}");
    }
}

#[test]
fn a_list_may_be_one_text() {
    for value in
        [json!(["openid", "roles"]), json!("openid roles"), json!("openid,roles"), json!("openid, roles")]
    {
        assert_eq!(Vec::parse(&value).unwrap(), ["openid", "roles"]);
    }
    for value in [json!([]), json!(""), json!([1]), json!({}), json!(null)] {
        assert!(Vec::parse(&value).is_err(), "{value}");
    }
}
