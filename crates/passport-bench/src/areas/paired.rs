//! Paired runs: in each round, every server gets the same load once, in turn. Ratios are taken in
//! each round, because a shared machine changes its speed between rounds.

use std::time::Duration;

use super::World;
use crate::{
    load::Run,
    report::{Figure, Section, Spread, Table, shown},
    serve::Server,
};

/// The amount of measuring.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    number: usize,
    /// The duration of one run.
    pub(super) time: Duration,
}

impl Rounds {
    const QUICK: Self = Self { number: 5, time: Duration::from_secs(1) };
    const FULL: Self = Self { number: 9, time: Duration::from_secs(2) };

    pub(super) fn of(world: &World) -> Self {
        if world.is_quick { Self::QUICK } else { Self::FULL }
    }
}

/// Measures `servers` under `load`, and compares them with the first one.
pub(super) fn section(
    title: &'static str,
    words: &str,
    area: &'static str,
    servers: &[(&'static str, &Server)],
    rounds: Rounds,
    load: impl Fn(&Server) -> Run,
) -> Section {
    let runs = runs(servers, rounds, load);
    let mut table = Table::new(COLUMNS);
    let mut figures = Vec::new();
    for ((name, server), own) in servers.iter().zip(&runs) {
        let results = Results::of(own, &runs[0], server);
        table.row(results.row(name));
        figures.extend(results.figures(area, name, servers[0].0));
    }
    Section { title, words: words.to_owned(), table, charts: Vec::new(), figures }
}

/// Returns the runs of each server, one for each round. A first round warms up.
fn runs(servers: &[(&'static str, &Server)], rounds: Rounds, load: impl Fn(&Server) -> Run) -> Vec<Vec<Run>> {
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); servers.len()];
    for round in 0..=rounds.number {
        for ((_, server), runs) in servers.iter().zip(&mut runs) {
            let run = with_processor_time(server, &load);
            if round > 0 {
                runs.push(run);
            }
        }
    }
    runs
}

fn with_processor_time(server: &Server, load: &impl Fn(&Server) -> Run) -> Run {
    let before = server.processor_seconds();
    let run = load(server);
    let seconds = server.processor_seconds() - before;
    Run { processor_seconds_per_million: seconds / run.requests * 1e6, ..run }
}

const COLUMNS: [&str; 10] = [
    "",
    "requests/s",
    "relative to first",
    "p50, µs",
    "p99, µs",
    "relative to first",
    "p99.9, µs",
    "CPU s per million requests",
    "relative to first",
    "peak memory, MiB",
];

/// A measured value, and its ratio to the first server.
type Compared = (Spread, Spread);

struct Results {
    rate: Compared,
    p50: Compared,
    p99: Compared,
    p999: Compared,
    processor_time: Compared,
    peak_memory: f64,
}

impl Results {
    fn of(runs: &[Run], first: &[Run], server: &Server) -> Self {
        let compared = |part: fn(&Run) -> f64| {
            let ratios = runs.iter().zip(first).map(|(own, first)| part(own) / part(first));
            (Spread::of(runs.iter().map(part)), Spread::of(ratios))
        };
        Self {
            rate: compared(|run| run.requests_per_second),
            p50: compared(|run| run.p50),
            p99: compared(|run| run.p99),
            p999: compared(|run| run.p999),
            processor_time: compared(|run| run.processor_seconds_per_million),
            peak_memory: server.peak_memory(),
        }
    }

    fn row(&self, name: &str) -> [String; 10] {
        [
            name.to_owned(),
            self.rate.0.shown(),
            self.rate.1.times(),
            self.p50.0.shown(),
            self.p99.0.shown(),
            self.p99.1.times(),
            self.p999.0.shown(),
            self.processor_time.0.shown(),
            self.processor_time.1.times(),
            shown(self.peak_memory),
        ]
    }

    fn figures(&self, area: &'static str, name: &str, first: &str) -> [Figure; 6] {
        let figure = |what: &str, (value, ratio): Compared, unit| {
            Figure::paired(area, format!("{name}, {what}"), value, unit, (first, ratio))
        };
        [
            figure("rate", self.rate, "requests/s"),
            figure("p50", self.p50, "µs"),
            figure("p99", self.p99, "µs"),
            figure("p99.9", self.p999, "µs"),
            figure("processor time", self.processor_time, "s per million"),
            Figure::new(area, format!("{name}, peak memory"), self.peak_memory, "MiB"),
        ]
    }
}
