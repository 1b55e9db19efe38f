use std::time::UNIX_EPOCH;

use passport_core::from_unix_nanos;
use proptest::prelude::*;

use super::*;

const NO_JITTER: RefreshSettings = RefreshSettings { threshold: DEFAULT_THRESHOLD, jitter: 0.0 };
const FULL_JITTER: RefreshSettings = RefreshSettings { threshold: DEFAULT_THRESHOLD, jitter: 1.0 };

fn at(seconds: f64) -> SystemTime {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let distance = Duration::from_secs_f64(seconds.abs());
    if seconds < 0.0 { start - distance } else { start + distance }
}

#[test]
fn soft_and_hard_expiry_follow_from_the_lifetime() {
    for (policy, lifetime, soft, hard) in [
        (NO_JITTER, 3600.0, 3540.0, 3595.0),
        (FULL_JITTER, 3600.0, 3510.0, 3595.0),
        (NO_JITTER, 900.0, 840.0, 895.0),
        (NO_JITTER, 100.0, 50.0, 95.0),
        (FULL_JITTER, 100.0, 40.0, 95.0),
        (NO_JITTER, 20.0, 10.0, 18.0),
        (NO_JITTER, 1.0, 0.5, 0.9),
        (NO_JITTER, 0.0, 0.0, 0.0),
    ] {
        let schedule = policy.schedule(at(0.0), Duration::from_secs_f64(lifetime));
        assert_eq!(
            schedule,
            Schedule {
                issued_at: unix_nanos(at(0.0)),
                soft_at: unix_nanos(at(soft)),
                hard_at: unix_nanos(at(hard))
            },
            "{policy:?} {lifetime}"
        );
    }
}

#[test]
fn token_is_fresh_then_soft_then_hard() {
    let schedule = NO_JITTER.schedule(at(0.0), Duration::from_secs(3600));
    for (now, phase) in [
        (-4.0, Phase::Fresh),
        (0.0, Phase::Fresh),
        (3539.9, Phase::Fresh),
        (3540.0, Phase::Soft),
        (3594.9, Phase::Soft),
        (3595.0, Phase::Hard),
        (9999.0, Phase::Hard),
    ] {
        assert_eq!(schedule.phase(at(now)), phase, "{now}");
    }
}

#[test]
fn due_token_is_sent_until_its_hard_expiry() {
    let schedule = NO_JITTER.schedule(at(0.0), Duration::from_secs(3600)).due(at(100.0));
    for (now, phase) in
        [(99.9, Phase::Fresh), (100.0, Phase::Soft), (3594.9, Phase::Soft), (3595.0, Phase::Hard)]
    {
        assert_eq!(schedule.phase(at(now)), phase, "{now}");
    }
    assert_eq!(schedule.due(at(200.0)), schedule, "a later call does not postpone the refresh");
}

#[test]
fn threshold_of_zero_skips_the_soft_phase() {
    let policy = RefreshSettings { threshold: Duration::ZERO, jitter: 0.0 };
    let schedule = policy.schedule(at(0.0), Duration::from_secs(3600));
    assert_eq!(schedule.phase(at(3594.0)), Phase::Fresh);
    assert_eq!(schedule.phase(at(3595.0)), Phase::Hard);
}

#[test]
fn huge_lifetime_does_not_overflow() {
    let schedule = FULL_JITTER.schedule(at(0.0), Duration::MAX);
    assert_eq!(schedule.phase(at(0.0)), Phase::Hard);
}

/// Lifetimes from a millisecond to ten years, uniform by order of magnitude.
fn lifetime() -> impl Strategy<Value = Duration> {
    (0.0..11.5_f64).prop_map(|digits| Duration::from_secs_f64(10_f64.powf(digits) / 1000.0))
}

fn policy() -> impl Strategy<Value = RefreshSettings> {
    (0_u64..100_000, 0.0..=1.0_f64)
        .prop_map(|(threshold, jitter)| RefreshSettings { threshold: Duration::from_secs(threshold), jitter })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn token_is_refreshed_then_unsendable_then_expired(
        policy in policy(),
        life in lifetime(),
    ) {
        let schedule = policy.schedule(at(0.0), life);
        prop_assert!(schedule.issued_at <= schedule.soft_at);
        prop_assert!(schedule.soft_at <= schedule.hard_at);
        let margin = (at(0.0) + life).duration_since(from_unix_nanos(schedule.hard_at)).unwrap();
        prop_assert!(margin <= HARD_MARGIN && margin <= life / 10);
    }

    #[test]
    fn token_is_not_refreshed_in_its_first_two_fifths(policy in policy(), life in lifetime()) {
        let soft_at = from_unix_nanos(policy.schedule(at(0.0), life).soft_at);
        let fresh_for = soft_at.duration_since(at(0.0)).unwrap();
        prop_assert!(fresh_for >= life.mul_f64(0.399), "{fresh_for:?} of {life:?}");
    }

    #[test]
    fn jitter_is_a_tenth_of_the_lifetime_and_30_s_at_most(
        policy in policy(),
        life in lifetime(),
    ) {
        let without = RefreshSettings { jitter: 0.0, ..policy }.schedule(at(0.0), life).soft_at;
        let earlier = Duration::from_nanos(without - policy.schedule(at(0.0), life).soft_at);
        prop_assert!(earlier <= MAX_JITTER && earlier <= life / 10);
    }

    #[test]
    fn phase_never_goes_back(policy in policy(), life in lifetime(), times in [0.0..1.2_f64, 0.0..1.2_f64]) {
        let schedule = policy.schedule(at(0.0), life);
        let [one, other] = times.map(|fraction| at(0.0) + life.mul_f64(fraction));
        let rank = |now| schedule.phase(now) as u8;
        prop_assert!(rank(one.min(other)) <= rank(one.max(other)));
    }

    #[test]
    fn integers_give_the_phase_that_system_times_give(
        policy in policy(),
        life in lifetime(),
        elapsed in 0.0..1.2_f64,
    ) {
        let schedule = policy.schedule(at(0.0), life);
        let now = at(0.0) + life.mul_f64(elapsed);
        let phase = if now < from_unix_nanos(schedule.soft_at) {
            Phase::Fresh
        } else if now < from_unix_nanos(schedule.hard_at) {
            Phase::Soft
        } else {
            Phase::Hard
        };
        prop_assert_eq!(schedule.phase(now), phase);
        prop_assert_eq!(schedule.is_fresh(unix_nanos(now)), phase == Phase::Fresh);
    }

    #[test]
    fn token_past_its_hard_expiry_is_not_sent(policy in policy(), life in lifetime(), late in 0.0..1e9_f64) {
        let schedule = policy.schedule(at(0.0), life);
        let now = from_unix_nanos(schedule.hard_at) + Duration::from_secs_f64(late);
        for schedule in [schedule, schedule.due(at(0.0)), schedule.due(now)] {
            prop_assert_eq!(schedule.phase(now), Phase::Hard);
        }
    }
}
