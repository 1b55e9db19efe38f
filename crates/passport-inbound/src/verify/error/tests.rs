use super::*;

#[test]
fn ready_error_debug_prints_cause_and_remedy() {
    let error = ReadyError("no tokio runtime; call `ready` within one".to_owned());
    let message =
        "signing keys unavailable, and retrying will not help: no tokio runtime; call `ready` within one";
    assert_eq!(format!("{error:?}"), message);
    assert_eq!(error.to_string(), message);
}
