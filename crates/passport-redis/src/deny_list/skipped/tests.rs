use passport_test_support::{logs::Log, metrics::measured};
use tracing::Level;

use super::*;

const REASONS: [InvalidValue; 3] =
    [InvalidValue::UnknownKey, InvalidValue::UnknownKey, InvalidValue::Tampered];

#[tokio::test]
async fn skipped_denials_are_counted_by_reason() {
    let counted = measured(async { SkippedDenials::default().record(&REASONS, Duration::ZERO) }).await;
    let expected =
        [(format!("{SKIPPED_DENIALS} tampered"), 1.0), (format!("{SKIPPED_DENIALS} unknown_key"), 2.0)];
    assert_eq!(counted, expected.into());
}

#[test]
fn warning_is_logged_once_a_minute() {
    let (log, skipped) = (Log::listen(Level::WARN), SkippedDenials::default());
    let logged = || log.lines_with("denials of other instances skipped").len();
    skipped.record(&[], Duration::ZERO);
    assert_eq!(logged(), 0);
    for (now, expected) in [(0, 1), (59, 1), (60, 2), (61, 2)] {
        skipped.record(&REASONS, Duration::from_secs(now));
        assert_eq!(logged(), expected, "{now}");
    }
}
