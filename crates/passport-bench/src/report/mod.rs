//! The results of the measurements, for the page and the figures.

pub mod charts;
pub mod environment;
pub mod leads;
pub mod markdown;
mod spread;
pub mod targets;

use serde::Serialize;

pub use self::spread::Spread;

/// One value, and one line of JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub area: &'static str,
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// The name of the value that it is compared with, and the ratio to that value.
    pub baseline: Option<String>,
    pub ratio: Option<f64>,
    /// The middle half of the rounds, of the value and of the ratio, if the rounds are paired runs.
    pub spread: Option<[f64; 2]>,
    pub ratio_spread: Option<[f64; 2]>,
}

impl Figure {
    pub fn new(area: &'static str, name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            area,
            name: name.into(),
            value,
            unit,
            baseline: None,
            ratio: None,
            spread: None,
            ratio_spread: None,
        }
    }

    /// Creates the figure of paired runs: its value, and its ratio to `baseline` in each round.
    pub fn paired(
        area: &'static str,
        name: String,
        value: Spread,
        unit: &'static str,
        (baseline, ratio): (&str, Spread),
    ) -> Self {
        Self {
            spread: Some(value.middle_half),
            baseline: Some(baseline.to_owned()),
            ratio: Some(ratio.median),
            ratio_spread: Some(ratio.middle_half),
            ..Self::new(area, name, value.median, unit)
        }
    }

    pub fn against(mut self, baseline: impl Into<String>, value: f64) -> Self {
        self.baseline = Some(baseline.into());
        self.ratio = Some(self.value / value).filter(|ratio| ratio.is_finite());
        self
    }
}

#[derive(Clone, Debug, Default)]
pub struct Table {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(columns: impl IntoIterator<Item = &'static str>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

/// A chart of some of the figures.
#[derive(Clone, Debug)]
pub enum Chart {
    /// One bar per contender, on a logarithmic scale.
    Bars { file: &'static str, title: &'static str, unit: &'static str, bars: Vec<(String, f64)> },
    /// Lines over a growing size, with both axes logarithmic.
    Growth { file: &'static str, title: &'static str, x: &'static str, y: &'static str, lines: Vec<Line> },
}

#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// A section of the page.
#[derive(Clone, Debug)]
pub struct Section {
    pub title: &'static str,
    /// The method of the measurement, and notes on the results.
    pub words: String,
    pub table: Table,
    pub charts: Vec<Chart>,
    pub figures: Vec<Figure>,
}

/// Returns whether a contender is a crate that this project is compared with, and neither a part of
/// this project nor a baseline.
fn is_peer(name: &str) -> bool {
    let not_peers = ["bare", "no-op", "floor", "passport", "raw", "static"];
    !not_peers.iter().any(|start| name.starts_with(start))
}

/// Marks text about a contender that does less or something else. The words of the section say
/// what.
pub fn marked(text: &str, is_marked: bool) -> String {
    if is_marked { format!("{text} †") } else { text.to_owned() }
}

/// Formats a value with its significant digits.
pub fn shown(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{grouped}.{fraction}"),
        None => format!("{sign}{grouped}"),
    }
}

/// Formats a ratio.
pub fn times(ratio: f64) -> String {
    format!("{} x", shown(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_formatted_with_significant_digits() {
        for (value, text) in [
            (0.0, "0"),
            (7.0, "7"),
            (1.234, "1.23"),
            (-12.34, "-12.3"),
            (123.4, "123"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(shown(value), text);
        }
    }
}
