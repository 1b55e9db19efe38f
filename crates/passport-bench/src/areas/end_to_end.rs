//! End to end: a server on one core, a load generator on the other, sockets between them.

use std::{env, fs, path::PathBuf, process::Command, time::Duration};

use super::{World, inbound_cost::fastest_peers};
use crate::{
    report::{Figure, Section, Table, shown, times},
    rig::{median, percentile},
    serve::{BARE_TONIC, Server, TONIC},
    sidecar::CALLER_TOKEN,
};

/// Compared with the two fastest peers.
const ON_AXUM: [&str; 3] = ["bare axum", "passport-inbound", "passport-inbound, token cache off"];

const CONNECTIONS: &str = "32";

/// wrk prints no percentile above the 99th without a script.
const SCRIPT: &str = r#"
wrk.headers["authorization"] = os.getenv("AUTHORIZATION")
wrk.headers["passport-sidecar"] = "true"
wrk.headers["passport-sidecar-token"] = os.getenv("CALLER_TOKEN")
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %f %f %f %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"#;

/// The result of a load. Latencies are in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run {
    requests: f64,
    requests_per_second: f64,
    p50: f64,
    p99: f64,
    p999: f64,
    processor_seconds_per_million: f64,
}

pub fn sections(world: &World) -> Vec<Section> {
    let time = Duration::from_secs(if world.is_quick { 1 } else { 4 });
    let rounds = if world.is_quick { 3 } else { 7 };
    let names: Vec<_> = ON_AXUM.into_iter().chain(fastest_peers(world)).collect();
    let on_axum = section(
        "End to end: axum",
        "axum 0.8 with a handler that responds with 200, HTTP/1.1 over loopback, and wrk with \
        32 connections. The server has one core, the load generator the other. Every request \
        has the same token. With the token cache off, each call verifies it again, as the \
        peers do. The peers shown are the two that are fastest with a new token.",
        "end to end, axum",
        &servers(&names),
        rounds,
        |server| wrk(server, "/", time),
    );
    let on_tonic = section(
        "End to end: tonic",
        "The standard health service of tonic 0.14, and h2load with 8 connections of 8 \
        streams each.",
        "end to end, tonic",
        &servers(&[BARE_TONIC, TONIC]),
        rounds,
        |server| h2load(server, time),
    );
    vec![on_axum, on_tonic]
}

/// Starts a server for each contender.
fn servers(names: &[&'static str]) -> Vec<(&'static str, Server)> {
    names.iter().map(|name| (*name, Server::start(name))).collect()
}

/// Measures `servers` under `load`, and compares them with the first one.
pub(super) fn section(
    title: &'static str,
    words: &str,
    area: &'static str,
    servers: &[(&'static str, Server)],
    rounds: usize,
    load: impl Fn(&Server) -> Run,
) -> Section {
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); servers.len()];
    // The first round warms up.
    for round in 0..=rounds {
        for ((_, server), runs) in servers.iter().zip(&mut runs) {
            let run = loaded(server, &load);
            if round > 0 {
                runs.push(run);
            }
        }
    }
    let mut table = Table::new(COLUMNS);
    let mut figures = Vec::new();
    for ((name, server), own) in servers.iter().zip(&runs) {
        let outcome = Outcome::of(own, &runs[0], server);
        table.row(outcome.row(name));
        figures.extend(outcome.figures(area, name, servers[0].0));
    }
    Section { title, words: words.to_owned(), table, charts: Vec::new(), figures }
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

/// Medians of the rounds. Ratios are taken in each round, because a shared machine changes its
/// speed.
struct Outcome {
    run: Run,
    rate_to_bare: f64,
    p99_to_bare: f64,
    processor_time_to_bare: f64,
    peak_memory: f64,
}

impl Outcome {
    fn of(runs: &[Run], bare: &[Run], server: &Server) -> Self {
        let of = |part: fn(&Run) -> f64| median(runs.iter().map(part).collect());
        let to_bare = |part: fn(&Run) -> f64| {
            median(runs.iter().zip(bare).map(|(own, bare)| part(own) / part(bare)).collect())
        };
        let run = Run {
            requests: of(|run| run.requests),
            requests_per_second: of(|run| run.requests_per_second),
            p50: of(|run| run.p50),
            p99: of(|run| run.p99),
            p999: of(|run| run.p999),
            processor_seconds_per_million: of(|run| run.processor_seconds_per_million),
        };
        Self {
            run,
            rate_to_bare: to_bare(|run| run.requests_per_second),
            p99_to_bare: to_bare(|run| run.p99),
            processor_time_to_bare: to_bare(|run| run.processor_seconds_per_million),
            peak_memory: server.peak_memory(),
        }
    }

    fn row(&self, name: &str) -> [String; 10] {
        let Run { requests_per_second, p50, p99, p999, processor_seconds_per_million, .. } = self.run;
        [
            name.to_owned(),
            shown(requests_per_second),
            times(self.rate_to_bare),
            shown(p50),
            shown(p99),
            times(self.p99_to_bare),
            shown(p999),
            shown(processor_seconds_per_million),
            times(self.processor_time_to_bare),
            shown(self.peak_memory),
        ]
    }

    fn figures(&self, area: &'static str, name: &str, bare: &str) -> [Figure; 6] {
        let figure = |what: &str, value, unit| Figure::new(area, format!("{name}, {what}"), value, unit);
        let ratio =
            |figure: Figure, ratio| Figure { baseline: Some(bare.to_owned()), ratio: Some(ratio), ..figure };
        [
            ratio(figure("rate", self.run.requests_per_second, "requests/s"), self.rate_to_bare),
            figure("p50", self.run.p50, "µs"),
            ratio(figure("p99", self.run.p99, "µs"), self.p99_to_bare),
            figure("p99.9", self.run.p999, "µs"),
            ratio(
                figure("processor time", self.run.processor_seconds_per_million, "s per million"),
                self.processor_time_to_bare,
            ),
            figure("peak memory", self.peak_memory, "MiB"),
        ]
    }
}

fn loaded(server: &Server, load: &impl Fn(&Server) -> Run) -> Run {
    let before = server.processor_seconds();
    let run = load(server);
    let seconds = server.processor_seconds() - before;
    Run { processor_seconds_per_million: seconds / run.requests * 1e6, ..run }
}

fn scratch(name: &str) -> PathBuf {
    env::temp_dir().join(format!("passport-bench-{}-{name}", std::process::id()))
}

/// Runs a command on the second core and returns its output.
fn output_of(command: &mut Command) -> String {
    let output = command.output().expect("the load generator is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn on_the_other_core(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "1", program]);
    command
}

pub(super) fn wrk(server: &Server, path: &str, time: Duration) -> Run {
    let script = scratch("wrk.lua");
    fs::write(&script, SCRIPT).expect("the script is writable");
    let output = output_of(
        on_the_other_core("wrk")
            .args([
                "--threads",
                "1",
                "--connections",
                CONNECTIONS,
                "--duration",
                &format!("{}s", time.as_secs()),
                "--script",
            ])
            .arg(&script)
            .arg(format!("http://127.0.0.1:{}{path}", server.port))
            .env("AUTHORIZATION", &server.authorization)
            .env("CALLER_TOKEN", CALLER_TOKEN),
    );
    let _ = fs::remove_file(script);
    let line =
        output.lines().find_map(|line| line.strip_prefix("RESULT ")).expect("the script prints a result");
    let values: Vec<f64> = line.split_whitespace().filter_map(|value| value.parse().ok()).collect();
    let [requests, micros, p50, p99, p999, errors] = values[..] else { panic!("{line}") };
    assert!(errors == 0.0, "{errors} of {requests} requests failed");
    Run { requests, requests_per_second: requests / (micros / 1e6), p50, p99, p999, ..Run::default() }
}

/// An empty message in the framing of gRPC.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];

fn h2load(server: &Server, time: Duration) -> Run {
    let (body, log) = (scratch("message"), scratch("h2load.log"));
    let _ = fs::remove_file(&log);
    fs::write(&body, EMPTY_MESSAGE).expect("the file is writable");
    let output = output_of(
        on_the_other_core("h2load")
            .args(["--clients=8", "--max-concurrent-streams=8", "--requests"])
            .arg((time.as_secs() * 20_000).to_string())
            .args(["--header", "content-type: application/grpc", "--header", "te: trailers", "--header"])
            .arg(format!("authorization: {}", server.authorization))
            .arg(format!("--data={}", body.display()))
            .arg(format!("--log-file={}", log.display()))
            .arg(format!("http://127.0.0.1:{}/grpc.health.v1.Health/Check", server.port)),
    );
    let times = latencies(&fs::read_to_string(&log).unwrap_or_default());
    let _ = (fs::remove_file(body), fs::remove_file(log));
    assert!(output.contains(" 0 failed, 0 errored"), "{output}");
    let rate = output.lines().find_map(|line| {
        line.strip_prefix("finished in ")?.split(", ").nth(1)?.strip_suffix(" req/s")?.parse().ok()
    });
    let at = |part| percentile(&times, part).as_secs_f64() * 1e6;
    Run {
        requests: times.len() as f64,
        requests_per_second: rate.expect("h2load prints the rate"),
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        ..Run::default()
    }
}

/// Reads lines that have the start of a request, its status, and its duration in microseconds.
fn latencies(log: &str) -> Vec<Duration> {
    let time = |line: &str| Some(Duration::from_micros(line.split('\t').nth(2)?.trim().parse().ok()?));
    let mut times: Vec<Duration> = log.lines().filter_map(time).collect();
    times.sort_unstable();
    times
}
