use passport_core::{chain, with_causes};

use super::*;

const LATE: &str = "the keys could not be read in time";

#[test]
fn outcome_of_a_task_is_passed_on() {
    assert_eq!(outcome_of(Ok(Ok(1)), LATE).unwrap().unwrap(), 1);
    let failed = outcome_of::<()>(Ok(Err(StoreError::new("no connection"))), LATE);
    assert!(with_causes(&failed.unwrap().unwrap_err()).contains("no connection"));
}

#[test]
fn late_task_is_an_error_for_all_callers() {
    let error = outcome_of::<()>(Err(TaskFailure::DeadlineExceeded), LATE).unwrap().unwrap_err();
    assert!(with_causes(&error).contains(LATE), "{error}");
    assert!(chain(&error).any(<dyn std::error::Error>::is::<TaskFailure>), "{error:?}");
}

#[test]
fn lost_or_panicked_task_has_no_outcome() {
    for failure in [TaskFailure::Dropped, TaskFailure::Panicked] {
        assert!(outcome_of::<()>(Err(failure), LATE).is_none(), "{failure:?}");
    }
}

#[test]
fn caller_of_a_task_without_outcome_gets_an_error() {
    let error = interrupted::<()>(Interrupted::Dropped).unwrap_err();
    assert!(with_causes(&error).contains("has no outcome"), "{error}");
    assert!(chain(&error).any(<dyn std::error::Error>::is::<Interrupted>), "{error:?}");
}
