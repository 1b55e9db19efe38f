//! End to end: a server on one core, a load generator on the other, sockets between them.

use super::{
    World,
    inbound_stage::fastest_peers,
    paired::{Rounds, section},
};
use crate::{
    load,
    report::Section,
    serve::{BARE_TONIC, Server, TONIC},
};

/// Compared with the two fastest peers.
const ON_AXUM: [&str; 3] = ["bare axum", "passport-inbound", "passport-inbound, token cache off"];

/// The gRPC calls in a second of a run. h2load stops after a number of requests.
const GRPC_CALLS: usize = 40_000;

pub fn sections(world: &World) -> Vec<Section> {
    vec![on_axum(world), on_tonic(world)]
}

fn on_axum(world: &World) -> Section {
    let rounds = Rounds::of(world);
    let names: Vec<_> = ON_AXUM.into_iter().chain(fastest_peers(world)).collect();
    let servers = started(&names);
    section(
        "End to end: axum",
        "axum 0.8 with a handler that responds with 200, HTTP/1.1 over loopback, and wrk with \
        32 connections. The server has one core, the load generator the other. Every request \
        has the same token. With the token cache off, each call verifies it again, as the \
        peers do. The peers shown are the two that are fastest with a new token.",
        "end to end, axum",
        &borrowed(&servers),
        rounds,
        |server| load::wrk(server, "/", rounds.time),
    )
}

fn on_tonic(world: &World) -> Section {
    let rounds = Rounds::of(world);
    let calls = GRPC_CALLS * usize::try_from(rounds.time.as_secs()).unwrap_or(1);
    let servers = started(&[BARE_TONIC, TONIC]);
    section(
        "End to end: tonic",
        "The standard health service of tonic 0.14, and h2load with 8 connections of 8 \
        streams each.",
        "end to end, tonic",
        &borrowed(&servers),
        rounds,
        |server| load::grpc(server, calls),
    )
}

/// Starts a server for each contender.
fn started(names: &[&'static str]) -> Vec<(&'static str, Server)> {
    names.iter().map(|name| (*name, Server::start(name))).collect()
}

fn borrowed<'a>(servers: &'a [(&'static str, Server)]) -> Vec<(&'static str, &'a Server)> {
    servers.iter().map(|(name, server)| (*name, server)).collect()
}
