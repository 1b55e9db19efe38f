//! The compact form of a signed token ([RFC 7515](https://www.rfc-editor.org/rfc/rfc7515#section-3.1)): taken apart,
//! its header judged, nothing believed yet. Allocates nothing.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    RejectionReason,
    jwt::{
        algorithm::{Algorithm, AllowedAlgorithms},
        header_json::{self, Text, Value},
    },
};

/// The largest token that is accepted by default, in bytes. Passport's have about one thousand.
pub(crate) const DEFAULT_MAX_LEN: usize = 8 * 1024;

/// What the longest header of a token decodes to, whatever the size of the token.
pub(crate) const MAX_HEADER: usize = 6 * 1024;

/// The longest signature there is: RSA with 8192 bits.
pub(crate) const MAX_SIGNATURE: usize = 1024;

/// What a header decodes to, and a signature, unless they are remarkable: 512 bytes are a signature of RSA with 4096 bits.
pub(crate) const SMALL_BUFFER: usize = 512;

/// A token in its three segments, still encoded. Not to be shown, so it is not `Debug`.
#[derive(Clone, Copy)]
pub(crate) struct Jws<'a> {
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    /// What the signature is over: header and payload with the dot between them.
    pub(crate) message: &'a [u8],
}

impl<'a> Jws<'a> {
    pub(crate) fn parse(token: &'a [u8], max_len: usize) -> Result<Self, RejectionReason> {
        if token.len() > max_len {
            return Err(RejectionReason::TooLong);
        }
        let mut dots = memchr::memchr_iter(b'.', token);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(RejectionReason::Malformed);
        };
        let (header, payload, signature) = (&token[..first], &token[first + 1..second], &token[second + 1..]);
        // A signature may be missing until the header has said whether it needs one.
        if header.is_empty() || payload.is_empty() {
            return Err(RejectionReason::Malformed);
        }
        if ![header, payload, signature].into_iter().all(is_base64url) {
            return Err(RejectionReason::Malformed);
        }
        Ok(Self { header, payload, signature, message: &token[..second] })
    }

    /// Whether buffers of [`SMALL_BUFFER`] bytes do.
    pub(crate) fn fits_small_buffers(&self) -> bool {
        [self.header, self.signature].iter().all(|segment| segment.len() * 3 / 4 <= SMALL_BUFFER)
    }

    /// The header, not judged yet.
    pub(crate) fn header<'b>(&self, buffer: &'b mut [u8]) -> Result<HeaderMembers<'b>, RejectionReason> {
        HeaderMembers::read(decoded(self.header, buffer)?)
    }

    /// The payload, to be read once the signature is good.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, RejectionReason> {
        BASE64_URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| RejectionReason::Malformed)
    }

    pub(crate) fn signature<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], RejectionReason> {
        decoded(self.signature, buffer)
    }
}

/// Looks at every byte, whatever was found before: so many can be looked at together.
fn is_base64url(segment: &[u8]) -> bool {
    segment.iter().fold(true, |so_far, byte| {
        so_far & (byte.is_ascii_alphanumeric() | (*byte == b'-') | (*byte == b'_'))
    })
}

/// Strict base64url: no padding, no other alphabet, no second spelling by bits that do not count.
fn decoded<'b>(segment: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], RejectionReason> {
    let length =
        BASE64_URL_SAFE_NO_PAD.decode_slice(segment, buffer).map_err(|_| RejectionReason::Malformed)?;
    // An empty signature is what `alg: none` has; its header was judged before this.
    if length == 0 { Err(RejectionReason::Malformed) } else { Ok(&buffer[..length]) }
}

/// What an acceptable header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    /// The key the token says it is signed with.
    pub(crate) kid: Option<Text<'a>>,
}

/// The members that are looked at, not judged yet. Keys that come along (`jwk`, `jku`, `x5u`, `x5c`) are not among them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeaderMembers<'a> {
    pub(crate) alg: Option<Text<'a>>,
    pub(crate) kid: Option<Text<'a>>,
    pub(crate) typ: Option<Text<'a>>,
    has_crit: bool,
    /// HeaderMembers of which a signed token that is sent as a whole can have none.
    has_foreign: bool,
}

impl<'a> HeaderMembers<'a> {
    pub(crate) fn read(json: &'a [u8]) -> Result<Self, RejectionReason> {
        let mut members = Self::default();
        let mut is_text = true;
        header_json::object(json, |name, value| {
            let mut text = |member: &mut Option<Text<'a>>| match value {
                Value::Text(text) => *member = Some(text),
                // `null` is a value of the wrong type, not an absence.
                Value::Other => is_text = false,
            };
            if name.says("alg") {
                text(&mut members.alg);
            } else if name.says("kid") {
                text(&mut members.kid);
            } else if name.says("typ") {
                text(&mut members.typ);
            } else if name.says("crit") {
                members.has_crit = true;
            } else if ["b64", "enc", "zip"].iter().any(|foreign| name.says(foreign)) {
                members.has_foreign = true;
            }
        })
        .map_err(|_| RejectionReason::Malformed)?;
        if is_text { Ok(members) } else { Err(RejectionReason::Malformed) }
    }

    /// `crit` demands extensions, of which none is known here; `b64` needs it
    /// ([RFC 7797, section 6](https://www.rfc-editor.org/rfc/rfc7797#section-6)); `enc` and `zip` belong to encryption.
    pub(crate) fn validate(self, allowed: &AllowedAlgorithms) -> Result<Header<'a>, RejectionReason> {
        let alg = self.alg.ok_or(RejectionReason::Malformed)?;
        let algorithm = allowed.named(|name| alg.says(name)).ok_or(RejectionReason::AlgorithmNotAllowed)?;
        if self.has_crit {
            return Err(RejectionReason::CriticalHeader);
        }
        if self.has_foreign {
            return Err(RejectionReason::Malformed);
        }
        match self.typ {
            Some(typ) if !is_access_token_type(typ) => Err(RejectionReason::NotAnAccessToken),
            _ => Ok(Header { algorithm, kid: self.kid }),
        }
    }
}

/// The media types of access tokens.
pub(crate) const ACCESS_TOKEN_TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// Passport says `JWT` or nothing; [RFC 9068, section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1) says
/// `at+jwt`. Both may be spelled as a whole media type, in any case.
fn is_access_token_type(typ: Text<'_>) -> bool {
    ACCESS_TOKEN_TYPES
        .iter()
        .any(|known| typ.chars().map(|character| character.to_ascii_lowercase()).eq(known.chars()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Option<String>, RejectionReason> {
        let token = format!("{}.e30.c2ln", BASE64_URL_SAFE_NO_PAD.encode(header));
        judged(&token)
    }

    fn judged(token: &str) -> Result<Option<String>, RejectionReason> {
        let mut buffer = [0; MAX_HEADER];
        let jws = Jws::parse(token.as_bytes(), DEFAULT_MAX_LEN)?;
        let kid = jws.header(&mut buffer)?.validate(&AllowedAlgorithms::default())?.kid;
        jws.signature(&mut [0; MAX_SIGNATURE])?;
        jws.payload()?;
        Ok(kid.map(|kid| kid.chars().collect()))
    }

    #[test]
    fn the_header_of_passports_own_sample_is_accepted() {
        assert_eq!(parse(r#"{"alg":"RS256"}"#), Ok(None));
        assert_eq!(parse(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#), Ok(Some("k".to_owned())));
    }

    #[test]
    fn what_is_not_text_is_malformed() {
        for token in [&b"\xff\xfe"[..], b"e30.e30.\xff", b"\xc3\xa9.e30.c2ln", b"e30.\x00.c2ln"] {
            assert_eq!(Jws::parse(token, DEFAULT_MAX_LEN).err(), Some(RejectionReason::Malformed));
        }
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
        for max_len in [DEFAULT_MAX_LEN, 64 * 1024] {
            let parse = |length| Jws::parse(".".repeat(length).as_bytes(), max_len).err();
            assert_eq!(parse(max_len + 1), Some(RejectionReason::TooLong));
            assert_eq!(parse(max_len), Some(RejectionReason::Malformed));
        }
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
            assert_eq!(judged(token), Err(RejectionReason::Malformed), "{token}");
        }
    }
}
