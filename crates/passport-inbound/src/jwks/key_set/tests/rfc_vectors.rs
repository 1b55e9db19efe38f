//! The examples of the RFCs, with their keys. An example with a valid signature is verified, and
//! the same example with another signature is not.

use super::*;
use crate::jwt::compact::{Jws, MAX_HEADER, MAX_SIGNATURE};

const JOE: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// Verifies the signature of a token, as the verifier does.
fn verified(key: &Value, algorithm: Algorithm, token: &str) -> Result<(), RejectionReason> {
    let allowed = AllowedAlgorithms::new(vec![algorithm]).unwrap();
    let body = json!({ "keys": [key] }).to_string();
    let (set, _) = KeySet::parse(body.as_bytes(), &allowed, &KeySet::default(), &RandomState::new()).unwrap();
    let (mut header, mut signature) = ([0; MAX_HEADER], [0; MAX_SIGNATURE]);
    let jws = Jws::parse(token.as_bytes(), 4096)?;
    let header = jws.header(&mut header)?.validate(&allowed, &TokenTypes::AccessToken)?;
    let signature = jws.signature(&mut signature)?;
    set.check_header(&header)?;
    set.verify(&header, jws.message, signature).map(drop).ok_or(RejectionReason::SignatureInvalid)
}

fn with_signature(token: &str, signature: impl AsRef<[u8]>) -> String {
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn rsa() -> Value {
    json!({ "kty": "RSA", "e": "AQAB", "n": concat!(
        "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ",
        "S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2",
        "R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD",
        "TW9gb54h4FRWyuXpoQ"
    ) })
}

/// RFC 7515, appendix A.2.
#[test]
fn rs256_example_is_verified() {
    let signature = concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CU",
        "Ar7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_d",
        "O--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0ig",
        "cN_IoypGlUPQGe77Rw"
    );
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{JOE}.{signature}");
    assert_eq!(verified(&rsa(), Algorithm::Rs256, &token), Ok(()));
    assert_eq!(
        verified(&rsa(), Algorithm::Rs256, &with_signature(&token, [7; 256])),
        Err(RejectionReason::SignatureInvalid)
    );
}

/// RFC 7515, appendix A.3.
#[test]
fn es256_example_is_verified_if_es256_is_allowed() {
    let key = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let token = format!(
        "eyJhbGciOiJFUzI1NiJ9.{JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    );
    assert_eq!(verified(&key, Algorithm::Es256, &token), Ok(()));
    assert_eq!(
        verified(&key, Algorithm::Es256, &with_signature(&token, [0; 64])),
        Err(RejectionReason::SignatureInvalid)
    );
    assert_eq!(verified(&rsa(), Algorithm::Rs256, &token), Err(RejectionReason::AlgorithmNotAllowed));
}

/// RFC 8037, appendix A.4. The signed payload is a sentence, not claims.
#[test]
fn eddsa_example_is_verified_if_eddsa_is_allowed() {
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let token = concat!(
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
    assert_eq!(verified(&key, Algorithm::EdDsa, token), Ok(()));
    assert_eq!(
        verified(&key, Algorithm::EdDsa, &with_signature(token, [0; 64])),
        Err(RejectionReason::SignatureInvalid)
    );
}

/// RFC 7515, appendix A.5, and RFC 7519, section 6.1; RFC 7519, section 3.1; RFC 7516, appendix
/// A.1.
#[test]
fn unsecured_hs256_and_encrypted_examples_are_rejected() {
    let unsecured = format!("eyJhbGciOiJub25lIn0.{JOE}.");
    assert_eq!(verified(&rsa(), Algorithm::Rs256, &unsecured), Err(RejectionReason::AlgorithmNotAllowed));
    let hs256 =
        format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert_eq!(verified(&rsa(), Algorithm::Rs256, &hs256), Err(RejectionReason::AlgorithmNotAllowed));
    let header = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#);
    assert_eq!(
        verified(&rsa(), Algorithm::Rs256, &format!("{header}.AA.AA.AA.AA")),
        Err(RejectionReason::Malformed)
    );
    assert_eq!(
        verified(&rsa(), Algorithm::Rs256, &format!("{header}.{JOE}.AA")),
        Err(RejectionReason::AlgorithmNotAllowed)
    );
}
