//! Combinations of needs.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn within(seconds: u32) -> NeededAnswer {
    NeededAnswer::within(SECOND * seconds)
}

#[test]
fn smallest_maximum_age_counts() {
    assert_eq!(within(5).and(within(60)).max_age, SECOND * 5);
    assert_eq!(within(60).and(within(0)).max_age, Duration::ZERO);
}

#[test]
fn own_time_replaces_that_of_the_issuer() {
    let own = within(5).continuing_for(SECOND * 30);
    for issuer in [None, Some(SECOND), Some(SECOND * 60)] {
        assert_eq!(own.continue_for(issuer), SECOND * 30);
        assert_eq!(within(5).continue_for(issuer), issuer.unwrap_or_default());
    }
}

#[test]
fn shortest_time_of_all_parts_counts() {
    let (own, shorter) = (within(5).continuing_for(SECOND * 30), within(60).continuing_for(SECOND * 10));
    assert_eq!(own.and(shorter).continue_for(Some(SECOND)), SECOND * 10);
    // The part without a time has that of the issuer.
    for both in [own.and(within(60)), within(60).and(own)] {
        assert_eq!(both.continue_for(None), Duration::ZERO);
        assert_eq!(both.continue_for(Some(SECOND)), SECOND);
        assert_eq!(both.continue_for(Some(SECOND * 60)), SECOND * 30);
    }
}
