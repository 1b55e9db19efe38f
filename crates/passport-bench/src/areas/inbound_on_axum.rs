//! The cost of accepting a cached token on axum: on each route, and around a whole router.

use super::{
    World,
    inbound_stage::{BARE_AXUM, OURS, Ready, Stage, warm_cases},
};
use crate::{
    allocations::Allocations,
    report::{Chart, Figure, Section, Table, shown, times},
    rig::{Samples, measure_interleaved},
};

/// The results of contenders on axum with a cached token, compared with the bare router.
struct WarmOnAxum {
    table: Table,
    figures: Vec<Figure>,
    /// The time above the bare router, by contender.
    bars: Vec<(String, f64)>,
}

/// Measures `ready` with a cached token. `area` is the name in the figures, and `side` the name in
/// the allocations.
fn warm_on_axum(
    world: &World,
    stage: &Stage,
    ready: &[Ready],
    (area, side): (&'static str, &str),
    allocations: &Allocations,
) -> WarmOnAxum {
    let samples = measure_interleaved(&mut warm_cases(stage, ready), world.effort);
    let bare = Samples::named(&samples, BARE_AXUM);
    let ours = Samples::named(&samples, OURS).over(bare);
    let bare_allocations = allocations.of(side, BARE_AXUM);
    let mut table = Table::new([
        "",
        "ns per call",
        "ns above bare axum",
        "relative to passport-inbound",
        "allocations above bare axum",
    ]);
    let (mut figures, mut bars) = (Vec::new(), Vec::new());
    for samples in &samples {
        let over = samples.over(bare);
        let allocated = allocations.of(side, &samples.name) - bare_allocations;
        table.row([
            samples.name.clone(),
            shown(samples.median()),
            shown(over),
            times(over / ours),
            shown(allocated),
        ]);
        figures.push(Figure::new(area, &samples.name, over, "ns").against(OURS, ours));
        figures.push(Figure::new(area, format!("{}, allocations", samples.name), allocated, "allocations"));
        if samples.name != BARE_AXUM {
            bars.push((samples.name.clone(), over));
        }
    }
    WarmOnAxum { table, figures, bars }
}

pub(super) fn on_axum(world: &World, stage: &Stage, allocations: &Allocations) -> Section {
    let names = ("inbound warm, on axum", "inbound");
    let WarmOnAxum { table, figures, bars } = warm_on_axum(world, stage, &stage.on_axum, names, allocations);
    Section {
        title: "Inbound: cached token, axum",
        words: "The same on the routes of axum 0.8 (`Router::layer`), with all peers that can run \
               there. The router is called as `axum::serve` calls it. No other crate caches a \
               verified token, so each of their calls includes an RSA verification. axum boxes and \
               clones every layer, which is the cost of the no-op layer.\n\n\
               * jwt-authorizer runs on axum 0.7, its supported version. The baseline is still axum \
               0.8.\n\
               * axum-jwt-auth selects the `rsa` crate for jsonwebtoken. Here it uses aws-lc-rs, \
               which is many times faster.\n\
               * huskarl-axum verifies with the `rsa` crate and has no other backend.\n\
               * axum-jose compares issuers as URLs, so its tokens have an `iss` that ends in a \
               slash.\n\
               * axum-keycloak-auth does not check the issuer. Its tokens have the `typ` and `azp` \
               that it requires.\n\
               * cf-gears-toolkit-auth has no layer. Ten lines of `from_fn` wrap it."
            .to_owned(),
        table,
        charts: vec![Chart::Bars {
            file: "inbound-warm",
            title: "Time above bare axum, cached token",
            unit: "ns per call",
            bars,
        }],
        figures,
    }
}

pub(super) fn around_a_router(world: &World, stage: &Stage, allocations: &Allocations) -> Section {
    let names = ("inbound warm, around a router", "inbound, around a router");
    let WarmOnAxum { table, figures, .. } =
        warm_on_axum(world, stage, &stage.around_a_router, names, allocations);
    Section {
        title: "Inbound: cached token, around an axum router",
        words: "One layer around the whole router, with `AuthenticateLayer::around` or, for the \
               others, with `Layer::layer`. axum does not box and clone such a layer. \
               axum-jwt-auth is an extractor and cannot be there. The peers save as much as \
               passport-inbound, but spend most of their time on the signature."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}
