//! The median of paired runs, and how far they lie apart.

use super::shown;

/// The median of some rounds, and the middle half of them. Single rounds differ by a tenth on a
/// shared machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    /// The first and the third quartile.
    pub middle_half: [f64; 2],
}

impl Spread {
    /// # Panics
    ///
    /// If there are no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let quarter = sorted.len() / 4;
        Self { median: sorted[sorted.len() / 2], middle_half: [sorted[quarter], sorted[last - quarter]] }
    }

    /// Formats the median, followed by the middle half: `0.92 (0.90–0.95)`.
    pub fn shown(&self) -> String {
        self.followed_by("")
    }

    /// Formats a ratio: `0.92 x (0.90–0.95)`.
    pub fn times(&self) -> String {
        self.followed_by(" x")
    }

    fn followed_by(&self, unit: &str) -> String {
        let median = shown(self.median);
        let [low, high] = self.middle_half.map(shown);
        if low == high { format!("{median}{unit}") } else { format!("{median}{unit} ({low}–{high})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_of_five_rounds_is_outside_the_middle_half() {
        let spread = Spread::of([3.0, 90.0, 1.0, 2.0, 4.0]);
        assert_eq!(spread, Spread { median: 3.0, middle_half: [2.0, 4.0] });
    }

    #[test]
    fn equal_rounds_have_no_spread() {
        assert_eq!(Spread::of([7.0]), Spread { median: 7.0, middle_half: [7.0, 7.0] });
        assert_eq!(Spread::of([1.0; 5]).times(), "1 x");
    }

    #[test]
    fn a_spread_follows_the_median() {
        let spread = Spread { median: 0.921, middle_half: [0.9, 0.953] };
        assert_eq!(
            (spread.shown().as_str(), spread.times().as_str()),
            ("0.92 (0.90–0.95)", "0.92 x (0.90–0.95)")
        );
    }
}
