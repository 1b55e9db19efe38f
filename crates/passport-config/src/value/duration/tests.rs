use serde_json::json;

use super::*;

#[test]
fn durations_are_parsed_in_every_format() {
    for (value, seconds) in [
        (json!(60), Some(60.0)),
        (json!(0.5), Some(0.5)),
        (json!("60"), Some(60.0)),
        (json!(" 60s "), Some(60.0)),
        (json!("1m 30s"), Some(90.0)),
        (json!("00:01:00"), Some(60.0)),
        (json!("1.02:03:04.5"), Some(93_784.5)),
        (json!("00:60:00"), None),
        (json!("24:00:00"), None),
        (json!("00:00:60"), None),
        (json!("01:00"), None),
        (json!("99999999999999999999.00:00:00"), None),
        (json!("soon"), None),
        (json!(""), None),
        (json!(-1), None),
        (json!("-1"), None),
        (json!("NaN"), None),
        (json!(1e300), None),
        (json!(true), None),
        (json!(null), None),
    ] {
        assert_eq!(Duration::parse(&value).ok().map(|time| time.as_secs_f64()), seconds, "{value}");
    }
}

#[test]
fn number_that_looks_like_milliseconds_has_a_warning() {
    for (value, warning) in [
        (
            json!(60000),
            Some(
                "number without a unit is in seconds: 60000 s is 16 h; if milliseconds were meant, write 60s",
            ),
        ),
        (
            json!(" 5000 "),
            Some("number without a unit is in seconds: 5000 s is 1 h; if milliseconds were meant, write 5s"),
        ),
        (
            json!(1500),
            Some(
                "number without a unit is in seconds: 1500 s is 25 min; if milliseconds were meant, write 1.5s",
            ),
        ),
        (
            json!(300_000),
            Some(
                "number without a unit is in seconds: 300000 s is 3 days; if milliseconds were meant, write 300s",
            ),
        ),
        (
            json!(100_001),
            Some(
                "number without a unit is in seconds: 100001 s is 27 h; if milliseconds were meant, write 100.001s",
            ),
        ),
        (json!(60), None),
        (json!(500), None),
        (json!(1800), None),
        (json!(3600), None),
        (json!("60000s"), None),
        (json!("16h 40m"), None),
        (json!("NaN"), None),
        (json!(1e300), None),
        (json!(true), None),
    ] {
        assert_eq!(milliseconds_warning(&value).as_deref(), warning, "{value}");
    }
}
