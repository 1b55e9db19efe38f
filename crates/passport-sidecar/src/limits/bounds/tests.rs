use super::*;

fn mistakes(limits: &Limits) -> Vec<String> {
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
            Limits { connections: usize::MAX >> 1, ..defaults },
            "limits.connections: it is 9223372036854775807; write a number from 1 to 100000",
        ),
        (Limits { connections: 0, ..defaults }, "limits.connections: it is 0"),
        (Limits { connections_per_caller: Some(0), ..defaults }, "limits.connections_per_caller: it is 0"),
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
            mistakes.join("").starts_with(message) && mistakes.is_empty() == message.is_empty(),
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
