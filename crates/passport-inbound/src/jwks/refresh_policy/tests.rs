use std::time::UNIX_EPOCH;

use super::*;

const SETTINGS: KeySettings = KeySettings {
    refresh_interval: Duration::from_secs(600),
    cooldown: Duration::from_secs(30),
    max_stale: Duration::from_secs(24 * 60 * 60),
    max_wait: Duration::from_secs(2),
    fetch_timeout: Duration::from_secs(5),
    clock_skew: Duration::from_secs(60),
    random: || 0.5,
};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn life(seconds: u64) -> KeyLife {
    KeyLife::new(&SETTINGS, at(seconds), None, 0.5)
}

#[test]
fn keys_age_from_fresh_over_due_to_expired() {
    let day = 24 * 60 * 60;
    for (age, freshness) in [
        (0, Freshness::Fresh),
        (479, Freshness::Fresh),
        (480, Freshness::Stale),
        (day - 1, Freshness::Stale),
        (day, Freshness::Expired),
    ] {
        assert_eq!(life(0).freshness(at(age)), freshness, "{age}");
    }
    assert_eq!(life(5).freshness(at(0)), Freshness::Fresh, "clock nudged");
    assert_eq!(life(500).freshness(at(0)), Freshness::Stale, "clock set back");
}

#[test]
fn max_age_counts_between_one_minute_and_the_setting() {
    for (said, due_in) in [(None, 480), (Some(0), 48), (Some(59), 48), (Some(300), 240), (Some(86_400), 480)]
    {
        let life = KeyLife::new(&SETTINGS, at(0), said.map(secs), 0.5);
        assert_eq!(life.refresh_at, at(due_in), "{said:?}");
    }
}

#[test]
fn refreshes_are_spread_by_a_tenth_to_either_side() {
    let due_in = |random| KeyLife::new(&SETTINGS, at(0), None, random).age_at_refresh();
    assert_eq!((due_in(0.0), due_in(1.0)), (secs(432), secs(528)));
}

#[test]
fn keys_that_expire_soon_are_refreshed_before() {
    let settings = KeySettings { max_stale: secs(100), ..SETTINGS };
    let life = KeyLife::new(&settings, at(0), None, 1.0);
    assert_eq!((life.refresh_at, life.expires_at), (at(88), at(100)));
}

#[test]
fn an_attempt_claims_the_cooldown_when_it_begins() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(0)), secs(0));
    policy.begin(at(0));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(0)), secs(30));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(30)), secs(0));
}

#[test]
fn success_starts_the_cooldown_whatever_its_cause() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.begin(at(0));
    policy.fetched(life(0), at(1));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(1)), secs(0), "the first keys");
    for began in [10, 480] {
        policy.begin(at(began));
        policy.fetched(life(began), at(began + 1));
        assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(began + 1)), secs(29));
        assert_eq!(policy.remaining_pause(RefreshCause::Schedule, at(began + 1)), secs(0));
        assert_eq!(policy.next_attempt(at(began + 1)), at(began + 480));
    }
}

#[test]
fn cooldown_outlives_an_attempt_that_was_lost() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.fetched(life(0), at(0));
    policy.begin(at(100));
    policy.fetched(life(100), at(100));
    policy.begin(at(110));
    policy.dropped(at(110));
    assert_eq!(policy.remaining_pause(RefreshCause::Schedule, at(110)), secs(1));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(110)), secs(20));
}

#[test]
fn keys_are_current_after_a_fetch_that_succeeded() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.loaded(life(0));
    assert!(!policy.is_current, "those of the file");
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(0)), secs(0));
    policy.fetched(life(0), at(0));
    assert!(policy.is_current);
    policy.dropped(at(1));
    assert!(!policy.is_current);
    policy.fetched(life(2), at(2));
    policy.failed(at(500), 0.0);
    assert!(!policy.is_current);
}

#[test]
fn failure_with_keys_pauses_for_the_cooldown_with_jitter() {
    for (random, pause) in [(0.0, 30), (1.0, 33)] {
        let mut policy = KeyRefreshPolicy::new(SETTINGS);
        policy.fetched(life(0), at(0));
        policy.begin(at(480));
        policy.failed(at(485), random);
        assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(485)), secs(pause));
        assert_eq!(policy.next_attempt(at(485)), at(485 + pause));
    }
}

#[test]
fn failures_without_keys_back_off_up_to_the_cooldown() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        policy.begin(at(0));
        policy.failed(at(0), 0.0);
        assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(0)), secs(pause));
    }
    assert_eq!(policy.failures(), 7);
    policy.failed(at(0), 1.0);
    assert_eq!(
        policy.remaining_pause(RefreshCause::UnknownKey, at(0)),
        secs(15),
        "half of it at least, by chance"
    );
}

#[test]
fn expired_keys_are_fetched_as_urgently_as_none() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.fetched(life(0), at(0));
    policy.failed(at(24 * 60 * 60), 0.0);
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(24 * 60 * 60)), secs(1));
}

#[test]
fn a_clock_that_was_set_back_does_not_prolong_the_cooldown() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.begin(at(1000));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(1001)), secs(29));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(994)), secs(0));
    assert_eq!(
        policy.remaining_pause(RefreshCause::UnknownKey, at(999)),
        secs(31),
        "read just before the cooldown began"
    );
}

#[test]
fn slow_attempt_is_not_joined_by_another() {
    let settings = KeySettings { fetch_timeout: secs(60), cooldown: secs(1), ..SETTINGS };
    let mut policy = KeyRefreshPolicy::new(settings);
    policy.fetched(life(0), at(0));
    policy.begin(at(0));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(240)), secs(2));
    policy.fetched(life(240), at(240));
    assert_eq!(
        policy.remaining_pause(RefreshCause::UnknownKey, at(240)),
        secs(0),
        "the cooldown began with the attempt"
    );
}

impl KeyLife {
    fn age_at_refresh(&self) -> Duration {
        self.refresh_at.duration_since(self.fetched_at).unwrap()
    }
}

#[test]
fn keys_of_a_file_end_the_pause_and_the_failures() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.failed(at(0), 0.0);
    assert_eq!(policy.failures(), 1);
    policy.loaded(life(0));
    assert_eq!((policy.failures(), policy.next_attempt(at(1))), (0, at(480)));
}

#[test]
fn attempt_is_due_at_once_after_the_clock_was_set_back() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.loaded(life(500));
    assert_eq!(policy.next_attempt(at(500)), at(980));
    assert_eq!(policy.next_attempt(at(0)), at(0));
}

#[test]
fn clock_behind_by_5_s_is_not_set_back() {
    let window = TimeWindow::new(at(100), secs(10)).unwrap();
    assert_eq!((window.remaining(at(95)), window.remaining(at(94))), (secs(15), Duration::ZERO));
}
