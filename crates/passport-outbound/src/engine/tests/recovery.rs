//! A fleet without a token, and an issuer that comes back: simulated, with the backoff as it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::refresh::Backoff;

const OUTAGE: Duration = Duration::from_secs(30);

/// How long after the issuer's return each of `instances` has a token, and in which second how many
/// requests arrive. Each instance has calls all the time. The outage begins within the first second
/// of each instance.
fn recovery(instances: usize) -> (Vec<f64>, Vec<usize>) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut requests = vec![0; 60];
    let mut recovered = Vec::new();
    for _ in 0..instances {
        let (mut backoff, mut now) =
            (Backoff::default(), UNIX_EPOCH + Duration::from_secs(1).mul_f64(random.f64()));
        let back = UNIX_EPOCH + OUTAGE;
        loop {
            requests[usize::try_from(since(UNIX_EPOCH, now).as_secs()).unwrap()] += 1;
            if now >= back {
                break;
            }
            now = backoff.failed(now, None, None, random.f64()).until();
        }
        recovered.push(since(back, now).as_secs_f64());
    }
    recovered.sort_by(f64::total_cmp);
    (recovered, requests)
}

fn since(start: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(start).unwrap()
}

#[test]
fn fleet_recovers_within_8_s_and_without_a_peak() {
    let (recovered, requests) = recovery(10_000);
    let (median, last) = (recovered[5_000], recovered[9_999]);
    let (during, after) = requests.split_at(30);
    let during = during[10..].iter().max().unwrap();
    let after = after.iter().max().unwrap();
    // Measured: a median of 2.3 s, 2,644 requests in a second of the outage and 2,346 after it.
    assert!(median <= 5.0 && last <= 8.0, "{median} {last}");
    assert!(*during <= 3_000 && *after <= 3_000, "{during} {after}");
}
