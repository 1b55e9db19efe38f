//! The sidecar as a reverse proxy, beside one that does nothing else.

use std::time::Duration;

use super::{
    World,
    end_to_end::{section, wrk},
};
use crate::{
    proxies,
    report::{
        Section,
        targets::{PASSED_ON, SIDECAR_AREA},
    },
    serve::{Server, TOKEN_ENDPOINT, UPSTREAM},
};

pub fn sections(world: &World) -> Vec<Section> {
    let time = Duration::from_secs(if world.is_quick { 1 } else { 4 });
    let rounds = if world.is_quick { 3 } else { 7 };
    let [behind, passport] = [UPSTREAM, TOKEN_ENDPOINT].map(|name| Server::start_on("1", name));
    let proxies = [
        ("nginx as a plain reverse proxy", proxies::nginx(behind.port)),
        (PASSED_ON, proxies::sidecar(behind.port, passport.port)),
        ("no proxy: the service itself", Server::start(UPSTREAM)),
    ];
    let passed_on = section(
        "The sidecar: requests passed on",
        "HTTP/1.1 over loopback, 32 connections of wrk, a service that says \"ok\". Each proxy has one core, and one thread that serves; the \
         service behind it shares the other core with the load. nginx (1.22, Debian's) keeps its connections and sets a fixed header, writes no \
         log and knows no caller. The sidecar is the program that is deployed, with its access log off: it compares the caller's token \
         with its file, judges the request, puts the identity's token on it and counts it. \"No proxy\" is the service on the proxies' core.",
        SIDECAR_AREA,
        &proxies,
        rounds,
        |server| wrk(server, "/to/api/", time),
    );
    let [_, (_, sidecar), _] = proxies;
    let tokens = section(
        "The sidecar: tokens",
        "The same load on `GET /v1/token`, for clients in other languages. Clients in Rust keep their token, and ask once in its life.",
        "sidecar, tokens",
        &[("passport-sidecar, /v1/token", sidecar)],
        rounds,
        |server| wrk(server, "/v1/token?identity=erp", time),
    );
    vec![passed_on, tokens]
}
