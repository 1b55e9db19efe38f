use serde_json::json;

use super::*;

#[test]
fn boolean_may_be_a_string() {
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
fn list_may_be_one_string() {
    for value in
        [json!(["openid", "roles"]), json!("openid roles"), json!("openid,roles"), json!("openid, roles")]
    {
        assert_eq!(Vec::parse(&value).unwrap(), ["openid", "roles"]);
    }
    for value in [json!([]), json!(""), json!([1]), json!({}), json!(null)] {
        assert!(Vec::parse(&value).is_err(), "{value}");
    }
}
