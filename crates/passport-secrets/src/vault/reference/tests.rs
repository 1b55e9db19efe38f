use super::*;

#[test]
fn reference_is_a_path_and_an_optional_field() {
    let secret_path = |path: &[&'static str], field| SecretPath { path: path.to_vec(), field };
    assert_eq!(SecretPath::parse("payroll"), Ok(secret_path(&["payroll"], None)));
    assert_eq!(SecretPath::parse("team/payroll#id"), Ok(secret_path(&["team", "payroll"], Some("id"))));
    assert_eq!(SecretPath::parse("payroll#a#b"), Ok(secret_path(&["payroll"], Some("a#b"))));
}

#[test]
fn path_outside_the_mount_is_rejected() {
    for text in
        ["", "#field", "payroll#", "/payroll", "payroll/", "a//b", "a/../../sys/seal", "./a", ".\t./a"]
    {
        assert!(SecretPath::parse(text).is_err(), "{text}");
    }
}
