//! Checks the numbers of the table `limits`, and computes the maximum memory that connections
//! and requests can use with these limits. Pure.

use passport_core::ConfigProblem;

use super::{
    forms::{MAX_FORM, UNKNOWN_FORMS},
    settings::Limits,
};

const DAY: u64 = 24 * 60 * 60;

/// The number of listeners to which [`Limits::max_connections`] applies: the Unix socket and
/// TCP.
const LISTENERS: usize = 2;

/// Adds a problem for each number that is out of bounds. If all numbers are within bounds, adds
/// a problem if the other limits allow more buffers than `max_buffered_mib`. `form` is the size
/// limit of a form in bytes.
pub(crate) fn check(limits: &Limits, form: usize, problems: &mut Vec<ConfigProblem>) {
    let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let bounds = [
        ("max_connections", number(limits.max_connections), 1, 100_000),
        ("max_head_bytes", number(limits.max_head_bytes), 8192, 1024 * 1024),
        ("head_timeout_seconds", limits.head_timeout_seconds, 1, 3600),
        ("idle_timeout_seconds", limits.idle_timeout_seconds, 1, DAY),
        ("response_timeout_seconds", limits.response_timeout_seconds, 1, 3600),
        ("shutdown_timeout_seconds", limits.shutdown_timeout_seconds, 0, 3600),
        ("max_forwarded_requests", number(limits.max_forwarded_requests), 1, 100_000),
        ("max_forwarded_requests_per_caller", number(limits.max_forwarded_requests_per_caller), 1, 100_000),
        ("body_buffer_kib", number(limits.body_buffer_kib), 16, 16 * 1024),
        ("http2_connection_window_kib", number(limits.http2_connection_window_kib), 64, 64 * 1024),
        ("max_buffered_mib", number(limits.max_buffered_mib), 1, 1024 * 1024),
    ];
    let share = limits
        .max_connections_per_caller
        .map(|share| ("max_connections_per_caller", number(share), 1, 100_000));
    let before = problems.len();
    for (key, value, least, most) in bounds.into_iter().chain(share) {
        if !(least..=most).contains(&value) {
            let text = format!("must be from {least} to {most}, but is {value}");
            problems.push(ConfigProblem::new(format!("limits.{key}"), text));
        }
    }
    if problems.len() > before {
        return;
    }
    let needed = needed_mib(limits, form);
    if needed > limits.max_buffered_mib {
        let text = format!(
            "the other limits allow {needed} MiB of buffers: set this to at least {needed}, or lower \
             max_connections, max_forwarded_requests, max_head_bytes, body_buffer_kib or \
             http2_connection_window_kib"
        );
        problems.push(ConfigProblem::new("limits.max_buffered_mib", text));
    }
}

/// Returns the limit on concurrent requests to the sidecar's own endpoints. The memory for these
/// requests is the part of `max_buffered_mib` that connections and forwarded requests cannot
/// use. `form` is the size limit of a form in bytes.
pub(crate) fn own_requests(limits: &Limits, form: usize) -> usize {
    let available = limits.max_buffered_mib.saturating_mul(1024).saturating_sub(reserved_kib(limits));
    available / own_request_kib(limits, form)
}

/// Returns the smallest valid value of `max_buffered_mib`. With this value, each connection can
/// have one request to an own endpoint.
fn needed_mib(limits: &Limits, form: usize) -> usize {
    let own = LISTENERS * limits.max_connections * own_request_kib(limits, form);
    (reserved_kib(limits) + own).div_ceil(1024)
}

/// Returns the maximum memory of all connections and forwarded requests, in KiB.
///
/// A connection needs memory for:
/// - the HTTP/2 window of request bodies that the sidecar has not read;
/// - the head of a request and the head of a response;
/// - on TCP, forms that are read before the client is identified as a caller.
///
/// A forwarded request needs memory for a head and three buffers: one for data to the upstream,
/// one for data from the upstream, and one for data to the client.
fn reserved_kib(limits: &Limits) -> usize {
    let connections = LISTENERS * (limits.http2_connection_window_kib + 2 * head_kib(limits))
        + UNKNOWN_FORMS * MAX_FORM / 1024;
    limits.max_connections * connections
        + limits.max_forwarded_requests * (3 * limits.body_buffer_kib + head_kib(limits))
}

/// Returns the maximum memory of one request to an own endpoint, in KiB: a head, a form, and a
/// response. The response is at most as large as the form, because it contains a token or the
/// claims of a token.
fn own_request_kib(limits: &Limits, form: usize) -> usize {
    head_kib(limits) + 2 * form.div_ceil(1024)
}

fn head_kib(limits: &Limits) -> usize {
    limits.max_head_bytes.div_ceil(1024)
}

#[cfg(test)]
mod tests;
