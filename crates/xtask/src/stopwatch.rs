//! Measures how long commands take, by the clock and in processor time.

use std::{fmt, fs, time::Instant};

/// Clock ticks per second in `/proc`, on every Linux of the platforms that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Stopwatch {
    started: Instant,
    processor_before: f64,
}

/// Times in seconds.
pub(crate) struct Elapsed {
    pub(crate) wall: f64,
    /// The time of all processes that ended; 0 where there is no `/proc`.
    pub(crate) processor: f64,
}

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "it measures real time, and no test depends on it")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), processor_before: processor_time_of_children() }
    }

    pub(crate) fn elapsed(&self) -> Elapsed {
        Elapsed {
            wall: self.started.elapsed().as_secs_f64(),
            processor: processor_time_of_children() - self.processor_before,
        }
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s, processor time {:.1} s", self.wall, self.processor)
    }
}

fn processor_time_of_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    ticks_of_children(&stat).unwrap_or_default() / TICKS_PER_SECOND
}

/// Returns the sum of the fields `cutime` and `cstime` of `/proc/self/stat`, the fourteenth and
/// fifteenth after the name of the program, which is in parentheses and may contain spaces.
fn ticks_of_children(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(13);
    let user: f64 = times.next()?.parse().ok()?;
    let system: f64 = times.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_children_are_user_and_system_time() {
        let stat = "7 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 600 700 40 2 20 0 1 0 99";
        assert_eq!(ticks_of_children(stat), Some(42.0));
    }
}
