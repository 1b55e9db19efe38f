use std::time::UNIX_EPOCH;

use super::*;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[test]
fn static_keys_are_fresh_for_100_years() {
    let now = UNIX_EPOCH + 55 * YEAR;
    let life = KeyLife::endless(now);
    let end = now + 100 * YEAR;
    assert_eq!((life.fetched_at, life.refresh_at, life.expires_at), (now, end, end));
    assert_eq!(life.freshness(end - Duration::from_secs(1)), Freshness::Fresh);
    assert_eq!(life.freshness(end), Freshness::Expired);
}
