//! The load of a fleet on the issuer: real processes, and a simulation of more of them.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::World;
use crate::{
    fleet::{
        simulation::{self, Phase, Setting},
        worker::{CALLERS, Worker},
    },
    outbound::{TokenEndpoint, in_a_fleet},
    report::{Figure, Section, Table, leads::FETCH_AT_CONSTRUCTION, marked, shown},
};

const SIZES: [usize; 4] = [1, 4, 16, 64];

/// The duration of a token request.
const SLOW: Duration = Duration::from_millis(300);

pub fn sections(world: &World) -> Vec<Section> {
    vec![processes(world), simulations(world)]
}

/// A server on a Unix socket. It is stopped when the value is dropped.
struct Redis {
    server: Child,
    socket: String,
}

impl Redis {
    fn start() -> Self {
        let socket =
            std::env::temp_dir().join(format!("bench-{}.sock", std::process::id())).display().to_string();
        let options = ["--port", "0", "--unixsocket", &socket, "--save", "", "--appendonly", "no"];
        let server = Command::new("redis-server").args(options).stdout(Stdio::null()).spawn();
        let redis = Self { server: server.expect("redis-server is installed"), socket };
        while std::os::unix::net::UnixStream::connect(&redis.socket).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        redis
    }

    fn flush(&self) {
        let flushed =
            Command::new("redis-cli").args(["-s", &self.socket, "FLUSHALL"]).stdout(Stdio::null()).status();
        assert!(flushed.is_ok_and(|status| status.success()), "redis-cli is installed");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn processes(world: &World) -> Section {
    let redis = Redis::start();
    let columns =
        ["", "token requests: 1", "4", "16", "64", "longest wait, ms: 1", "4", "16", "64", "failed calls"];
    let (mut table, mut figures) = (Table::new(columns), Vec::new());
    for entry in in_a_fleet() {
        let (mut requests, mut waits, mut failed) = (Vec::new(), Vec::new(), 0);
        for size in SIZES {
            redis.flush();
            let endpoint = world.background.block_on(TokenEndpoint::start(Duration::from_secs(3600)));
            endpoint.takes(SLOW);
            let start =
                |_| Worker::start(entry.name, endpoint.address(), &format!("unix://{}", redis.socket));
            let mut workers: Vec<_> = (0..size).map(start).collect();
            workers.iter_mut().for_each(Worker::go);
            let reports: Vec<_> = workers.iter_mut().map(Worker::report).collect();
            failed += reports.iter().map(|report| report.failed).sum::<usize>();
            let longest = reports.iter().map(|report| report.longest).max().unwrap_or_default();
            requests.push(endpoint.requests() as f64);
            waits.push(longest.as_secs_f64() * 1e3);
            let figure = |what, value, unit| {
                Figure::new("fleet", format!("{}, {what}, {size} processes", entry.name), value, unit)
            };
            figures.push(figure("token requests", endpoint.requests() as f64, "requests"));
            figures.push(figure("longest wait", longest.as_secs_f64() * 1e3, "ms"));
        }
        let cells = requests.into_iter().chain(waits).map(shown);
        let name = marked(entry.name, FETCH_AT_CONSTRUCTION.contains(&entry.name));
        table.row([name].into_iter().chain(cells).chain([failed.to_string()]));
    }
    Section {
        title: "Fleet: simultaneous start",
        words: format!(
            "The columns are numbers of processes of one service, each with {CALLERS} callers and \
            without a token. A token request takes 300 ms. The first columns show the number of \
            token requests, the others the longest wait of a caller. All processes share the \
            cores of the machine. † fetches a token at construction, before there are callers."
        ),
        table,
        charts: Vec::new(),
        figures,
    }
}

fn simulations(world: &World) -> Section {
    let columns = [
        "instances, start, Redis round trip",
        "start: token requests",
        "Redis commands",
        "commands in busiest second",
        "longest wait, ms",
        "3 lifetimes: token requests",
        "Redis commands",
        "commands in busiest second",
        "longest wait, ms",
        "failed calls",
    ];
    let (mut table, mut figures) = (Table::new(columns), Vec::new());
    let most = if world.is_quick { 1_000 } else { 10_000 };
    for instances in [10, 100, 1_000, 10_000].into_iter().filter(|size| *size <= most) {
        for (spread, latency) in [(0, 1), (0, 20), (60, 1), (60, 20)] {
            let (spread, latency) = (Duration::from_secs(spread), Duration::from_millis(latency));
            let outcome = simulation::run(Setting { instances, spread, latency, seed: 42 });
            let start = if spread.is_zero() { "together" } else { "within a minute" };
            let name = format!("{} {start}, {latency:?}", shown(instances as f64));
            let cells = outcome.phases.iter().flat_map(cells);
            table.row([name.clone()].into_iter().chain(cells).chain([outcome.failed.to_string()]));
            let [start, then] = outcome.phases.map(|phase| phase.token_requests as f64);
            figures.push(Figure::new(
                "fleet, simulated",
                format!("{name}: token requests at the start"),
                start,
                "requests",
            ));
            figures.push(Figure::new(
                "fleet, simulated",
                format!("{name}: token requests then"),
                then,
                "requests",
            ));
        }
    }
    Section {
        title: "Fleet: simulation of 10,000 instances",
        words: "The released code in virtual time, with a simulated store and issuer that only add \
               latency: 300 ms for the issuer, and the given round trip for Redis, which varies by \
               up to a half. Tokens live for 5 minutes. All instances start together or within a \
               minute, and then make one call per second for three lifetimes. Random values come \
               from a fixed seed."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

fn cells(phase: &Phase) -> [String; 4] {
    let (requests, commands) = (phase.token_requests as f64, phase.commands as f64);
    let wait = phase.longest_wait.as_secs_f64() * 1e3;
    [requests, commands, phase.commands_per_second as f64, wait].map(shown)
}
