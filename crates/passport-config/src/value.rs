//! Parses the values of a configuration. Pure. Each may be a text, as the environment has no other
//! type.

use std::time::Duration;

use http::HeaderValue;
use serde_json::{Map, Value};

/// What is wrong with a value, and what to do. The caller decides whether the value is shown.
pub(crate) type InvalidValue = &'static str;

/// Parses a text.
pub(crate) fn text(value: &Value) -> Result<String, InvalidValue> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        // A client id may consist of digits.
        Value::Number(number) => number.to_string(),
        _ => return Err("it has to be a text; write one, in quotes"),
    };
    if text.is_empty() { Err("it is empty; give it a value or leave the key out") } else { Ok(text) }
}

/// Parses the value of a header.
pub(crate) fn header(value: &Value) -> Result<HeaderValue, InvalidValue> {
    HeaderValue::try_from(text(value)?)
        .map_err(|_| "it is not the value of a header; write product/version, such as erp-sync/1.4")
}

/// Parses true or false.
pub(crate) fn switch(value: &Value) -> Result<bool, InvalidValue> {
    match value {
        Value::Bool(switch) => Some(*switch),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
    .ok_or("it is neither true nor false")
}

/// Parses seconds, `90s` and `1m 30s`, or a `TimeSpan` of .NET (`00:01:30`, `1.00:00:00`).
pub(crate) fn duration(value: &Value) -> Result<Duration, InvalidValue> {
    const WRONG: InvalidValue =
        "it is not a duration; write seconds (60), \"60s\", \"1m 30s\" or \"00:01:00\"";
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).map_err(|_| WRONG);
    match value {
        Value::Number(number) => number.as_f64().ok_or(WRONG).and_then(seconds),
        Value::String(text) => {
            let text = text.trim();
            if let Ok(number) = text.parse() {
                return seconds(number);
            }
            humantime::parse_duration(text).ok().or_else(|| time_span(text)).ok_or(WRONG)
        }
        _ => Err(WRONG),
    }
}

/// Returns advice if `value` is a number without a unit that is probably in milliseconds.
///
/// The options of .NET count milliseconds in some places. A number of seconds is suspected when it
/// is at least 1,000 and a multiple of 500, as milliseconds are (3600 is not), or longer than a
/// day.
pub(crate) fn milliseconds_suspected(value: &Value) -> Option<String> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let is_suspected = number >= 1000.0 && (number % 500.0 == 0.0 || number > 86_400.0);
    let time = Duration::try_from_secs_f64(number).ok().filter(|_| is_suspected)?;
    let meant = Duration::try_from_secs_f64(number / 1000.0).ok()?;
    Some(format!("{number} s is {}; if milliseconds were meant, write {meant:?}", rounded(time)))
}

/// Formats a time in the largest unit that is not zero.
fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Parses `[d.]hh:mm:ss[.fffffff]`.
fn time_span(text: &str) -> Option<Duration> {
    let [hours, minutes, seconds] = text.split(':').collect::<Vec<_>>().try_into().ok()?;
    let (days, hours) = hours.split_once('.').map_or(("0", hours), |(days, hours)| (days, hours));
    let below = |text: &str, limit: u64| text.parse().ok().filter(|number| *number < limit);
    let (days, hours, minutes) = (days.parse::<u64>().ok()?, below(hours, 24)?, below(minutes, 60)?);
    let seconds: f64 = seconds.parse().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
    let whole =
        days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?.checked_mul(60)?;
    Duration::from_secs(whole).checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// Parses a list of texts, or one text with spaces or commas between them.
pub(crate) fn list(value: &Value) -> Result<Vec<String>, InvalidValue> {
    const WRONG: InvalidValue = "it has to be a list of texts, or one text with spaces in between";
    let list: Vec<String> = match value {
        Value::String(text) => {
            let words = text.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect()
        }
        Value::Array(values) => {
            let texts = values.iter().map(|value| value.as_str().map(|text| text.trim().to_owned()));
            texts.collect::<Option<_>>().ok_or(WRONG)?
        }
        _ => return Err(WRONG),
    };
    if list.is_empty() { Err("it is empty; name at least one or leave the key out") } else { Ok(list) }
}

/// Parses one text as it is, or a list of texts.
pub(crate) fn texts(value: &Value) -> Result<Vec<String>, InvalidValue> {
    match value {
        Value::Array(values) if values.is_empty() => Err("it is empty; name at least one"),
        Value::Array(values) => values.iter().map(text).collect(),
        _ => text(value).map(|text| vec![text]),
    }
}

/// Parses a table.
pub(crate) fn table(value: &Value) -> Result<Map<String, Value>, InvalidValue> {
    match value {
        Value::Object(table) => Ok(table.clone()),
        _ => Err("it is not a table; name a store in it: { redis = { ... } }"),
    }
}

#[cfg(test)]
mod tests;
