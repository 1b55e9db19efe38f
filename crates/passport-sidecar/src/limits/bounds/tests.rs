use super::*;

fn problems_of(limits: &Limits) -> Vec<String> {
    let mut problems = Vec::new();
    check(limits, MAX_FORM, &mut problems);
    problems.iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
}

#[test]
fn number_out_of_bounds_is_named_with_its_bounds() {
    let defaults = Limits::DEFAULT;
    for (limits, message) in [
        (defaults, ""),
        (
            Limits { max_connections: usize::MAX >> 1, ..defaults },
            "limits.max_connections: must be from 1 to 100000, but is 9223372036854775807",
        ),
        (
            Limits { max_connections: 0, ..defaults },
            "limits.max_connections: must be from 1 to 100000, but is 0",
        ),
        (
            Limits { max_connections_per_caller: Some(0), ..defaults },
            "limits.max_connections_per_caller: must be from 1 to 100000, but is 0",
        ),
        (
            Limits { max_head_bytes: 8191, ..defaults },
            "limits.max_head_bytes: must be from 8192 to 1048576, but is 8191",
        ),
        (Limits { head_timeout_seconds: u64::MAX, ..defaults }, "limits.head_timeout_seconds: "),
        (Limits { idle_timeout_seconds: u64::MAX >> 1, ..defaults }, "limits.idle_timeout_seconds: "),
        (Limits { response_timeout_seconds: 0, ..defaults }, "limits.response_timeout_seconds: "),
        (Limits { shutdown_timeout_seconds: 3601, ..defaults }, "limits.shutdown_timeout_seconds: "),
        (Limits { max_forwarded_requests: 0, ..defaults }, "limits.max_forwarded_requests: "),
        (
            Limits { max_forwarded_requests_per_caller: 0, ..defaults },
            "limits.max_forwarded_requests_per_caller: ",
        ),
        (Limits { body_buffer_kib: 15, ..defaults }, "limits.body_buffer_kib: "),
        (
            Limits { http2_connection_window_kib: usize::MAX, ..defaults },
            "limits.http2_connection_window_kib: ",
        ),
        (Limits { max_buffered_mib: 0, ..defaults }, "limits.max_buffered_mib: "),
        (Limits { max_connections: 100_000, ..defaults }, "limits.max_buffered_mib: the other limits allow "),
    ] {
        let problems = problems_of(&limits);
        assert!(problems.len() <= 1, "{problems:?}");
        assert!(
            problems.join("").starts_with(message) && problems.is_empty() == message.is_empty(),
            "{problems:?}"
        );
    }
}

#[test]
fn largest_numbers_do_not_overflow() {
    let largest = Limits {
        max_connections: 100_000,
        max_head_bytes: 1024 * 1024,
        max_forwarded_requests: 100_000,
        body_buffer_kib: 16 * 1024,
        http2_connection_window_kib: 64 * 1024,
        ..Limits::DEFAULT
    };
    assert!(
        problems_of(&largest)[0].contains("the other limits allow 18312500 MiB"),
        "{:?}",
        problems_of(&largest)
    );
}
