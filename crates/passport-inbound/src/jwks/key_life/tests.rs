use std::time::UNIX_EPOCH;

use proptest::prelude::*;

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

proptest! {
    #[test]
    fn period_contains_exactly_the_times_at_which_keys_are_fresh(
        [fetched, refresh, expiry, now] in [0..40_u64, 0..40_u64, 0..40_u64, 0..40_u64],
    ) {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(1000 + seconds);
        let life = KeyLife { fetched_at: at(fetched), refresh_at: at(refresh), expires_at: at(expiry) };
        let is_fresh = life.freshness(at(now)) == Freshness::Fresh;
        prop_assert_eq!(life.fresh_period().contains(&at(now)), is_fresh);
    }
}
