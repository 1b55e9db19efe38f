//! A statistical test of the duration, after dudect (Reparaz, Balasch and Verbauwhede, 2017): is
//! the mean duration the same for equal and for different texts? Not part of the ordinary tests,
//! because it measures time.

use std::{hint::black_box, time::Instant};

use super::*;

/// The size of a token of Passport, in bytes.
const TOKEN: usize = 1_016;

const SAMPLES: usize = 200_000;

/// The comparisons in one sample, so that the sample takes longer than reading the clock.
const REPEATS: usize = 8;

/// dudect's limit: with a larger value of Welch's t, the durations certainly differ.
const CERTAIN: f64 = 10.0;

/// Where two texts differ.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difference {
    None,
    First,
    Last,
}

const ALL: [Difference; 3] = [Difference::None, Difference::First, Difference::Last];

/// Measures comparisons, with the differences in random order.
#[expect(clippy::disallowed_methods, reason = "it measures durations")]
fn samples(compare: fn(&[u8], &[u8]) -> bool) -> Vec<(Difference, f64)> {
    let one: Vec<_> = (0..TOKEN).map(|_| fastrand::u8(..)).collect();
    let mut other = one.clone();
    let sample = |_| {
        let difference = ALL[fastrand::usize(..ALL.len())];
        other.copy_from_slice(&one);
        other[0] ^= u8::from(difference == Difference::First);
        other[TOKEN - 1] ^= u8::from(difference == Difference::Last);
        let started = Instant::now();
        for _ in 0..REPEATS {
            black_box(compare(black_box(&one), black_box(&other)));
        }
        (difference, started.elapsed().as_nanos() as f64)
    };
    (0..SAMPLES).map(sample).collect()
}

/// Returns Welch's t of the samples with no difference and those with `difference`. Leaves out the
/// slowest tenth of all samples, which were interrupted.
fn welch_t(samples: &[(Difference, f64)], difference: Difference) -> f64 {
    let mut sorted: Vec<_> = samples.iter().map(|(_, duration)| *duration).collect();
    sorted.sort_by(f64::total_cmp);
    let limit = sorted[sorted.len() * 9 / 10];
    let moments = |of: Difference| {
        let own: Vec<_> = samples
            .iter()
            .filter(|(own, time)| *own == of && *time <= limit)
            .map(|(_, time)| *time)
            .collect();
        let count = own.len() as f64;
        let mean = own.iter().sum::<f64>() / count;
        (mean, own.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0) / count)
    };
    let ((equal, of_equal), (different, of_different)) = (moments(Difference::None), moments(difference));
    (equal - different) / (of_equal + of_different).sqrt()
}

#[test]
#[ignore = "measures time: run it with --release on an idle machine"]
fn duration_does_not_depend_on_the_difference() {
    // A machine can change its speed during one attempt, but not in the same way in all of them.
    let attempts = || (0..5).map(|_| samples(is_equal));
    for difference in [Difference::First, Difference::Last] {
        let least = attempts().map(|samples| welch_t(&samples, difference).abs()).fold(f64::MAX, f64::min);
        assert!(least < CERTAIN, "{difference:?}: t = {least:.1}");
    }
}

/// Shows that the test above could fail.
#[test]
#[ignore = "measures time: run it with --release on an idle machine"]
fn early_return_shows_in_the_duration() {
    let t = welch_t(&samples(|one, other| one.iter().eq(other)), Difference::First).abs();
    assert!(t > CERTAIN, "t = {t:.1}");
}
