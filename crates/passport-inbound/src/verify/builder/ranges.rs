//! The ranges of numeric options.

use std::time::Duration;

use passport_core::ConfigProblem;

use crate::{jwks::KeySettings, verify::cache::CacheLimits};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reports each option that is out of range.
pub(super) fn check_ranges(
    keys: &KeySettings,
    cache: CacheLimits,
    max_token_size: usize,
    problems: &mut Vec<ConfigProblem>,
) {
    let checks = [
        (keys.clock_skew <= 10 * MINUTE, "clock_skew", "more than 10 min would keep expired tokens alive"),
        (
            (MINUTE..=DAY).contains(&keys.lifetime),
            "jwks_refresh_interval",
            "it must be between 1 min and 24 h",
        ),
        (
            (MINUTE..=30 * DAY).contains(&keys.max_age),
            "jwks_max_stale",
            "it must be between 1 min and 30 days",
        ),
        (
            (SECOND..=MINUTE).contains(&keys.fetch_timeout),
            "jwks_fetch_timeout",
            "it must be between 1 s and 60 s",
        ),
        // Less would let anyone flood the issuer with requests for keys.
        (
            (SECOND..=10 * MINUTE).contains(&keys.cooldown),
            "jwks_cooldown",
            "it must be between 1 s and 10 min",
        ),
        // More does not fit into the headers that servers accept.
        (
            (1024..=64 * 1024).contains(&max_token_size),
            "max_token_size",
            "it must be between 1 KiB and 64 KiB",
        ),
        (cache.tokens >= 2, "max_cached_tokens", "it must be 2 at least; cache_tokens(false) keeps none"),
        (
            (64 * 1024..=4 * 1024 * 1024 * 1024).contains(&cache.bytes),
            "max_cached_bytes",
            "it must be between 64 KiB and 4 GiB; cache_tokens(false) keeps none",
        ),
    ];
    let wrong = checks.into_iter().filter(|(is_in_range, ..)| !is_in_range);
    problems.extend(wrong.map(|(_, option, problem)| ConfigProblem::new(option, problem)));
}
