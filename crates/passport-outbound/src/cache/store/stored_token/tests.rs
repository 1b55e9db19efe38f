use std::time::UNIX_EPOCH;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn clock_with_the_earlier_expiry_is_trusted() {
    let now = UNIX_EPOCH + 1000 * MINUTE;
    for (issued_at, left, ends, case) in [
        (now - 20 * MINUTE, Some(40), 40, "both clocks are right"),
        (now - 20 * MINUTE, None, 40, "the store does not state the time left"),
        (now + 60 * MINUTE, Some(40), 40, "the writer's clock is ahead"),
        (now + 60 * MINUTE, None, 60, "the writer's clock is ahead, and only the lifetime limits the token"),
        (
            now - 50 * MINUTE,
            Some(40),
            10,
            "the reader's clock is ahead, or the store keeps the value for too long",
        ),
        (now - 90 * MINUTE, Some(40), -30, "the token has expired, whatever time the store states"),
    ] {
        let token = AccessToken::new("t", issued_at + 60 * MINUTE).unwrap();
        let stored = StoredToken::new(token, issued_at);
        let stored = match left {
            Some(minutes) => stored.with_ttl(minutes * MINUTE),
            None => stored,
        };
        let end = stored.ends_at(now);
        let expected = if ends < 0 { now - 30 * MINUTE } else { now + u32::try_from(ends).unwrap() * MINUTE };
        assert_eq!(end, expected, "{case}");
    }
}
