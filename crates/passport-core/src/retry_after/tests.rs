use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
    let seconds = |value| retry_after(value, now).map(|wait| wait.as_secs());
    assert_eq!(seconds("120"), Some(120));
    assert_eq!(seconds(" 17 "), Some(17));
    assert_eq!(seconds("Sun, 06 Nov 1994 08:51:37 GMT"), Some(120));
    assert_eq!(seconds("Sunday, 06-Nov-94 08:51:37 GMT"), Some(120), "the form of RFC 850");
    assert_eq!(seconds("Sun Nov  6 08:51:37 1994"), Some(120), "the form of asctime");
    assert_eq!(seconds("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0), "in the past");
    for other in ["soon", "-1", "+1", "1.5", "99999999999999999999999", ""] {
        assert_eq!(seconds(other), None, "{other}");
    }
}

#[test]
fn seconds_are_rounded_up() {
    for (millis, seconds) in [(0, 0), (1, 1), (999, 1), (1000, 1), (2500, 3)] {
        assert_eq!(retry_after_seconds(Duration::from_millis(millis)), seconds, "{millis}");
    }
    assert_eq!(retry_after_seconds(Duration::MAX), u64::MAX);
}
