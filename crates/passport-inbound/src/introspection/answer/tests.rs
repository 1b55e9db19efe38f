//! Valid, invalid and lying answers.

use std::time::{Duration, UNIX_EPOCH};

use super::*;

fn facts(iss: &str, sub: &str, aud: &[&str], exp: u64) -> TokenFacts {
    TokenFacts {
        iss: Some(iss.to_owned()),
        sub: Some(sub.to_owned()),
        aud: Some(aud.iter().map(ToString::to_string).collect()),
        exp: Some(NumericDate(UNIX_EPOCH + Duration::from_secs(exp))),
        jti: Some("t".to_owned()),
    }
}

fn check(answer: &str) -> Result<(), InvalidAnswer> {
    Answer::parse(answer.as_bytes()).unwrap().check(&facts("https://a", "u", &["api", "b"], 7))
}

#[test]
fn active_must_be_a_boolean() {
    for answer in [
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"active":[true]}"#,
        r#"{"active":{"active":true}}"#,
        r#"{"Active":true}"#,
        "{}",
    ] {
        assert_eq!(Answer::parse(answer.as_bytes()), Err(InvalidAnswer::NotBoolean), "{answer}");
    }
    assert!(Answer::parse(br#"{"active":true}"#).unwrap().is_active);
    assert!(!Answer::parse(br#"{"active":false}"#).unwrap().is_active);
}

#[test]
fn answer_that_is_no_object_is_invalid() {
    for answer in ["", "[]", "true", "<html>", r#"{"active":true"#, r#"{"active":true} x"#, "\u{feff}{}"] {
        assert_eq!(Answer::parse(answer.as_bytes()), Err(InvalidAnswer::NotJson), "{answer}");
    }
    assert_eq!(Answer::parse(b"{\"active\":true,\"x\":\"\xff\"}"), Err(InvalidAnswer::NotJson));
}

#[test]
fn duplicate_members_are_invalid() {
    for answer in [
        r#"{"active":false,"active":true}"#,
        r#"{"active":true,"sub":"a","sub":"b"}"#,
        r#"{"active":true,"x":1,"x":1}"#,
        r#"{"active":true,"\u0061ctive":false}"#,
    ] {
        assert_eq!(Answer::parse(answer.as_bytes()), Err(InvalidAnswer::NotJson), "{answer}");
    }
}

#[test]
fn member_of_a_wrong_type_is_invalid() {
    for member in [
        r#""iss":1"#,
        r#""sub":[]"#,
        r#""aud":{}"#,
        r#""aud":[null]"#,
        r#""aud":[1]"#,
        r#""exp":"7""#,
        r#""exp":-1"#,
    ] {
        let answer = format!(r#"{{"active":true,{member}}}"#);
        assert_eq!(Answer::parse(answer.as_bytes()), Err(InvalidAnswer::NotJson), "{answer}");
    }
}

#[test]
fn answer_must_match_the_token() {
    for (answer, member) in [
        (r#"{"active":true,"iss":"https://b"}"#, "iss"),
        (r#"{"active":true,"sub":"other"}"#, "sub"),
        (r#"{"active":true,"sub":"U"}"#, "sub"),
        (r#"{"active":true,"aud":"other"}"#, "aud"),
        (r#"{"active":true,"exp":8}"#, "exp"),
        (r#"{"active":true,"jti":"other"}"#, "jti"),
    ] {
        assert_eq!(check(answer), Err(InvalidAnswer::Mismatch(member)), "{answer}");
    }
    assert_eq!(check(r#"{"active":true,"iss":"https://a","sub":"u","aud":["x","api"],"exp":7.0}"#), Ok(()));
    assert_eq!(check(r#"{"active":true,"client_id":"c","scope":"a b","roles":["x"]}"#), Ok(()));
}

#[test]
fn null_and_an_empty_list_count_as_absent() {
    for member in
        [r#""iss":null"#, r#""sub":null"#, r#""aud":null"#, r#""aud":[]"#, r#""exp":null"#, r#""jti":null"#]
    {
        let answer = format!(r#"{{"active":true,{member}}}"#);
        assert_eq!(Answer::parse(answer.as_bytes()).unwrap().facts, TokenFacts::default(), "{member}");
        assert_eq!(check(&answer), Ok(()), "{member}");
    }
    let duplicate = br#"{"active":true,"sub":null,"sub":"u"}"#;
    assert_eq!(Answer::parse(duplicate), Err(InvalidAnswer::NotJson));
}

#[test]
fn answer_must_have_an_audience_of_the_service() {
    let payload = br#"{"aud":["api","other"],"sub":"u"}"#;
    let facts = |accepted: &str| TokenFacts::of_token(payload, &[accepted.to_owned()]);
    assert_eq!(facts("api").aud, Some(vec!["api".to_owned()]));
    // The service takes the audience from another claim than `aud`.
    assert_eq!(facts("client").aud.map(|audiences| audiences.len()), Some(2));
    let answer = Answer::parse(br#"{"active":true,"aud":"other"}"#).unwrap();
    assert_eq!(answer.check(&facts("api")), Err(InvalidAnswer::Mismatch("aud")));
    assert_eq!(answer.check(&facts("client")), Ok(()));
}

#[test]
fn signed_answer_must_identify_the_token() {
    let check = |answer: &str, token: &TokenFacts| {
        Answer::parse(answer.as_bytes()).unwrap().check_identifies(token).is_ok()
    };
    let token = facts("https://a", "u", &["api"], 7);
    for (answer, expected) in [
        (r#"{"active":true}"#, false),
        (r#"{"active":true,"sub":"u","iss":"https://a","aud":"api"}"#, false),
        (r#"{"active":true,"exp":7}"#, false),
        (r#"{"active":true,"sub":"u","exp":7}"#, true),
        (r#"{"active":true,"jti":"t"}"#, true),
    ] {
        assert_eq!(check(answer, &token), expected, "{answer}");
    }
    let without = TokenFacts { jti: None, exp: None, ..token };
    assert!(!check(r#"{"active":true,"jti":"t","sub":"u","exp":7}"#, &without), "nothing to compare");
}

#[test]
fn token_of_another_type_is_not_active() {
    let is_active = |token_type: &str| {
        let answer = format!(r#"{{"active":true,"token_type":{token_type}}}"#);
        Answer::parse(answer.as_bytes()).unwrap().is_active
    };
    for (token_type, expected) in [
        (r#""Bearer""#, true),
        (r#""bearer""#, true),
        ("null", true),
        (r#""refresh_token""#, false),
        (r#""DPoP""#, false),
    ] {
        assert_eq!(is_active(token_type), expected, "{token_type}");
    }
}
