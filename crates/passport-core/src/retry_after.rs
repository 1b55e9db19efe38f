use std::time::{Duration, SystemTime};

/// Parses the value of a `Retry-After` header ([RFC 9110, section
/// 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)), and returns how long to wait
/// from `now`.
///
/// - If `value` is a number, returns this number of seconds.
/// - If `value` is a date, returns the time from `now` to the date, or zero for a date in the
///   past.
/// - Otherwise returns `None`.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Returns `wait` in whole seconds for a `Retry-After` header, rounded up, so that a client that
/// honors the header does not retry too early.
#[must_use]
pub fn retry_after_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests;
