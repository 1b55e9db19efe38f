//! The life of cached answers. Times are in nanoseconds.

use super::*;

const SECOND: u64 = 1_000_000_000;
const NOW: u64 = 1_000 * SECOND;

fn active(checked_at: u64, expires_at: u64) -> Active {
    Active { asked: checked_at, checked_at, expires_at, body: Bytes::new() }
}

#[test]
fn answer_is_fresh_for_less_than_its_maximum_age() {
    let answer = active(NOW, u64::MAX);
    for (age, max_age, is_fresh) in [(0, 15, true), (14, 15, true), (15, 15, false), (0, 0, false)] {
        assert_eq!(answer.is_fresh(max_age * SECOND, NOW + age * SECOND), is_fresh, "{age} of {max_age}");
    }
}

#[test]
fn expired_token_is_never_fresh() {
    let answer = active(NOW, NOW + SECOND);
    assert!(answer.is_fresh(60 * SECOND, NOW + SECOND - 1));
    assert!(!answer.is_fresh(60 * SECOND, NOW + SECOND));
}

#[test]
fn answer_from_the_future_is_not_fresh() {
    assert!(!active(NOW, u64::MAX).is_fresh(60 * SECOND, NOW - 1));
}

#[test]
fn token_that_was_never_checked_is_not_fresh() {
    assert!(!active(0, u64::MAX).is_fresh(60 * SECOND, NOW));
}

#[test]
fn inactive_token_is_known_for_five_seconds() {
    let (cache, token) = (AnswerCache::new(10), TokenHash::of(b"token"));
    cache.insert_inactive(token, NOW);
    assert_eq!(cache.get(&token, NOW + 5 * SECOND - 1), Cached::Inactive);
    assert_eq!(cache.get(&token, NOW + 5 * SECOND), Cached::Unknown);
    assert_eq!(cache.get(&token, NOW - 1), Cached::Unknown);
    assert_eq!(cache.get(&TokenHash::of(b"other"), NOW), Cached::Unknown);
}

#[test]
fn token_without_an_answer_is_known_for_five_seconds() {
    let (cache, token) = (AnswerCache::new(10), TokenHash::of(b"token"));
    cache.insert_active(token, active(NOW, u64::MAX));
    cache.insert_unanswered(token, NOW);
    assert_eq!(cache.unanswered_for(&token, NOW + SECOND), Some(Duration::from_secs(4)));
    assert_eq!(cache.unanswered_for(&token, NOW + 5 * SECOND), None);
    assert_eq!(cache.unanswered_for(&token, NOW - 1), None);
    assert_eq!(cache.unanswered_for(&TokenHash::of(b"other"), NOW), None);
    assert_eq!(cache.get(&token, NOW), Cached::Active(active(NOW, u64::MAX)));
}

#[test]
fn last_answer_replaces_the_one_before() {
    let (cache, token) = (AnswerCache::new(10), TokenHash::of(b"token"));
    cache.insert_active(token, active(NOW, u64::MAX));
    cache.insert_inactive(token, NOW);
    assert_eq!(cache.get(&token, NOW), Cached::Inactive);
    assert_eq!(cache.get(&token, NOW + 6 * SECOND), Cached::Unknown);
    cache.insert_active(token, active(NOW + SECOND, u64::MAX));
    assert_eq!(cache.get(&token, NOW + SECOND), Cached::Active(active(NOW + SECOND, u64::MAX)));
}

#[test]
fn expired_answer_is_dropped() {
    let (cache, token) = (AnswerCache::new(10), TokenHash::of(b"token"));
    cache.insert_active(token, active(NOW, NOW + SECOND));
    assert_eq!(cache.get(&token, NOW + SECOND), Cached::Unknown);
    assert_eq!(cache.len(), (0, 0, 0));
}

#[test]
fn numbers_and_sizes_are_bounded() {
    let hash = |number: u32| TokenHash::of(&number.to_le_bytes());
    let cache = AnswerCache::new(10);
    (0..100).for_each(|number| cache.insert_active(hash(number), active(NOW, u64::MAX)));
    (0..20_000).for_each(|number| cache.insert_inactive(hash(1000 + number), NOW));
    (0..20_000).for_each(|number| cache.insert_unanswered(hash(1000 + number), NOW));
    let (known, inactive, unanswered) = cache.len();
    assert!((1..=10).contains(&known), "{known}");
    assert!((1..=MAX_REJECTED).contains(&inactive), "{inactive}");
    assert!((1..=MAX_REJECTED).contains(&unanswered), "{unanswered}");
    let large = AnswerCache::new(10_000);
    let body = Bytes::from(vec![0; 64 * 1024]);
    (0..1_000).for_each(|number| {
        large.insert_active(hash(number), Active { body: body.clone(), ..active(NOW, u64::MAX) });
    });
    assert!(large.len().0 <= 512, "{:?}", large.len());
}
