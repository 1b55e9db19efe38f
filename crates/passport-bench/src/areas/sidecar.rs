//! The sidecar as a reverse proxy, compared with nginx.

use super::{
    World,
    paired::{Rounds, section},
};
use crate::{
    load, proxies,
    report::{
        Section,
        targets::{PROXIED, SAME_LOAD_AREA, SIDECAR_AREA},
    },
    serve::{Server, TOKEN_ENDPOINT, UPSTREAM},
    sidecar::FORWARDED_PATH,
};

const NGINX: &str = "nginx as a plain reverse proxy";

/// The load at which latencies are compared, as a part of nginx's peak.
const SAME_LOAD: f64 = 0.6;

pub fn sections(world: &World) -> Vec<Section> {
    let rounds = Rounds::of(world);
    let [behind, passport] = [UPSTREAM, TOKEN_ENDPOINT].map(|name| Server::start_on("1", name));
    let nginx = proxies::nginx(behind.port);
    let sidecar = proxies::sidecar(behind.port, passport.port);
    let direct = Server::start(UPSTREAM);
    let servers = [(NGINX, &nginx), (PROXIED, &sidecar), ("no proxy: the service itself", &direct)];
    let proxied = section(
        "Sidecar: proxied requests",
        "HTTP/1.1 over loopback, wrk with 32 connections, and an upstream service that \
        responds with \"ok\". Each proxy has one core and one serving thread; the upstream \
        service shares the other core with the load generator. nginx (1.22, from Debian) \
        keeps connections alive and sets a fixed header; it writes no log and authenticates \
        no caller. The sidecar is the released program with its access log off: it compares \
        the caller's token with its file, authorizes the request, attaches the token of the \
        identity and counts the request. \"no proxy\" is the upstream service on the core of \
        the proxies.",
        SIDECAR_AREA,
        &servers,
        rounds,
        |server| load::wrk(server, FORWARDED_PATH, rounds.time),
    );
    let rate = SAME_LOAD * rate_of_nginx(&proxied);
    let same_load = section(
        "Sidecar: latency at the same load",
        "The same proxies, each at the same number of requests per second: 60 % of the peak of \
        nginx in the table above. h2load sends requests over 32 connections at a fixed rate. (wrk \
        sends a request only after the response to the one before, so a faster proxy gets more \
        load, and its latencies cannot be compared.)",
        SAME_LOAD_AREA,
        &servers[..2],
        rounds,
        |server| load::paced(server, FORWARDED_PATH, rate, rounds.time),
    );
    let tokens = section(
        "Sidecar: token requests",
        "The first load on `GET /v1/token`, which is for clients in other languages. Rust \
        clients cache their token and request one per token lifetime.",
        "sidecar, tokens",
        &[("passport-sidecar, /v1/token", &sidecar)],
        rounds,
        |server| load::wrk(server, "/v1/token?identity=erp", rounds.time),
    );
    vec![proxied, same_load, tokens]
}

fn rate_of_nginx(proxied: &Section) -> f64 {
    let name = format!("{NGINX}, rate");
    let figure = proxied.figures.iter().find(|figure| figure.name == name);
    figure.expect("nginx was measured").value
}
