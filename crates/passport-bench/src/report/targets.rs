//! The targets of the project, and whether the figures meet them.

use super::{Figure, Table, shown};

/// A target: its text, its value in the figures, and its condition.
struct Target {
    text: &'static str,
    result: fn(&[Figure]) -> f64,
    is_met: fn(f64) -> bool,
}

const OURS_ON_A_SERVICE: &str = "passport-inbound (bare service)";
const ON_AXUM: &str = "inbound warm, on axum";
const COLD: &str = "inbound cold";
const COLD_ON_AXUM: &str = "passport-inbound on axum, each token new";
const AXUM: &str = "end to end, axum";

/// The area of the sidecar's figures, and the name of the sidecar in it.
pub const SIDECAR_AREA: &str = "sidecar, passed on";
pub const PROXIED: &str = "passport-sidecar, /to/api/";

/// The areas of the figures of starting processes.
pub const COLD_START_INBOUND: &str = "cold start, inbound";
pub const COLD_START_OUTBOUND: &str = "cold start, outbound";

const TARGETS: [Target; 15] = [
    Target {
        text: "Inbound, cached token: at most 1.5 x the floor prototype",
        result: |all| ratio(all, "inbound warm, on a service", "passport-inbound"),
        is_met: |ratio| ratio <= 1.5,
    },
    Target {
        text: "Inbound, cached token: at least 100 x faster than the fastest peer (both on axum)",
        result: |all| best_peer(all, ON_AXUM) / value(all, ON_AXUM, "passport-inbound"),
        is_met: |ratio| ratio >= 100.0,
    },
    Target {
        text: "Inbound, two threads: at least the speedup of the bare service",
        result: |all| ratio(all, "inbound, two threads", OURS_ON_A_SERVICE),
        is_met: |ratio| ratio >= 1.0,
    },
    Target {
        text: "Inbound, new token: at most 1.10 x the raw verification (token cache off)",
        result: |all| ratio(all, COLD, "passport-inbound, token cache off"),
        is_met: |ratio| ratio <= 1.10,
    },
    Target {
        text: "Inbound, new token: at most 1.10 x the raw verification (token cache on)",
        result: |all| ratio(all, COLD, "passport-inbound, each token new"),
        is_met: |ratio| ratio <= 1.10,
    },
    Target {
        text: "Inbound, new token: at least 1.25 x faster than the fastest peer (both on axum)",
        result: |all| best_peer(all, COLD) / value(all, COLD, COLD_ON_AXUM),
        is_met: |ratio| ratio >= 1.25,
    },
    Target {
        text: "Inbound, malformed token: below 1,000 ns",
        result: |all| value(all, "inbound rejection", "passport-inbound, malformed"),
        is_met: |ns| ns < 1_000.0,
    },
    Target {
        text: "Outbound: at most 1.5 x a static header",
        result: |all| ratio(all, "outbound warm", "passport-outbound"),
        is_met: |ratio| ratio <= 1.5,
    },
    Target {
        text: "Outbound: at most the time of the fastest peer",
        result: |all| value(all, "outbound warm", "passport-outbound") / best_peer(all, "outbound warm"),
        is_met: |ratio| ratio <= 1.0,
    },
    Target {
        text: "End to end, axum: at least 0.92 x the requests/s of the bare server",
        result: |all| ratio(all, AXUM, "passport-inbound, rate"),
        is_met: |ratio| ratio >= 0.92,
    },
    Target {
        text: "End to end, axum: at most 1.1 x the p99 of the bare server",
        result: |all| ratio(all, AXUM, "passport-inbound, p99"),
        is_met: |ratio| ratio <= 1.1,
    },
    Target {
        text: "End to end, axum: at least 4 x the requests/s of the fastest peer",
        result: |all| value(all, AXUM, "passport-inbound, rate") / best_rate(all),
        is_met: |ratio| ratio >= 4.0,
    },
    Target {
        text: "Sidecar: at least 0.7 x the requests of nginx as a plain reverse proxy, per processor time",
        result: |all| 1.0 / ratio(all, SIDECAR_AREA, &format!("{PROXIED}, processor time")),
        is_met: |ratio| ratio >= 0.7,
    },
    Target {
        text: "Cold start, inbound: at most the time of the fastest peer (both given the JWKS URL)",
        result: |all| to_best_start(all, COLD_START_INBOUND, "passport-inbound with jwks_url"),
        is_met: |ratio| ratio <= 1.0,
    },
    Target {
        text: "Cold start, outbound: at most the time of the fastest peer",
        result: |all| to_best_start(all, COLD_START_OUTBOUND, "passport-outbound"),
        is_met: |ratio| ratio <= 1.0,
    },
];

/// Returns a table with a row for each target.
pub fn table(all: &[Figure]) -> Table {
    let mut table = Table::new(["target", "result", "met"]);
    for Target { text, result, is_met } in TARGETS {
        let result = result(all);
        table.row([text.to_owned(), shown(result), if is_met(result) { "yes" } else { "**no**" }.to_owned()]);
    }
    table
}

fn of<'a>(all: &'a [Figure], area: &'a str) -> impl Iterator<Item = &'a Figure> {
    all.iter().filter(move |figure| figure.area == area)
}

fn named<'a>(all: &'a [Figure], area: &'a str, name: &str) -> &'a Figure {
    of(all, area).find(|figure| figure.name == name).unwrap_or_else(|| panic!("no figure {area}, {name}"))
}

fn value(all: &[Figure], area: &str, name: &str) -> f64 {
    named(all, area, name).value
}

fn ratio(all: &[Figure], area: &str, name: &str) -> f64 {
    named(all, area, name).ratio.unwrap_or(f64::NAN)
}

/// Returns the time of the fastest peer, in nanoseconds.
fn best_peer(all: &[Figure], area: &str) -> f64 {
    least_of_peers(all, area, "ns")
}

/// Returns the ratio of the time of a start to that of the fastest peer.
fn to_best_start(all: &[Figure], area: &str, name: &str) -> f64 {
    value(all, area, name) / least_of_peers(all, area, "ms")
}

/// Returns the least figure of a peer with this unit.
fn least_of_peers(all: &[Figure], area: &str, unit: &str) -> f64 {
    let not_peers = ["bare", "no-op", "floor", "passport", "raw", "static"];
    let peers = of(all, area).filter(|figure| {
        figure.unit == unit && !not_peers.iter().any(|start| figure.name.starts_with(start))
    });
    peers.map(|figure| figure.value).fold(f64::MAX, f64::min)
}

fn best_rate(all: &[Figure]) -> f64 {
    let peers = of(all, AXUM).filter(|figure| {
        figure.unit == "requests/s"
            && !figure.name.starts_with("passport")
            && !figure.name.starts_with("bare")
    });
    peers.map(|figure| figure.value).fold(0.0, f64::max)
}
