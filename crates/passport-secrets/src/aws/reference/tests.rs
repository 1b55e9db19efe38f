use super::*;

#[test]
fn reference_is_a_name_or_an_arn_with_an_optional_key() {
    let arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:team/payroll-a1b2c3";
    for (reference, id, region, key) in [
        ("payroll", "payroll", None, None),
        ("team/payroll#secret", "team/payroll", None, Some("secret")),
        (arn, arn, Some("us-gov-west-1"), None),
        (&format!("{arn}#a#b"), arn, Some("us-gov-west-1"), Some("a#b")),
    ] {
        assert_eq!(SecretId::parse(reference), Ok(SecretId { id, region, key }));
    }
}

#[test]
fn reference_without_a_name_is_rejected() {
    for reference in ["", "#key", "payroll#", "arn:aws:iam::1:role/x", "arn:aws:secretsmanager::1:secret:x"] {
        assert!(SecretId::parse(reference).is_err(), "{reference}");
    }
}
