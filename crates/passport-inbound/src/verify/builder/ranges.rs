//! The ranges of numeric options.

use std::{ops::RangeInclusive, time::Duration};

use passport_core::ConfigProblem;

use crate::{jwks::KeySettings, verify::cache::CacheLimits};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// More would keep expired tokens alive.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);
const REFRESH_INTERVALS: RangeInclusive<Duration> = MINUTE..=DAY;
const MAX_KEY_AGES: RangeInclusive<Duration> = MINUTE..=Duration::from_secs(30 * 24 * 60 * 60);
const FETCH_TIMEOUTS: RangeInclusive<Duration> = SECOND..=MINUTE;
/// Less would let anyone flood the issuer with requests for keys.
const COOLDOWNS: RangeInclusive<Duration> = SECOND..=Duration::from_secs(10 * 60);
/// In bytes. More does not fit into the headers that servers accept.
const TOKEN_SIZES: RangeInclusive<usize> = 1024..=64 * 1024;
const MIN_CACHED_TOKENS: u64 = 2;
const CACHE_BYTES: RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024 * 1024;

/// Reports each option that is out of range.
pub(super) fn check_ranges(
    keys: &KeySettings,
    cache: CacheLimits,
    max_token_size: usize,
    problems: &mut Vec<ConfigProblem>,
) {
    let checks = [
        (keys.clock_skew <= MAX_CLOCK_SKEW, "clock_skew", "more than 10 min would keep expired tokens alive"),
        (
            REFRESH_INTERVALS.contains(&keys.lifetime),
            "jwks_refresh_interval",
            "it must be between 1 min and 24 h",
        ),
        (MAX_KEY_AGES.contains(&keys.max_age), "max_key_age", "it must be between 1 min and 30 days"),
        (
            FETCH_TIMEOUTS.contains(&keys.fetch_timeout),
            "jwks_fetch_timeout",
            "it must be between 1 s and 60 s",
        ),
        (COOLDOWNS.contains(&keys.cooldown), "jwks_cooldown", "it must be between 1 s and 10 min"),
        (TOKEN_SIZES.contains(&max_token_size), "max_token_size", "it must be between 1 KiB and 64 KiB"),
        (
            cache.tokens >= MIN_CACHED_TOKENS,
            "max_cached_tokens",
            "it must be 2 at least; cache_tokens(false) keeps none",
        ),
        (
            CACHE_BYTES.contains(&cache.bytes),
            "max_cached_bytes",
            "it must be between 64 KiB and 4 GiB; cache_tokens(false) keeps none",
        ),
    ];
    let wrong = checks.into_iter().filter(|(is_in_range, ..)| !is_in_range);
    problems.extend(wrong.map(|(_, option, problem)| ConfigProblem::new(option, problem)));
}
