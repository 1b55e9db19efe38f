//! Attack tokens, and the reason for which each is rejected. All are signed with the issuer's
//! own key unless stated otherwise.

use passport_inbound::RejectionReason as R;
use serde_json::{Value, json};

use super::encodings::{forms, signatures, standards};
use crate::token_factory::{AUDIENCE, ISSUER, KID, Scheme, TokenFactory, with_signature};

pub(super) struct Attack {
    pub(super) name: String,
    pub(super) token: String,
    pub(super) reason: R,
}

pub(super) fn attack(name: impl Into<String>, token: String, reason: R) -> Attack {
    Attack { name: name.into(), token, reason }
}

pub(super) fn attacks(factory: &TokenFactory) -> Vec<Attack> {
    [
        algorithms(factory),
        headers(factory),
        keys(factory),
        signatures(factory),
        forms(factory),
        times(factory),
        parties(factory),
        kinds(factory),
        shapes_of_claims(factory),
        standards(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Attacks on the algorithm: CVE-2015-2951, CVE-2016-10555, CVE-2022-21449, RFC 8725 sections
/// 2.1, 3.1 and 3.2.
fn algorithms(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "none\0",
        "",
        "rs256",
        "RS256 ",
        "dir",
        "PBES2-HS256+A128KW",
    ] {
        attacks.push(attack(
            format!("alg {alg:?}"),
            factory.with_header("alg", &json!(alg)),
            R::AlgorithmNotAllowed,
        ));
        let unsigned = with_signature(&factory.with_header("alg", &json!(alg)), "");
        attacks.push(attack(format!("alg {alg:?} and no signature"), unsigned, R::AlgorithmNotAllowed));
    }
    for alg in [json!(["RS256"]), json!(1), json!(true), json!({ "alg": "RS256" })] {
        attacks.push(attack(format!("alg {alg}"), factory.with_header("alg", &alg), R::Malformed));
    }
    attacks.push(attack("no alg", factory.with_header("alg", &Value::Null), R::Malformed));
    for token in factory.with_public_key_as_secret() {
        attacks.push(attack("the public key as a secret", token, R::AlgorithmNotAllowed));
    }
    for (says, signed, reason) in [
        ("RS384", Scheme::Rs384, R::AlgorithmNotAllowed),
        ("RS512", Scheme::Rs512, R::AlgorithmNotAllowed),
        ("PS256", Scheme::Ps256, R::AlgorithmNotAllowed),
        ("ES256", Scheme::Rs256, R::AlgorithmNotAllowed),
        ("EdDSA", Scheme::Rs256, R::AlgorithmNotAllowed),
        ("RS256", Scheme::Rs384, R::SignatureInvalid),
        ("RS256", Scheme::Rs512, R::SignatureInvalid),
        ("RS256", Scheme::Ps256, R::SignatureInvalid),
    ] {
        let token = factory.of_algorithm(says, signed);
        attacks.push(attack(format!("{says}, signed with {signed:?}"), token, reason));
    }
    attacks
}

/// Attacks with header parameters: RFC 7515 section 4.1.11, RFC 7797, RFC 8725 sections 3.11 and
/// 3.12, CVE-2025-59420, CVE-2023-51774.
fn headers(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for crit in [json!(["exp"]), json!(["b64"]), json!(["x"]), json!([]), json!("exp"), json!(1), json!({})] {
        attacks.push(attack(
            format!("crit {crit}"),
            factory.with_header("crit", &crit),
            R::UnsupportedCritical,
        ));
    }
    let null =
        factory.sign(format!(r#"{{"alg":"RS256","kid":"{KID}","crit":null}}"#), factory.claims().to_string());
    attacks.push(attack("crit null", null, R::UnsupportedCritical));
    for (name, value) in [("b64", json!(false)), ("enc", json!("A128GCM")), ("zip", json!("DEF"))] {
        attacks.push(attack(name, factory.with_header(name, &value), R::Malformed));
    }
    for typ in [
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "id_token",
        "kb+jwt",
        "entity-statement+jwt",
        "client-auth+jwt",
        "oauth-authz-req+jwt",
        "token-introspection+jwt",
        "at+jwt2",
        "application/",
        "text/jwt",
        "JWT ",
        "JWE",
        "",
    ] {
        attacks.push(attack(
            format!("typ {typ:?}"),
            factory.with_header("typ", &json!(typ)),
            R::WrongTokenType,
        ));
    }
    attacks.extend(odd_headers(factory));
    attacks
}

/// Malformed headers: RFC 7515 section 4, RFC 8259, CVE-2025-53864.
fn odd_headers(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let claims = factory.claims().to_string();
    let raw = |header: &[u8]| factory.sign(header, &claims);
    for header in [
        &br#"{"alg":"RS256","alg":"RS256"}"#[..],
        br#"{"alg":"RS256","\u0061lg":"none"}"#,
        br#"{"alg":"RS256","x":1,"x":2}"#,
        br#"{"alg":"RS256","kid":null}"#,
        br#"{"alg":"RS256","kid":7}"#,
        br#"{"alg":"RS256","typ":["JWT"]}"#,
        br#"["RS256"]"#,
        br#""RS256""#,
        b"null",
        br#"{"alg":"RS256"} "x""#,
        br#"{"alg":"RS256",}"#,
        br#"{"alg":"RS256" /**/}"#,
        br#"{'alg':'RS256'}"#,
        b"{\"alg\":\"RS256\",\"x\":\"\xff\"}",
        b"{\"alg\":\"RS256\",\"x\":\"\xc0\xaf\"}",
        b"\xef\xbb\xbf{\"alg\":\"RS256\"}",
        b"\xff\xfe{\0}\0",
        br#"{"alg":"RS256","x":NaN}"#,
        br#"{"alg":"RS256","x":"\ud800"}"#,
    ] {
        attacks.push(attack(format!("header {}", header.escape_ascii()), raw(header), R::Malformed));
    }
    let deep = format!(r#"{{"alg":"RS256","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000));
    attacks.push(attack("a deep header", raw(deep.as_bytes()), R::Malformed));
    let many: String = (0..300).map(|n| format!(r#""{n}":0,"#)).collect();
    attacks.push(attack(
        "a wide header",
        raw(format!(r#"{{{many}"alg":"RS256"}}"#).as_bytes()),
        R::Malformed,
    ));
    attacks
}

/// Attacks with keys: CVE-2018-0114, CVE-2026-27962, RFC 8725 sections 3.8 and 3.10.
fn keys(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let stranger = TokenFactory::new();
    let own_key = |kid: &str| {
        stranger.sign(
            json!({ "alg": "RS256", "kid": kid, "jwk": stranger.jwk() }).to_string(),
            factory.claims().to_string(),
        )
    };
    attacks.push(attack("its own key, under the issuer's name", own_key(KID), R::SignatureInvalid));
    attacks.push(attack("its own key, under another name", own_key("mine"), R::KeyNotFound));
    for (name, value) in [
        ("jku", json!("http://127.0.0.1:9/keys")),
        ("x5u", json!("http://127.0.0.1:9/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let header = json!({ "alg": "RS256", "kid": "mine", name: value });
        let token = stranger.sign(header.to_string(), factory.claims().to_string());
        attacks.push(attack(name, token, R::KeyNotFound));
    }
    let nameless = stranger.sign(r#"{"alg":"RS256"}"#, factory.claims().to_string());
    attacks.push(attack("a stranger's key without a name", nameless, R::SignatureInvalid));
    for kid in [
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "*)(uid=*",
        "| sleep 9",
        "{{7*7}}",
        "\r\nx: y",
        "\0",
        "TokenFactory-1",
        "factory-1 ",
        " factory-1",
        "factory-1\0",
        "factory",
        "factory-11",
        "http://127.0.0.1:9/key",
        "\u{feff}factory-1",
        "",
    ] {
        attacks.push(attack(format!("kid {kid:?}"), factory.with_header("kid", &json!(kid)), R::KeyNotFound));
    }
    let long = factory.with_header("kid", &json!("k".repeat(4_000)));
    attacks.push(attack("a long kid", long, R::KeyNotFound));
    attacks
}

/// Attacks on the time claims: CVE-2026-25537, RFC 7519 section 4.1, RFC 8725 section 3.12.
fn times(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for name in ["exp", "nbf", "iat"] {
        for value in [
            json!(factory.now.to_string()),
            json!(true),
            json!(null),
            json!([factory.now]),
            json!({}),
            json!(-1),
            json!(1e19),
            json!(1e300),
            json!(""),
        ] {
            attacks.push(attack(format!("{name}: {value}"), factory.with_claim(name, &value), R::Malformed));
        }
    }
    let raw = |times: &str| {
        let claims = factory.claims().to_string();
        factory.sign(TokenFactory::header().to_string(), format!("{{{times},{}", &claims[1..]))
    };
    attacks.push(attack("nbf of 400 digits", raw(&format!("\"nbf\":{}", "9".repeat(400))), R::Malformed));
    attacks.push(attack("nbf: 1e400", raw("\"nbf\":1e400"), R::Malformed));
    attacks.push(attack("exp twice", raw("\"exp\":4102444800"), R::Malformed));
    attacks.push(attack("exp twice, spelled differently", raw(r#""\u0065xp":4102444800"#), R::Malformed));
    attacks.push(attack("no exp", factory.without_claim("exp"), R::MissingClaim("exp")));
    attacks.push(attack("no iat", factory.without_claim("iat"), R::MissingClaim("iat")));
    for (name, seconds, reason) in [
        ("exp", -61, R::Expired),
        ("exp", -1_000_000_000, R::Expired),
        ("nbf", 120, R::NotYetValid),
        ("nbf", 100_000_000_000, R::ImplausibleTime("nbf")),
        ("iat", 120, R::IssuedInFuture),
    ] {
        let value = i64::try_from(factory.now).unwrap() + seconds;
        attacks.push(attack(
            format!("{name} {seconds} s from now"),
            factory.with_claim(name, &json!(value)),
            reason,
        ));
    }
    attacks
}

/// Attacks on issuer, audience and subject: CVE-2024-53861, CVE-2025-30144, CVE-2020-26160, RFC
/// 7519 section 4.1.3, RFC 8725 sections 3.8 and 3.9.
fn parties(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = vec![
        attack("no iss", factory.without_claim("iss"), R::IssuerMismatch),
        attack("no aud", factory.without_claim("aud"), R::AudienceMismatch),
    ];
    for issuer in [
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        ISSUER.replace("https", "http"),
        ISSUER[..20].to_owned(),
        format!("{ISSUER}.evil.example"),
        format!("https://evil.example/?{ISSUER}"),
        format!(" {ISSUER}"),
        String::new(),
        "passport.bizfirst.ai".to_owned(),
        format!("{ISSUER}:443"),
    ] {
        attacks.push(attack(
            format!("iss {issuer:?}"),
            factory.with_claim("iss", &json!(issuer)),
            R::IssuerMismatch,
        ));
    }
    for audience in [
        json!(""),
        json!([]),
        json!("*"),
        json!("bizfirstgo"),
        json!(format!("{AUDIENCE}2")),
        json!("BIZFIRSTGO-API"),
        json!(format!("{AUDIENCE} ")),
        json!(format!("other,{AUDIENCE}")),
        json!(["other"]),
        json!(["", "*"]),
    ] {
        attacks.push(attack(
            format!("aud {audience}"),
            factory.with_claim("aud", &audience),
            R::AudienceMismatch,
        ));
    }
    attacks.extend(parties_of_a_wrong_type(factory));
    attacks
}

fn parties_of_a_wrong_type(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (name, value) in [
        ("iss", json!([ISSUER])),
        ("iss", json!({ "iss": ISSUER })),
        ("iss", json!(null)),
        ("aud", json!(null)),
        ("aud", json!(5)),
        ("aud", json!([[AUDIENCE]])),
        ("aud", json!([AUDIENCE, 5])),
        ("aud", json!({ "0": AUDIENCE })),
    ] {
        attacks.push(attack(format!("{name} {value}"), factory.with_claim(name, &value), R::Malformed));
    }
    attacks
}

/// Tokens of another type: RFC 8725 section 2.8, RFC 9449 section 7.1, RFC 8705 section 3.
fn kinds(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for name in ["nonce", "at_hash", "c_hash", "events"] {
        for value in [json!("x"), json!({}), json!(null)] {
            let token = factory.with_claim(name, &value);
            attacks.push(attack(format!("{name}: {value}"), token, R::WrongTokenType));
        }
    }
    for cnf in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!({}), json!(null)] {
        attacks.push(attack(format!("cnf {cnf}"), factory.with_claim("cnf", &cnf), R::SenderConstrained));
    }
    attacks
}

/// Malformed claims: RFC 7519 section 4, RFC 8259, CVE-2025-53864.
fn shapes_of_claims(factory: &TokenFactory) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for name in ["sub", "tenant_id"] {
        attacks.push(attack(format!("no {name}"), factory.without_claim(name), R::MissingClaim(name)));
        attacks.push(attack(
            format!("empty {name}"),
            factory.with_claim(name, &json!(" ")),
            R::MissingClaim(name),
        ));
        for value in [json!(null), json!(7), json!(["x"])] {
            attacks.push(attack(format!("{name} {value}"), factory.with_claim(name, &value), R::Malformed));
        }
    }
    let sub_elsewhere = {
        let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "tenant_id": "t", "iat": factory.now, "exp": factory.now + 60,
            "SUB": "u", "Sub": "u", "x": { "sub": "u" }, "\u{ff53}ub": "u" });
        factory.sign(TokenFactory::header().to_string(), claims.to_string())
    };
    attacks.push(attack("sub under other names", sub_elsewhere, R::MissingClaim("sub")));
    let header = TokenFactory::header().to_string();
    let claims = factory.claims().to_string();
    let deep = format!(r#"{{"x":{}{},{}"#, "[".repeat(2_000), "]".repeat(2_000), &claims[1..]);
    for payload in [
        b"[]".to_vec(),
        b"\"\"".to_vec(),
        b"null".to_vec(),
        b"7".to_vec(),
        claims.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        format!("\u{feff}{claims}").into_bytes(),
        format!("{claims} {claims}").into_bytes(),
        format!("{claims}/**/").into_bytes(),
        [&claims.as_bytes()[..claims.len() - 1], b",\"x\":\"\xff\"}"].concat(),
        [&claims.as_bytes()[..claims.len() - 1], b",\"x\":NaN}"].concat(),
        [&claims.as_bytes()[..claims.len() - 1], b",\"x\":1,\"x\":1}"].concat(),
        deep.into_bytes(),
        factory.good().into_bytes(), // a nested token
    ] {
        let name = format!("payload {}", payload[..payload.len().min(40)].escape_ascii());
        attacks.push(attack(name, factory.sign(&header, payload), R::Malformed));
    }
    attacks
}
