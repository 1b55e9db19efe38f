//! Measures times. The machines are shared and their speed varies, so no contender is measured
//! alone: all take turns, many times, and a result is the median of the comparisons within each
//! round.

use std::{
    fmt,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;

use crate::subject::{Batch, Subject};

/// Work that can be repeated many times on this thread.
pub struct Case<'a> {
    pub name: String,
    pub run: Box<dyn FnMut(usize) + 'a>,
    /// Runs before each turn, and is not measured.
    pub prepare: Option<Box<dyn FnMut() + 'a>>,
    /// The maximum number of calls in a turn.
    pub most_calls: usize,
}

impl<'a> Case<'a> {
    pub fn new(name: impl Into<String>, run: impl FnMut(usize) + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run), prepare: None, most_calls: usize::MAX }
    }
}

/// The amount of measuring.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: usize,
    /// The duration of one case in one round.
    pub sample_time: Duration,
}

impl Effort {
    pub const QUICK: Self = Self { rounds: 11, sample_time: Duration::from_millis(4) };
    pub const FULL: Self = Self { rounds: 51, sample_time: Duration::from_millis(8) };
}

/// The results of one case, one value per round. Most are nanoseconds per call.
#[derive(Clone, Debug)]
pub struct Samples {
    pub name: String,
    rounds: Vec<f64>,
}

impl Samples {
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// Returns the median difference to `base`, which was measured in the same rounds.
    pub fn over(&self, base: &Self) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(own, base)| own - base).collect())
    }

    /// Returns the median ratio to `base`, which was measured in the same rounds.
    pub fn to(&self, base: &Self) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(own, base)| own / base).collect())
    }

    /// Returns the samples of that name.
    pub fn named<'a>(all: &'a [Self], name: &str) -> &'a Self {
        all.iter().find(|samples| samples.name == name).expect("the case exists")
    }
}

/// Measures all cases in turns.
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
    /// Returns the number of calls in that time. It also warms up the case.
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

    /// Returns the processor time of this thread in nanoseconds, which excludes other processes.
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

/// Returns the value at the percentile `part`, from 0 to 1.
pub fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
}

/// Returns a runtime on the measuring thread, so that no work moves between threads.
pub fn runtime_here() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the runtime is built")
}

/// Returns the calls of two threads relative to one, one value per round. All take turns in a
/// round, because two processors of a virtual machine may temporarily share one core.
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

/// Returns the calls per second, from the start of the first thread to the end of the last one.
fn calls_by(threads: usize, subject: &Subject, batch: &Batch, time: Duration) -> f64 {
    let start = Barrier::new(threads);
    let work = || {
        let here = runtime_here();
        // Each thread has its own requests, like separate connections. They share only what the
        // contender shares.
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
        workers.into_iter().map(|worker| worker.join().expect("the thread does not panic")).collect()
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
