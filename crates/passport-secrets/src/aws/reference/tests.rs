use super::*;

#[test]
fn a_secret_is_named_by_its_name_or_its_arn_and_a_key() {
    let arn = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:team/payroll-a1b2c3";
    for (place, id, region, key) in [
        ("payroll", "payroll", None, None),
        ("team/payroll#secret", "team/payroll", None, Some("secret")),
        (arn, arn, Some("us-gov-west-1"), None),
        (&format!("{arn}#a#b"), arn, Some("us-gov-west-1"), Some("a#b")),
    ] {
        assert_eq!(SecretId::parse(place), Ok(SecretId { id, region, key }));
    }
}

#[test]
fn reference_without_a_secret_is_rejected() {
    for place in ["", "#key", "payroll#", "arn:aws:iam::1:role/x", "arn:aws:secretsmanager::1:secret:x"] {
        assert!(SecretId::parse(place).is_err(), "{place}");
    }
}
