use super::*;

#[test]
fn unmet_requirement_is_shown_as_its_text() {
    let role = UnmetRequirement::new("role payroll.admin".to_owned(), "RoleRequired", None);
    assert_eq!(role.to_string(), "role payroll.admin");
    assert_eq!(format!("{role:?}"), "UnmetRequirement(role payroll.admin)");
}
