use super::*;
use crate::jwt::{claim_value::WantedClaims, claims::Claims};

/// Returns whether the claims of `payload` meet `condition`.
fn is_met(condition: &ClaimCondition, payload: &str) -> bool {
    let wanted = WantedClaims::new([condition.path()]);
    condition.is_met(&Claims::parse_external(payload.as_bytes(), &wanted).unwrap().1)
}

#[test]
fn equals_compares_a_text_a_list_or_a_flag() {
    let is_app = ClaimCondition::equals("idtyp", "app");
    for payload in [r#"{"idtyp":"app"}"#, r#"{"idtyp":["user","app"]}"#, r#"{"idtyp":"\u0061pp"}"#] {
        assert!(is_met(&is_app, payload), "{payload}");
    }
    for value in [r#""App""#, r#""app ""#, r#""apps""#, "null", "true", "[]", r#"[["app"]]"#, r#"{"app":1}"#]
    {
        assert!(!is_met(&is_app, &format!(r#"{{"idtyp":{value}}}"#)), "{value}");
    }
    assert!(!is_met(&is_app, "{}"));
    let is_verified = ClaimCondition::equals("email_verified", "true");
    assert!(is_met(&is_verified, r#"{"email_verified":true}"#));
    assert!(is_met(&is_verified, r#"{"email_verified":"true"}"#));
    assert!(!is_met(&is_verified, r#"{"email_verified":false}"#));
    assert!(!is_met(&is_verified, r#"{"email_verified":1}"#));
}

#[test]
fn start_and_end_are_compared_with_a_text_only() {
    let start = ClaimCondition::starts_with("sub", "service-");
    let end = ClaimCondition::ends_with("sub", "@clients");
    assert!(is_met(&start, r#"{"sub":"service-a"}"#));
    assert!(is_met(&end, r#"{"sub":"a@clients"}"#));
    for value in [r#"["service-a@clients"]"#, r#""a""#, r#""Service-a@Clients""#, "null", "1"] {
        let payload = format!(r#"{{"sub":{value}}}"#);
        assert!(!is_met(&start, &payload) && !is_met(&end, &payload), "{value}");
    }
}

#[test]
fn present_accepts_any_value_but_null() {
    let has_host = ClaimCondition::present("a.clientHost");
    for value in [r#""""#, "false", "0", "[]", "{}"] {
        assert!(is_met(&has_host, &format!(r#"{{"a":{{"clientHost":{value}}}}}"#)), "{value}");
    }
    for payload in ["{}", r#"{"a":{"clientHost":null}}"#, r#"{"clientHost":1}"#, r#"{"a":[]}"#] {
        assert!(!is_met(&has_host, payload), "{payload}");
    }
}

#[test]
fn condition_is_printed_with_its_claim_and_value() {
    let printed = |condition: &ClaimCondition| condition.to_string();
    assert_eq!(printed(&ClaimCondition::equals("a.b", "x\"")), r#"a.b = "x\"""#);
    assert_eq!(printed(&ClaimCondition::starts_with("a", "x")), r#"a begins with "x""#);
    assert_eq!(printed(&ClaimCondition::ends_with("a", "x")), r#"a ends with "x""#);
    assert_eq!(printed(&ClaimCondition::present(r"a\.b")), r"a\.b is present");
}

#[test]
fn condition_with_an_empty_value_is_blank() {
    for condition in [
        ClaimCondition::equals("a", ""),
        ClaimCondition::starts_with("a", " "),
        ClaimCondition::ends_with("a", ""),
    ] {
        assert!(condition.is_blank(), "{condition}");
    }
    assert!(!ClaimCondition::present("a").is_blank());
    assert!(!ClaimCondition::equals("a", "x").is_blank());
}
