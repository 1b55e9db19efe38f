//! The sidecar as a reverse proxy, compared with nginx.

use std::time::Duration;

use super::{
    World,
    end_to_end::{section, wrk},
};
use crate::{
    proxies,
    report::{
        Section,
        targets::{PROXIED, SIDECAR_AREA},
    },
    serve::{Server, TOKEN_ENDPOINT, UPSTREAM},
};

pub fn sections(world: &World) -> Vec<Section> {
    let time = Duration::from_secs(if world.is_quick { 1 } else { 4 });
    let rounds = if world.is_quick { 3 } else { 7 };
    let [behind, passport] = [UPSTREAM, TOKEN_ENDPOINT].map(|name| Server::start_on("1", name));
    let proxies = [
        ("nginx as a plain reverse proxy", proxies::nginx(behind.port)),
        (PROXIED, proxies::sidecar(behind.port, passport.port)),
        ("no proxy: the service itself", Server::start(UPSTREAM)),
    ];
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
        &proxies,
        rounds,
        |server| wrk(server, "/to/api/", time),
    );
    let [_, (_, sidecar), _] = proxies;
    let tokens = section(
        "Sidecar: token requests",
        "The same load on `GET /v1/token`, which is for clients in other languages. Rust \
        clients cache their token and request one per token lifetime.",
        "sidecar, tokens",
        &[("passport-sidecar, /v1/token", sidecar)],
        rounds,
        |server| wrk(server, "/v1/token?identity=erp", time),
    );
    vec![proxied, tokens]
}
