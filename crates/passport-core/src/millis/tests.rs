use super::*;

#[test]
fn times_are_rounded_down_and_saturate() {
    assert_eq!(millis(Duration::from_micros(1999)), 1);
    assert_eq!(millis(Duration::MAX), u64::MAX);
    assert_eq!(unix_millis(UNIX_EPOCH + Duration::from_secs(2)), 2000);
    assert_eq!(unix_millis(UNIX_EPOCH - Duration::from_secs(2)), 0);
}
