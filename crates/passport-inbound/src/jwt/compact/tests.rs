use super::*;
use crate::jwt::{algorithm::AllowedAlgorithms, header::TokenTypes};

fn parse(header: &str) -> Result<Option<String>, RejectionReason> {
    let token = format!("{}.e30.c2ln", BASE64_URL_SAFE_NO_PAD.encode(header));
    validate(&token)
}

fn validate(token: &str) -> Result<Option<String>, RejectionReason> {
    let mut buffer = [0; MAX_HEADER];
    let jws = Jws::parse(token.as_bytes(), DEFAULT_MAX_LEN)?;
    let kid = jws.header(&mut buffer)?.validate(&AllowedAlgorithms::default(), &TokenTypes::AccessToken)?.kid;
    jws.signature(&mut [0; MAX_SIGNATURE])?;
    jws.payload()?;
    Ok(kid.map(|kid| kid.chars().collect()))
}

#[test]
fn header_of_passports_sample_token_is_accepted() {
    assert_eq!(parse(r#"{"alg":"RS256"}"#), Ok(None));
    assert_eq!(parse(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#), Ok(Some("k".to_owned())));
}

#[test]
fn non_ascii_token_is_malformed() {
    for token in [&b"\xff\xfe"[..], b"e30.e30.\xff", b"\xc3\xa9.e30.c2ln", b"e30.\x00.c2ln"] {
        let checked = Jws::parse(token, DEFAULT_MAX_LEN).and_then(|jws| jws.check_alphabet());
        assert_eq!(checked.err(), Some(RejectionReason::Malformed));
    }
}

#[test]
fn algorithm_other_than_rs256_is_not_allowed_by_default() {
    for alg in ["none", "None", "NONE", "rs256", "HS256", "RS384", "PS256", "ES256", "RS256 ", ""] {
        let outcome = parse(&format!(r#"{{"alg":"{alg}"}}"#));
        assert_eq!(outcome, Err(RejectionReason::AlgorithmNotAllowed), "{alg}");
    }
}

#[test]
fn header_with_crit_is_rejected() {
    for crit in [r#"["exp"]"#, "[]", "null", r#""exp""#, "1"] {
        let outcome = parse(&format!(r#"{{"alg":"RS256","crit":{crit}}}"#));
        assert_eq!(outcome, Err(RejectionReason::UnsupportedCritical), "{crit}");
    }
}

#[test]
fn typ_of_other_tokens_is_rejected() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        assert!(parse(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)).is_ok(), "{typ}");
    }
    for typ in ["logout+jwt", "secevent+jwt", "dpop+jwt", "id_token", "", "text/jwt", "é"] {
        let outcome = parse(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#));
        assert_eq!(outcome, Err(RejectionReason::WrongTokenType), "{typ}");
    }
}

#[test]
fn header_with_invalid_members_is_malformed() {
    for header in [
        "",
        "[]",
        r#"["RS256"]"#,
        "null",
        r#"{"alg":null}"#,
        r#"{"alg":["RS256"]}"#,
        r"{}",
        r#"{"alg":"RS256","alg":"RS256"}"#,
        r#"{"alg":"RS256","\u0061lg":"none"}"#,
        r#"{"alg":"RS256","kid":5}"#,
        r#"{"alg":"RS256","kid":null}"#,
        r#"{"alg":"RS256"} {}"#,
    ] {
        assert_eq!(parse(header), Err(RejectionReason::Malformed), "{header}");
    }
}

#[test]
fn long_token_is_rejected_before_decoding() {
    for max_len in [DEFAULT_MAX_LEN, 64 * 1024] {
        let parse = |length| Jws::parse(".".repeat(length).as_bytes(), max_len).err();
        assert_eq!(parse(max_len + 1), Some(RejectionReason::TooLarge));
        assert_eq!(parse(max_len), Some(RejectionReason::Malformed));
    }
}

#[test]
fn unread_members_may_have_any_value() {
    assert!(parse(r#"{"alg":"RS256","jwk":{"kty":"oct"},"x":[1,{"y":null}],"jku":5}"#).is_ok());
}

#[test]
fn compact_form_is_three_segments_of_strict_base64url() {
    for token in [
        "",
        "a",
        "e30.e30",
        "eyJhbGciOiJSUzI1NiJ9.e30",
        "eyJhbGciOiJSUzI1NiJ9.e30.",
        "eyJhbGciOiJSUzI1NiJ9..c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2l=",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbh",
        "....",
        "eyJhbGciOiJSUzI1NiJ9.e30.\"c2ln\"",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln,c2ln",
        "\teyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e3+.c2ln",
        "eyJhbGciOiJSUzI1NiJ9%2Ee30%2Ec2ln",
        "{\"payload\":\"e30\"}",
    ] {
        assert_eq!(validate(token), Err(RejectionReason::Malformed), "{token}");
    }
}

#[test]
fn jwt_with_other_characters_is_still_a_jwt() {
    for token in [
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln=",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2l+",
        "eyJhbGciOiJSUzI1NiJ9.e30=.c2l/",
        "eyJhbGciOiJSUzI1NiJ9=.e30.c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e30.",
        "eyJhbGciOiJSUzI1NiJ9..c2ln",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln.",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln..",
        "eyJhbGciOiJSUzI1NiJ9.e30.c2ln.a.b",
        "eyJ.~.~",
        // `{ "alg":"RS256"}` and `{}`
        "eyAiYWxnIjoiUlMyNTYifQ.e30.c2ln=",
        "e30.e30.c2ln=",
    ] {
        assert!(is_jwt(token.as_bytes()), "{token}");
    }
    // The last header is `{"alg":"dir","enc":"A"}`.
    for token in
        ["", "a", "a.b.c", "a.b.c.d.e", "eyJhbGciOiJSUzI1NiJ9.e30", "eyJhbGciOiJkaXIiLCJlbmMiOiJBIn0..a.b.c"]
    {
        assert!(!is_jwt(token.as_bytes()), "{token}");
    }
}

#[test]
fn base64url_alphabet_is_accepted_and_no_other_byte() {
    for byte in 0..=u8::MAX {
        let expected = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert_eq!(is_base64url(&[byte]), expected, "{byte}");
        assert_eq!(is_base64url(&[byte, b'a']), expected, "{byte}");
    }
}

#[test]
fn payload_is_the_decoded_second_segment() {
    let payload = |token| Jws::parse(token, DEFAULT_MAX_LEN)?.payload();
    assert_eq!(payload(b"e30.eyJhIjoxfQ.c2ln"), Ok(br#"{"a":1}"#.to_vec()));
    assert_eq!(payload(b"e30.eyJhIjoxfR.c2ln"), Err(RejectionReason::Malformed), "unused bits are set");
}

#[test]
fn small_buffers_hold_512_bytes_of_header_and_signature() {
    let fits = |header: usize, signature: usize| {
        let segment = |length| BASE64_URL_SAFE_NO_PAD.encode(vec![b'x'; length]);
        let token = format!("{}.e30.{}", segment(header), segment(signature));
        Jws::parse(token.as_bytes(), DEFAULT_MAX_LEN).unwrap().fits_small_buffers()
    };
    assert!(fits(512, 512));
    assert!(!fits(513, 512));
    assert!(!fits(512, 513));
}

#[test]
fn token_holds_8192_bytes_header_6144_and_signature_1024() {
    assert_eq!((DEFAULT_MAX_LEN, MAX_HEADER, MAX_SIGNATURE), (8192, 6144, 1024));
}
