//! The compact form of a signed token ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515#section-3.1)): taken apart,
//! its header judged, nothing believed yet.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, de::IgnoredAny};

use crate::{RejectionReason, json};

/// The longest token that is looked at, in bytes. Passport's have about one thousand.
const MAX_LEN: usize = 8 * 1024;

/// A token in parts. Its header is acceptable; its signature is not checked.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    /// The key the token says it is signed with.
    pub(crate) kid: Option<String>,
    /// What the signature is over.
    pub(crate) message: &'a [u8],
    pub(crate) signature: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

/// The members that are looked at. Keys that come along (`jwk`, `jku`, `x5u`, `x5c`) are not among them.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "json::present")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "json::present")]
    crit: Option<IgnoredAny>,
}

impl<'a> Jws<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, RejectionReason> {
        if token.len() > MAX_LEN {
            return Err(RejectionReason::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(RejectionReason::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(RejectionReason::Malformed)?;
        if payload.contains('.') {
            return Err(RejectionReason::Malformed);
        }
        let header: Header = json::object(&decoded(header)?).ok_or(RejectionReason::Malformed)?;
        header.check()?;
        Ok(Self {
            kid: header.kid,
            message: message.as_bytes(),
            signature: decoded(signature)?,
            payload: decoded(payload)?,
        })
    }
}

/// Strict base64url: no padding, no other alphabet, no second spelling by bits that do not count.
fn decoded(segment: &str) -> Result<Vec<u8>, RejectionReason> {
    match BASE64_URL_SAFE_NO_PAD.decode(segment) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(RejectionReason::Malformed),
    }
}

impl Header {
    fn check(&self) -> Result<(), RejectionReason> {
        if self.alg != "RS256" {
            return Err(RejectionReason::AlgorithmNotAllowed);
        }
        if self.crit.is_some() {
            return Err(RejectionReason::CriticalHeader);
        }
        match self.typ.as_deref() {
            Some(typ) if !is_access_token_type(typ) => Err(RejectionReason::NotAnAccessToken),
            _ => Ok(()),
        }
    }
}

/// Passport says `JWT` or nothing; [RFC 9068, section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1) says
/// `at+jwt`. Both may be spelled as a whole media type.
fn is_access_token_type(typ: &str) -> bool {
    const PREFIX: &str = "application/";
    let prefixed = typ.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let subtype = if prefixed { &typ[PREFIX.len()..] } else { typ };
    subtype.eq_ignore_ascii_case("jwt") || subtype.eq_ignore_ascii_case("at+jwt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Option<String>, RejectionReason> {
        let token = format!("{}.e30.c2ln", BASE64_URL_SAFE_NO_PAD.encode(header));
        Jws::parse(&token).map(|jws| jws.kid)
    }

    #[test]
    fn the_header_of_passports_own_sample_is_accepted() {
        assert_eq!(parse(r#"{"alg":"RS256"}"#), Ok(None));
        assert_eq!(parse(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#), Ok(Some("k".to_owned())));
    }

    #[test]
    fn only_rs256_spelled_exactly_so_is_allowed() {
        for alg in ["none", "None", "NONE", "rs256", "HS256", "RS384", "PS256", "ES256", "RS256 ", ""] {
            let outcome = parse(&format!(r#"{{"alg":"{alg}"}}"#));
            assert_eq!(outcome, Err(RejectionReason::AlgorithmNotAllowed), "{alg}");
        }
    }

    #[test]
    fn any_crit_is_refused() {
        for crit in [r#"["exp"]"#, "[]", "null", r#""exp""#, "1"] {
            let outcome = parse(&format!(r#"{{"alg":"RS256","crit":{crit}}}"#));
            assert_eq!(outcome, Err(RejectionReason::CriticalHeader), "{crit}");
        }
    }

    #[test]
    fn only_the_types_of_access_tokens_are_accepted() {
        for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
            assert!(parse(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)).is_ok(), "{typ}");
        }
        for typ in ["logout+jwt", "secevent+jwt", "dpop+jwt", "id_token", "", "text/jwt", "é"] {
            let outcome = parse(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#));
            assert_eq!(outcome, Err(RejectionReason::NotAnAccessToken), "{typ}");
        }
    }

    #[test]
    fn odd_headers_are_malformed() {
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
    fn a_long_token_is_refused_before_it_is_decoded() {
        assert_eq!(Jws::parse(&".".repeat(MAX_LEN + 1)).err(), Some(RejectionReason::TooLong));
        assert_eq!(Jws::parse(&".".repeat(MAX_LEN)).err(), Some(RejectionReason::Malformed));
    }

    #[test]
    fn members_that_nobody_looks_at_may_be_anything() {
        assert!(parse(r#"{"alg":"RS256","jwk":{"kty":"oct"},"x":[1,{"y":null}],"jku":5}"#).is_ok());
    }

    #[test]
    fn the_compact_form_has_exactly_three_segments_of_strict_base64url() {
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
            assert_eq!(Jws::parse(token).err(), Some(RejectionReason::Malformed), "{token}");
        }
    }
}
