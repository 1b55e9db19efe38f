use super::*;

#[test]
fn nanoseconds_are_converted_in_both_directions() {
    for nanos in [0, 1, 999_999_999, 1_750_000_000_123_456_789, u64::MAX] {
        assert_eq!(unix_nanos(from_unix_nanos(nanos)), nanos);
    }
}

#[test]
fn time_out_of_range_becomes_the_nearest_integer() {
    assert_eq!(unix_nanos(UNIX_EPOCH - Duration::from_secs(1)), 0);
    assert_eq!(unix_nanos(UNIX_EPOCH + Duration::from_secs(600 * 365 * 24 * 3600)), u64::MAX);
}
