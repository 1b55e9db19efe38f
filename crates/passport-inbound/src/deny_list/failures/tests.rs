use super::*;

fn error(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn file_is_repaired_when_all_denials_are_saved() {
    let failures = Failures::default();
    assert!(failures.set_saved(error("full"), || false));
    assert!(!failures.set_saved(error("full"), || false), "logged once");
    assert!(!failures.set_saved(None, || false));
    assert_eq!(failures.last(), error("full"), "another denial is not saved");
    assert!(!failures.set_saved(None, || true));
    assert_eq!(failures.last(), None);
}

#[test]
fn late_error_of_a_saved_denial_is_ignored() {
    let failures = Failures::default();
    assert!(!failures.set_saved(error("full"), || true));
    assert_eq!(failures.last(), None);
}

#[test]
fn failure_while_entries_are_published_is_kept() {
    let failures = Failures::default();
    assert!(failures.set_unshared("down".to_owned()));
    let before = failures.before();
    assert!(!failures.set_unshared("down".to_owned()), "logged once");
    failures.set_shared(before);
    assert_eq!(failures.last(), error("down"));
    failures.set_shared(failures.before());
    assert_eq!(failures.last(), None);
}
