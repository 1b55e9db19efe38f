use passport_core::{chain, with_causes};

use super::*;

const TIMED_OUT: &str = "the keys were not read in time";

fn timed_out(failure: TaskError) -> StoreError {
    StoreError::new(TIMED_OUT).with_source(failure)
}

#[test]
fn outcome_of_a_task_is_returned() {
    assert_eq!(outcome_of(Ok(Ok(1)), timed_out).unwrap().unwrap(), 1);
    let failed = outcome_of::<()>(Ok(Err(StoreError::new("no connection"))), timed_out);
    assert!(with_causes(&failed.unwrap().unwrap_err()).contains("no connection"));
}

#[test]
fn timed_out_task_is_an_error_for_all_callers() {
    let error = outcome_of::<()>(Err(TaskError::DeadlineExceeded), timed_out).unwrap().unwrap_err();
    assert!(with_causes(&error).contains(TIMED_OUT), "{error}");
    assert!(chain(&error).any(<dyn std::error::Error>::is::<TaskError>), "{error:?}");
}

#[test]
fn dropped_or_panicked_task_has_no_outcome() {
    for failure in [TaskError::Dropped, TaskError::Panicked] {
        assert!(outcome_of::<()>(Err(failure), timed_out).is_none(), "{failure:?}");
    }
}

#[test]
fn caller_of_a_task_without_outcome_gets_an_error() {
    let error = interrupted::<()>(WaitError::Dropped).unwrap_err();
    assert!(with_causes(&error).contains("ended without a result"), "{error}");
    assert!(chain(&error).any(<dyn std::error::Error>::is::<WaitError>), "{error:?}");
}
