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
fn keys_become_stale_and_then_expired() {
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
    assert_eq!(life(5).freshness(at(0)), Freshness::Fresh, "clock slightly behind");
    assert_eq!(life(500).freshness(at(0)), Freshness::Stale, "clock set back");
}

#[test]
fn max_age_is_limited_to_1_minute_and_the_refresh_interval() {
    for (max_age, refresh_after) in
        [(None, 480), (Some(0), 48), (Some(59), 48), (Some(300), 240), (Some(86_400), 480)]
    {
        let life = KeyLife::new(&SETTINGS, at(0), max_age.map(secs), 0.5);
        assert_eq!(life.refresh_at, at(refresh_after), "{max_age:?}");
    }
}

#[test]
fn refresh_time_has_10_percent_jitter() {
    let refresh_after = |random| KeyLife::new(&SETTINGS, at(0), None, random).age_at_refresh();
    assert_eq!((refresh_after(0.0), refresh_after(1.0)), (secs(432), secs(528)));
}

#[test]
fn keys_are_refreshed_before_they_expire() {
    let settings = KeySettings { max_stale: secs(100), ..SETTINGS };
    let life = KeyLife::new(&settings, at(0), None, 1.0);
    assert_eq!((life.refresh_at, life.expires_at), (at(88), at(100)));
}

#[test]
fn refresh_starts_the_pause_when_it_begins() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(0)), secs(0));
    policy.begin(at(0));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(0)), secs(30));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(30)), secs(0));
}

#[test]
fn successful_refresh_of_any_cause_starts_the_cooldown() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.begin(at(0));
    policy.fetched(life(0), at(1));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(1)), secs(0), "the first keys");
    for began in [10, 480] {
        policy.begin(at(began));
        policy.fetched(life(began), at(began + 1));
        assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(began + 1)), secs(29));
        assert_eq!(policy.remaining_pause(RefreshCause::Schedule, at(began + 1)), secs(0));
        assert_eq!(policy.next_refresh(at(began + 1)), at(began + 480));
    }
}

#[test]
fn dropped_refresh_does_not_end_the_cooldown() {
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
fn keys_are_current_after_a_successful_fetch() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.loaded(life(0));
    assert!(!policy.is_current, "keys of the cache file");
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
        assert_eq!(policy.next_refresh(at(485)), at(485 + pause));
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
        "at least half of the pause, with jitter"
    );
}

#[test]
fn expired_keys_have_the_backoff_of_missing_keys() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.fetched(life(0), at(0));
    policy.failed(at(24 * 60 * 60), 0.0);
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(24 * 60 * 60)), secs(1));
}

#[test]
fn clock_set_back_does_not_prolong_the_pause() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.begin(at(1000));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(1001)), secs(29));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(994)), secs(0));
    assert_eq!(
        policy.remaining_pause(RefreshCause::UnknownKey, at(999)),
        secs(31),
        "the clock was read just before the pause began"
    );
}

#[test]
fn slow_refresh_has_a_pause_of_its_maximum_duration() {
    let settings = KeySettings { fetch_timeout: secs(60), cooldown: secs(1), ..SETTINGS };
    let mut policy = KeyRefreshPolicy::new(settings);
    policy.fetched(life(0), at(0));
    policy.begin(at(0));
    assert_eq!(policy.remaining_pause(RefreshCause::UnknownKey, at(240)), secs(2));
    policy.fetched(life(240), at(240));
    assert_eq!(
        policy.remaining_pause(RefreshCause::UnknownKey, at(240)),
        secs(0),
        "the cooldown began with the refresh"
    );
}

impl KeyLife {
    fn age_at_refresh(&self) -> Duration {
        self.refresh_at.duration_since(self.fetched_at).unwrap()
    }
}

#[test]
fn keys_of_the_cache_file_reset_pause_and_failures() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.failed(at(0), 0.0);
    assert_eq!(policy.failures(), 1);
    policy.loaded(life(0));
    assert_eq!((policy.failures(), policy.next_refresh(at(1))), (0, at(480)));
}

#[test]
fn refresh_is_due_after_the_clock_was_set_back() {
    let mut policy = KeyRefreshPolicy::new(SETTINGS);
    policy.loaded(life(500));
    assert_eq!(policy.next_refresh(at(500)), at(980));
    assert_eq!(policy.next_refresh(at(0)), at(0));
}

#[test]
fn clock_that_is_5_s_behind_is_not_set_back() {
    let window = TimeWindow::new(at(100), secs(10)).unwrap();
    assert_eq!((window.remaining(at(95)), window.remaining(at(94))), (secs(15), Duration::ZERO));
}
