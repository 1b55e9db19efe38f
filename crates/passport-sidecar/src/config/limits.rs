//! The bounds of every number under `limits`. Pure.

use passport_core::ConfigProblem;

use super::parts::Limits;
use crate::{router::MAX_FORM, tokens::UNKNOWN_FORMS};

const DAY: u64 = 24 * 60 * 60;

/// Listeners with [`Limits::connections`]: the Unix socket and TCP.
const LISTENERS: usize = 2;

/// Notes each number that is out of bounds, and a sum of buffers that is.
///
/// A form of an own endpoint has `form` bytes at most.
pub(super) fn check(limits: &Limits, form: usize, problems: &mut Vec<ConfigProblem>) {
    let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let bounds = [
        ("connections", number(limits.connections), 1, 100_000),
        ("head", number(limits.head), 8192, 1024 * 1024),
        ("head_seconds", limits.head_seconds, 1, 3600),
        ("idle_seconds", limits.idle_seconds, 1, DAY),
        ("answer_seconds", limits.answer_seconds, 1, 3600),
        ("drain_seconds", limits.drain_seconds, 0, 3600),
        ("forwarded", number(limits.forwarded), 1, 100_000),
        ("forwarded_per_caller", number(limits.forwarded_per_caller), 1, 100_000),
        ("stream_kib", number(limits.stream_kib), 16, 16 * 1024),
        ("connection_kib", number(limits.connection_kib), 64, 64 * 1024),
        ("buffered_mib", number(limits.buffered_mib), 1, 1024 * 1024),
    ];
    let share =
        limits.connections_per_caller.map(|share| ("connections_per_caller", number(share), 1, 100_000));
    let before = problems.len();
    for (key, value, least, most) in bounds.into_iter().chain(share) {
        if !(least..=most).contains(&value) {
            let text = format!("it is {value}; write a number from {least} to {most}");
            problems.push(ConfigProblem::new(format!("limits.{key}"), text));
        }
    }
    if problems.len() > before {
        return;
    }
    let needed = needed_mib(limits, form);
    if needed > limits.buffered_mib {
        let text = format!(
            "the other limits allow {needed} MiB of buffers; write that here, or lower connections, \
             forwarded, head, stream_kib or connection_kib"
        );
        problems.push(ConfigProblem::new("limits.buffered_mib", text));
    }
}

/// Returns how many requests of the sidecar's own endpoints there is memory for, in what
/// connections and forwarded requests leave of `buffered_mib`.
pub(super) fn own_requests(limits: &Limits, form: usize) -> usize {
    let left = limits.buffered_mib.saturating_mul(1024).saturating_sub(reserved_kib(limits));
    left / own_request_kib(limits, form)
}

/// The least that `buffered_mib` may be: each connection can have a request of an own endpoint.
fn needed_mib(limits: &Limits, form: usize) -> usize {
    let own = LISTENERS * limits.connections * own_request_kib(limits, form);
    (reserved_kib(limits) + own).div_ceil(1024)
}

/// The most that connections and forwarded requests can take. A connection has a window for bodies
/// that are not read yet, and the head of a request and of a response; on TCP, it also has forms
/// whose caller is not known yet. A forwarded request has a head, a buffer to and from the
/// upstream, and one to the client.
fn reserved_kib(limits: &Limits) -> usize {
    let connections =
        LISTENERS * (limits.connection_kib + 2 * head_kib(limits)) + UNKNOWN_FORMS * MAX_FORM / 1024;
    limits.connections * connections + limits.forwarded * (3 * limits.stream_kib + head_kib(limits))
}

/// A head, a form, and a response of that size: tokens and claims take less.
fn own_request_kib(limits: &Limits, form: usize) -> usize {
    head_kib(limits) + 2 * form.div_ceil(1024)
}

fn head_kib(limits: &Limits) -> usize {
    limits.head.div_ceil(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(limits: &Limits) -> Vec<String> {
        let mut problems = Vec::new();
        check(limits, MAX_FORM, &mut problems);
        problems.iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
    }

    #[test]
    fn number_out_of_bounds_is_named_with_its_bounds() {
        let defaults = Limits::DEFAULT;
        for (limits, told) in [
            (defaults, ""),
            (
                Limits { connections: usize::MAX >> 1, ..defaults },
                "limits.connections: it is 9223372036854775807; write a number from 1 to 100000",
            ),
            (Limits { connections: 0, ..defaults }, "limits.connections: it is 0"),
            (
                Limits { connections_per_caller: Some(0), ..defaults },
                "limits.connections_per_caller: it is 0",
            ),
            (Limits { head: 8191, ..defaults }, "limits.head: it is 8191"),
            (Limits { head_seconds: u64::MAX, ..defaults }, "limits.head_seconds: "),
            (Limits { idle_seconds: u64::MAX >> 1, ..defaults }, "limits.idle_seconds: "),
            (Limits { answer_seconds: 0, ..defaults }, "limits.answer_seconds: "),
            (Limits { drain_seconds: 3601, ..defaults }, "limits.drain_seconds: "),
            (Limits { forwarded: 0, ..defaults }, "limits.forwarded: "),
            (Limits { forwarded_per_caller: 0, ..defaults }, "limits.forwarded_per_caller: "),
            (Limits { stream_kib: 15, ..defaults }, "limits.stream_kib: "),
            (Limits { connection_kib: usize::MAX, ..defaults }, "limits.connection_kib: "),
            (Limits { buffered_mib: 0, ..defaults }, "limits.buffered_mib: "),
            (Limits { connections: 100_000, ..defaults }, "limits.buffered_mib: the other limits allow "),
        ] {
            let mistakes = mistakes(&limits);
            assert!(mistakes.len() <= 1, "{mistakes:?}");
            assert!(
                mistakes.join("").starts_with(told) && mistakes.is_empty() == told.is_empty(),
                "{mistakes:?}"
            );
        }
    }

    #[test]
    fn largest_numbers_do_not_overflow() {
        let largest = Limits {
            connections: 100_000,
            head: 1024 * 1024,
            forwarded: 100_000,
            stream_kib: 16 * 1024,
            connection_kib: 64 * 1024,
            ..Limits::DEFAULT
        };
        assert!(
            mistakes(&largest)[0].contains("the other limits allow 18312500 MiB"),
            "{:?}",
            mistakes(&largest)
        );
    }
}
