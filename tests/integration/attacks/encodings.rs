//! Attacks on the encoding or the signature of a token, and the example tokens of the standards.

use passport_inbound::RejectionReason as R;
use serde_json::json;

use super::tokens::{Attack, attack};
use crate::token_factory::{TokenFactory, base64, signature_of, with_signature};

/// Attacks on the length and the value of a signature: CVE-2020-28042, RFC 8017 section 8.2.2.
pub(super) fn signatures(factory: &TokenFactory) -> Vec<Attack> {
    let good = factory.good();
    let genuine = signature_of(&good);
    let others = signature_of(&factory.with_claim("sub", &json!("user-2")));
    let mut one = vec![0; 256];
    one[255] = 1;
    let mut modulus_less_one = factory.modulus();
    modulus_less_one[255] -= 1;
    let padded = [&[0][..], &genuine].concat();
    let appended = [&genuine[..], &[0]].concat();
    let reversed: Vec<_> = genuine.iter().rev().copied().collect();
    let mut attacks: Vec<_> = [
        ("zeros", vec![0; 256]),
        ("ones", vec![0xff; 256]),
        ("1", one),
        ("n - 1", modulus_less_one),
        ("s + n", sum(&genuine, &factory.modulus())),
        ("a zero in front", padded),
        ("a zero behind", appended),
        ("cut in front", genuine[1..].to_vec()),
        ("cut behind", genuine[..255].to_vec()),
        ("one byte", vec![genuine[0]]),
        ("another token's", others),
        ("reversed", reversed),
    ]
    .into_iter()
    .map(|(name, signature)| {
        attack(format!("signature: {name}"), with_signature(&good, signature), R::SignatureInvalid)
    })
    .collect();
    attacks.push(attack("signature: none", with_signature(&good, ""), R::Malformed));
    attacks.push(attack(
        "signature: too long for any key",
        with_signature(&good, vec![1; 1025]),
        R::Malformed,
    ));
    let segments: Vec<_> = good.split('.').collect();
    let other = factory.with_claim("roles", &json!(["admin"]));
    let raised = [segments[0], other.split('.').nth(1).unwrap(), segments[2]].join(".");
    attacks.push(attack("other claims", raised, R::SignatureInvalid));
    let header = base64(r#"{"alg":"RS256","kid":"factory-1"}"#);
    attacks.push(attack(
        "another header",
        [&header, segments[1], segments[2]].join("."),
        R::SignatureInvalid,
    ));
    attacks
}

/// Adds two big-endian numbers of one length. The carry, if any, is an additional first byte.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            carry = sum >> 8;
            sum.to_le_bytes()[0]
        })
        .collect();
    digits.extend((carry > 0).then_some(1));
    digits.reverse();
    digits
}

/// Attacks on the compact serialization: RFC 7515 sections 2 and 7, RFC 4648 section 3.5,
/// CVE-2025-30204.
pub(super) fn forms(factory: &TokenFactory) -> Vec<Attack> {
    let good = factory.good();
    let segments: Vec<_> = good.split('.').collect();
    let [header, payload, signature] = segments[..] else { unreachable!("a token has three segments") };
    let flattened = json!({ "protected": header, "payload": payload, "signature": signature });
    let general =
        json!({ "payload": payload, "signatures": [{ "protected": header, "signature": signature }] });
    let standard = |token: &str| token.replace('-', "+").replace('_', "/");
    let respelled = {
        let last = good.as_bytes()[good.len() - 1];
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let position = alphabet.iter().position(|letter| *letter == last).unwrap();
        format!("{}{}", &good[..good.len() - 1], char::from(alphabet[position | 1]))
    };
    let mut attacks: Vec<_> = [
        ("two segments", format!("{header}.{payload}")),
        ("four segments", format!("{good}.{signature}")),
        (
            "five segments, as an encrypted token",
            format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        ),
        ("one segment", header.to_owned()),
        ("no payload", format!("{header}..{signature}")),
        ("flattened JSON", flattened.to_string()),
        ("general JSON", general.to_string()),
        ("padding", format!("{good}==")),
        ("the standard alphabet", standard(&format!("{good}-").replace("-", "-_-"))),
        ("percent-encoding", good.replace('.', "%2E")),
        ("a second spelling", respelled),
        ("quoted", format!("\"{good}\"")),
        ("two tokens", format!("{good},{good}")),
        ("a blank inside", format!("{header}. {payload}.{signature}")),
        ("dots", ".".repeat(8_000)),
    ]
    .into_iter()
    .map(|(name, token)| attack(name, token, R::Malformed))
    .collect();
    let huge = factory.with_claim("padding", &json!("x".repeat(9_000)));
    attacks.push(attack("a huge token", huge, R::TooLarge));
    attacks
}

/// Returns the examples of RFC 7515, appendices A.1 to A.6, and of RFC 7519, section 6.1.
pub(super) fn standards() -> Vec<Attack> {
    const JOE: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signed = |header: &str, signature: &str| format!("{header}.{JOE}.{signature}");
    let any = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU";
    vec![
        attack("A.1", signed("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", any), R::AlgorithmNotAllowed),
        attack("A.2, of another issuer", signed("eyJhbGciOiJSUzI1NiJ9", any), R::IssuerMismatch),
        attack("A.3", signed("eyJhbGciOiJFUzI1NiJ9", any), R::AlgorithmNotAllowed),
        attack("A.4", signed("eyJhbGciOiJFUzUxMiJ9", any), R::AlgorithmNotAllowed),
        attack("A.5 and 6.1", signed("eyJhbGciOiJub25lIn0", ""), R::AlgorithmNotAllowed),
        attack(
            "A.6",
            json!({ "payload": JOE, "signatures": [{ "protected": "e30" }] }).to_string(),
            R::Malformed,
        ),
    ]
}
