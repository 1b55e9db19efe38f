use super::*;
use crate::jwt::claims::Claims;

/// Returns the values of the claims in `payload` with which one of `paths` begins.
fn values(payload: &str, paths: &[&str]) -> Result<ClaimValues, serde_json::Error> {
    let paths: Vec<_> = paths.iter().map(|path| ClaimPath::from(*path)).collect();
    Claims::parse_external(payload.as_bytes(), &WantedClaims::new(&paths)).map(|(_, values)| values)
}

fn value(payload: &str, path: &str) -> Option<ClaimValue> {
    values(payload, &[path]).unwrap().get(&path.into()).cloned()
}

#[test]
fn values_keep_their_type() {
    let text = |text: &str| ClaimValue::Text(text.to_owned());
    assert_eq!(value(r#"{"a":"x"}"#, "a"), Some(text("x")));
    assert_eq!(value(r#"{"a":""}"#, "a"), Some(text("")));
    assert_eq!(value(r#"{"a":true}"#, "a"), Some(ClaimValue::Bool(true)));
    assert_eq!(value(r#"{"a":["x","y"]}"#, "a"), Some(ClaimValue::Texts(vec!["x".into(), "y".into()])));
    assert_eq!(value(r#"{"a":[]}"#, "a"), Some(ClaimValue::Texts(Vec::new())));
    for other in ["1", "-1", "1.5", "1e300", "[1]", r#"["x",1]"#, r#"["x",null]"#, r#"[["x"]]"#, "[{}]"] {
        assert_eq!(value(&format!(r#"{{"a":{other}}}"#), "a"), Some(ClaimValue::Other), "{other}");
    }
}

#[test]
fn null_counts_as_absent() {
    assert_eq!(value(r#"{"a":null}"#, "a"), None);
    assert_eq!(value(r#"{"a":{"b":null}}"#, "a.b"), None);
    assert_eq!(value(r#"{"a":{"b":null}}"#, "a"), Some(ClaimValue::Object(Vec::new())));
    assert_eq!(value("{}", "a"), None);
}

#[test]
fn path_leads_into_objects_only() {
    let payload = r#"{"a":{"b":{"c":"x"},"d":["y"]},"a.b":"z"}"#;
    assert_eq!(value(payload, "a.b.c"), Some(ClaimValue::Text("x".to_owned())));
    assert_eq!(value(payload, "a.d"), Some(ClaimValue::Texts(vec!["y".to_owned()])));
    assert_eq!(value(payload, r"a\.b"), Some(ClaimValue::Text("z".to_owned())));
    for missing in ["a.b.c.d", "a.d.0", "a.x", "A.b", "b"] {
        assert_eq!(value(payload, missing), None, "{missing}");
    }
}

#[test]
fn duplicate_member_is_rejected_at_any_depth() {
    for payload in [
        r#"{"a":"x","a":"x"}"#,
        r#"{"a":"x","\u0061":"y"}"#,
        r#"{"a":{"b":"x","b":"y"}}"#,
        r#"{"a":{"b":null,"\u0062":"y"}}"#,
        r#"{"a":{"b":{"c":1,"d":2,"c":3}}}"#,
        r#"{"a":[{"b":"x","b":"y"}]}"#,
        r#"{"a":["x",{"b":{"c":1,"c":2}}]}"#,
        r#"{"x":1,"a":"y","x":2}"#,
    ] {
        assert!(values(payload, &["a"]).is_err(), "{payload}");
    }
}

#[test]
fn value_nested_too_deep_is_rejected() {
    let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(values(&nested(100), &["a"]).is_ok());
    assert!(values(&nested(10_000), &["a"]).is_err());
}

#[test]
fn only_wanted_claims_are_kept() {
    let values = values(r#"{"a":"x","b":"y","c":{"d":1}}"#, &["a", "c.d"]).unwrap();
    assert_eq!(values.0.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn claim_in_claim_names_is_omitted() {
    let is_omitted = |payload: &str, claim: &str| values(payload, &[]).unwrap().is_omitted(claim);
    let overage = r#"{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"x"}}}"#;
    assert!(is_omitted(overage, "groups"));
    assert!(!is_omitted(overage, "roles"));
    assert!(!is_omitted(r#"{"groups":["a"]}"#, "groups"));
    assert!(!is_omitted(r#"{"_claim_names":null}"#, "groups"));
    for unreadable in [r#""groups""#, "1", "true", r#"["groups"]"#] {
        let payload = format!(r#"{{"_claim_names":{unreadable}}}"#);
        assert!(is_omitted(&payload, "groups") && is_omitted(&payload, "roles"), "{unreadable}");
    }
}

#[test]
fn hasgroups_omits_only_groups() {
    let is_omitted = |flag: &str, claim: &str| {
        values(&format!(r#"{{"hasgroups":{flag}}}"#), &[]).unwrap().is_omitted(claim)
    };
    for flag in ["true", r#""true""#, r#""True""#] {
        assert!(is_omitted(flag, "groups"), "{flag}");
        assert!(!is_omitted(flag, "roles"), "{flag}");
    }
    for flag in ["false", "null", r#""false""#, "1", "[true]"] {
        assert!(!is_omitted(flag, "groups"), "{flag}");
    }
}
