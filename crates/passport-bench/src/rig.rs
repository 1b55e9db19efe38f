//! How time is taken. The machines are shared and their clocks wander, so no contender is timed on
//! its own: all of them take turns, many times, and what counts is the median of what one round
//! says of two of them.

use std::{
    fmt,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

use crate::subject::{Batch, Subject};

/// Something that can be done many times in a row on this thread.
pub struct Case<'a> {
    pub name: String,
    pub run: Box<dyn FnMut(usize) + 'a>,
    /// What has to be done before each turn, on nobody's time.
    pub prepare: Option<Box<dyn FnMut() + 'a>>,
    /// No turn has more calls.
    pub most_calls: usize,
}

impl<'a> Case<'a> {
    pub fn new(name: impl Into<String>, run: impl FnMut(usize) + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run), prepare: None, most_calls: usize::MAX }
    }
}

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: usize,
    /// What one case takes in one round.
    pub sample_time: Duration,
}

impl Effort {
    pub const QUICK: Self = Self { rounds: 11, sample_time: Duration::from_millis(4) };
    pub const FULL: Self = Self { rounds: 51, sample_time: Duration::from_millis(8) };
}

/// What was measured, nanoseconds for one call mostly, one figure for each round.
#[derive(Clone, Debug)]
pub struct Samples {
    pub name: String,
    rounds: Vec<f64>,
}

impl Samples {
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// What this one takes more than `base`, which took its turns in the same rounds.
    pub fn over(&self, base: &Self) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(own, base)| own - base).collect())
    }

    /// How many times as much as `base`, which took its turns in the same rounds.
    pub fn to(&self, base: &Self) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(own, base)| own / base).collect())
    }

    /// The samples of that name.
    pub fn named<'a>(all: &'a [Self], name: &str) -> &'a Self {
        all.iter().find(|samples| samples.name == name).expect("there is such a case")
    }
}

/// Times all cases in turns.
pub fn measure_interleaved(cases: &mut [Case<'_>], effort: Effort) -> Vec<Samples> {
    let calls: Vec<usize> = cases.iter_mut().map(|case| case.calls_in(effort.sample_time)).collect();
    let mut samples: Vec<_> =
        cases.iter().map(|case| Samples { name: case.name.clone(), rounds: Vec::new() }).collect();
    for _ in 0..effort.rounds {
        for ((case, calls), samples) in cases.iter_mut().zip(&calls).zip(&mut samples) {
            samples.rounds.push(case.measure_once(*calls) / *calls as f64);
        }
    }
    samples
}

impl Case<'_> {
    /// Warms up on the way.
    fn calls_in(&mut self, sample_time: Duration) -> usize {
        let mut calls = 1;
        loop {
            let took = self.measure_once(calls);
            if took * 4.0 > sample_time.as_nanos() as f64 {
                let fitting = calls as f64 * sample_time.as_nanos() as f64 / took;
                return (fitting as usize).clamp(1, self.most_calls);
            }
            if calls >= self.most_calls {
                return self.most_calls;
            }
            calls = (calls * 2).min(self.most_calls);
        }
    }

    /// The processor time of this thread, in nanoseconds, so that what other processes take is not
    /// in it.
    fn measure_once(&mut self, calls: usize) -> f64 {
        if let Some(prepare) = &mut self.prepare {
            prepare();
        }
        let before = processor_time();
        (self.run)(calls);
        processor_time() - before
    }
}

fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value that so large a part of all is not above.
pub fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

/// A runtime for the thread that measures, so that nothing is handed from one thread to another on
/// the way.
pub fn runtime_here() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be had")
}

/// How many times as many calls two threads make as one does, one figure for each round, in which
/// all take their turns: two processors of a virtual machine may be one for a while.
pub fn scaling(all: &[(String, &Subject, Batch)], effort: Effort) -> Vec<Samples> {
    let mut samples: Vec<_> =
        all.iter().map(|(name, _, _)| Samples { name: name.clone(), rounds: Vec::new() }).collect();
    for _ in 0..effort.rounds {
        for ((_, subject, batch), samples) in all.iter().zip(&mut samples) {
            let one = calls_by(1, subject, batch, effort.sample_time);
            samples.rounds.push(calls_by(2, subject, batch, effort.sample_time) / one);
        }
    }
    samples
}

/// Calls in a second, from when the first thread begins until the last one ends.
fn calls_by(threads: usize, subject: &Subject, batch: &Batch, time: Duration) -> f64 {
    let start = Barrier::new(threads);
    let work = || {
        let here = runtime_here();
        // Each has requests of its own, as connections have: what they share is the contender's.
        let batch = batch.apart();
        here.block_on(subject.run(batch.clone()));
        start.wait();
        let began = Instant::now();
        let mut calls = 0;
        while began.elapsed() < time {
            here.block_on(subject.run(batch.clone()));
            calls += batch.calls;
        }
        (calls, began, Instant::now())
    };
    let worked: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("it does not panic")).collect()
    });
    let calls: usize = worked.iter().map(|(calls, _, _)| calls).sum();
    let began = worked.iter().map(|(_, began, _)| *began).min();
    let ended = worked.iter().map(|(_, _, ended)| *ended).max();
    let took = began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended - began);
    calls as f64 / took.as_secs_f64()
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}
