//! Values that are durations.

use std::time::Duration;

use schemars::{Schema, json_schema};
use serde_json::Value;

use super::{ConfigValue, InvalidValue};

/// Seconds (`60`), a string such as `"60s"` or `"1m 30s"`, or a `TimeSpan` of .NET such as
/// `"00:01:30"` or `"1.00:00:00"`.
impl ConfigValue for Duration {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let parsed = match value {
            Value::Number(number) => number.as_f64().and_then(seconds),
            Value::String(text) => match text.trim().parse() {
                Ok(number) => seconds(number),
                Err(_) => humantime::parse_duration(text.trim()).ok().or_else(|| time_span(text.trim())),
            },
            _ => None,
        };
        parsed.ok_or("not a duration; write seconds (60), \"60s\", \"1m 30s\" or \"00:01:00\"".into())
    }

    fn schema() -> Schema {
        json_schema!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "minLength": 1 }] })
    }

    fn warning(value: &Value) -> Option<String> {
        milliseconds_warning(value)
    }
}

/// Returns a warning for a number without a unit that is probably in milliseconds, as in some
/// .NET options. This is a number of at least 1,000 that is
/// - a multiple of 500 (which 3600 is not), or
/// - more than 86,400, the seconds of a day.
///
/// Returns `None` for other numbers, and for values with a unit.
fn milliseconds_warning(value: &Value) -> Option<String> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let is_likely_millis = number >= 1000.0 && (number % 500.0 == 0.0 || number > 86_400.0);
    let time = seconds(number).filter(|_| is_likely_millis)?;
    let intended = seconds(number / 1000.0)?;
    Some(format!(
        "number without a unit is in seconds: {number} s is {}; if milliseconds were meant, write {intended:?}",
        rounded(time)
    ))
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// Formats a duration in minutes, hours or days, rounded down.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Parses a `TimeSpan` of .NET: `[d.]hh:mm:ss[.fffffff]`.
fn time_span(text: &str) -> Option<Duration> {
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>().try_into().ok()?;
    let (days, hours) = hours.split_once('.').map_or(("0", hours), |(days, hours)| (days, hours));
    let below = |text: &str, limit: u64| text.parse().ok().filter(|number| *number < limit);
    let (days, hours, minutes) = (days.parse::<u64>().ok()?, below(hours, 24)?, below(minutes, 60)?);
    let seconds: f64 = seconds.parse().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    let whole =
        days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?;
    Duration::from_secs(whole).checked_add(self::seconds(seconds)?)
}

#[cfg(test)]
mod tests;
