use super::*;

#[test]
fn permission_is_covered_by_itself_or_a_wildcard() {
    for (granted, wanted, is_covered) in [
        ("payroll.records.read", "payroll.records.read", true),
        ("payroll.records.read", "payroll.records.readall", false),
        ("payroll.records.read", "Payroll.records.read", false),
        ("payroll.*", "payroll.records.read", true),
        ("payroll.*", "payroll.x", true),
        ("payroll.*", "payroll", false),
        ("payroll.*", "payroll.", false),
        ("payroll.*", "payrollx.read", false),
        ("*", "payroll.read", false),
        (".*", ".read", false),
        ("payroll*", "payroll.read", false),
        ("payroll.*.read", "payroll.records.read", false),
        ("payroll.read", "payroll.*", false),
    ] {
        assert_eq!(covers(granted, wanted), is_covered, "{granted} {wanted}");
    }
}

#[test]
fn grants_of_a_role_add_up() {
    let roles = RolePermissions::new().grant("clerk", ["a.read"]).grant("clerk", ["b.*"]);
    let of = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>();
    assert!(roles.grants(&of(&["other", "clerk"]), "a.read"));
    assert!(roles.grants(&of(&["clerk"]), "b.write"));
    assert!(!roles.grants(&of(&["other"]), "a.read"));
    assert!(!roles.grants(&[], "a.read"));
}
