use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "it is held against the standard library's")]
fn the_system_clock_shows_the_time_of_day_and_is_not_ahead_of_it() {
    let shown = SystemClock.now();
    let behind = SystemTime::now().duration_since(shown).expect("it is not ahead");
    assert!(behind < Duration::from_secs(60), "{behind:?}");
}
