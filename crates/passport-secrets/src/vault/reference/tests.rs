use super::*;

#[test]
fn a_secret_is_named_by_path_and_field() {
    let place = |path: &[&'static str], field| SecretPath { path: path.to_vec(), field };
    assert_eq!(SecretPath::parse("payroll"), Ok(place(&["payroll"], None)));
    assert_eq!(SecretPath::parse("team/payroll#id"), Ok(place(&["team", "payroll"], Some("id"))));
    assert_eq!(SecretPath::parse("payroll#a#b"), Ok(place(&["payroll"], Some("a#b"))));
}

#[test]
fn what_leads_elsewhere_is_refused() {
    for text in
        ["", "#field", "payroll#", "/payroll", "payroll/", "a//b", "a/../../sys/seal", "./a", ".\t./a"]
    {
        assert!(SecretPath::parse(text).is_err(), "{text}");
    }
}
