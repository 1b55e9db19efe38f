//! The load generators, which run on the second core.

use std::{env, fs, path::PathBuf, process::Command, time::Duration};

use crate::{rig::percentile, serve::Server, sidecar::CALLER_TOKEN};

const CONNECTIONS: usize = 32;

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
pub struct Run {
    pub requests: f64,
    pub requests_per_second: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub processor_seconds_per_million: f64,
}

/// Sends as many requests over HTTP/1.1 as the server answers.
pub fn wrk(server: &Server, path: &str, time: Duration) -> Run {
    let script = scratch("wrk.lua");
    fs::write(&script, SCRIPT).expect("the script is writable");
    let output = output_of(
        on_the_other_core("wrk")
            .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
            .args(["--duration", &format!("{}s", time.as_secs()), "--script"])
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

/// Sends requests over HTTP/1.1 at a fixed rate, so that the latencies of servers with different
/// peaks can be compared.
pub fn paced(server: &Server, path: &str, requests_per_second: f64, time: Duration) -> Run {
    let rate = (requests_per_second / CONNECTIONS as f64).round().max(1.0);
    let requests = rate * CONNECTIONS as f64 * time.as_secs_f64();
    let mut command = on_the_other_core("h2load");
    command
        .args(["--h1", &format!("--clients={CONNECTIONS}"), &format!("--rps={rate}")])
        .arg(format!("--requests={requests}"))
        .args(["--header", "passport-sidecar: true", "--header"])
        .arg(format!("passport-sidecar-token: {CALLER_TOKEN}"));
    h2load(&mut command, &format!("http://127.0.0.1:{}{path}", server.port))
}

/// An empty message in the framing of gRPC.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];

/// Sends as many gRPC calls as the server answers.
pub fn grpc(server: &Server, requests: usize) -> Run {
    let body = scratch("message");
    fs::write(&body, EMPTY_MESSAGE).expect("the file is writable");
    let mut command = on_the_other_core("h2load");
    command
        .args(["--clients=8", "--max-concurrent-streams=8", &format!("--requests={requests}")])
        .args(["--header", "content-type: application/grpc", "--header", "te: trailers", "--header"])
        .arg(format!("authorization: {}", server.authorization))
        .arg(format!("--data={}", body.display()));
    let run = h2load(&mut command, &format!("http://127.0.0.1:{}/grpc.health.v1.Health/Check", server.port));
    let _ = fs::remove_file(body);
    run
}

fn h2load(command: &mut Command, url: &str) -> Run {
    let log = scratch("h2load.log");
    let _ = fs::remove_file(&log);
    let output = output_of(command.arg(format!("--log-file={}", log.display())).arg(url));
    let times = latencies(&fs::read_to_string(&log).unwrap_or_default());
    let _ = fs::remove_file(log);
    assert!(output.contains(" 0 failed, 0 errored"), "{output}");
    assert!(output.contains(" 0 3xx, 0 4xx, 0 5xx"), "{output}");
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

fn scratch(name: &str) -> PathBuf {
    env::temp_dir().join(format!("passport-bench-{}-{name}", std::process::id()))
}

/// Runs a command and returns its output.
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
