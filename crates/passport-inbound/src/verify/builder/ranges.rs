//! Checks the ranges of numeric options.

use std::{fmt, time::Duration};

use passport_core::ConfigProblem;

use crate::{jwks::KeySettings, verify::cache::CacheLimits};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The remedy that is appended to a problem with a limit of the token cache.
const NO_CACHE: &str = "; cache_tokens(false) disables the cache";

/// Reports each option that is out of range, with its value and the range.
pub(super) fn check_ranges(
    keys: &KeySettings,
    cache: CacheLimits,
    max_token_size: usize,
    problems: &mut Vec<ConfigProblem>,
) {
    let mut check = |option: &'static str, is_in_range: bool, range: &str, value: &dyn fmt::Debug| {
        if !is_in_range {
            // Only the token cache can be disabled, so only its options have this remedy.
            let remedy = if option.starts_with("max_cached") { NO_CACHE } else { "" };
            let problem = format_args!("must be {range}, is {value:?}{remedy}");
            problems.push(ConfigProblem::new(option, problem));
        }
    };
    let KeySettings { clock_skew, refresh_interval, max_stale, fetch_timeout, cooldown, .. } = *keys;
    // With a larger clock skew, tokens would be accepted long after their expiry.
    check("clock_skew", clock_skew <= 10 * MINUTE, "at most 10 min", &clock_skew);
    check(
        "jwks_refresh_interval",
        (MINUTE..=DAY).contains(&refresh_interval),
        "between 1 min and 24 h",
        &refresh_interval,
    );
    check(
        "jwks_max_stale",
        (MINUTE..=30 * DAY).contains(&max_stale),
        "between 1 min and 30 days",
        &max_stale,
    );
    check(
        "jwks_request_timeout",
        (SECOND..=MINUTE).contains(&fetch_timeout),
        "between 1 s and 60 s",
        &fetch_timeout,
    );
    // With a shorter cooldown, a client with forged tokens could flood the issuer with requests.
    check("jwks_cooldown", (SECOND..=10 * MINUTE).contains(&cooldown), "between 1 s and 10 min", &cooldown);
    // A larger token does not fit into the headers that servers accept.
    check(
        "max_token_size",
        (1024..=64 * 1024).contains(&max_token_size),
        "between 1 KiB and 64 KiB",
        &format_args!("{max_token_size} bytes"),
    );
    check("max_cached_tokens", cache.tokens >= 2, "at least 2", &cache.tokens);
    check(
        "max_cached_bytes",
        (64 * 1024..=4 * 1024 * 1024 * 1024).contains(&cache.bytes),
        "between 64 KiB and 4 GiB",
        &format_args!("{} bytes", cache.bytes),
    );
}
