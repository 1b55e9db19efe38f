//! The contenders of the inbound side, ready to be called.

use std::sync::Arc;

use http::HeaderValue;
use tokio::runtime::Runtime;

use super::World;
use crate::{
    inbound::{self, Entry, ON_A_SERVICE, PEERS_ON_AXUM},
    rig::{Case, Effort, measure_interleaved, runtime_here},
    site::Site,
    subject::{Batch, Subject, Tally},
};

pub(super) const BARE: &str = "bare service";
pub(super) const BARE_AXUM: &str = "bare axum";
pub(super) const FLOOR: &str = "floor prototype";
pub const OURS: &str = "passport-inbound";

/// The number of new tokens in a turn. One in sixteen collides in the first level of the token
/// cache.
pub(super) const NEW_TOKENS: usize = 128;

/// A contender that is ready to be called.
pub(super) struct Ready {
    pub(super) entry: Entry,
    pub(super) subject: Subject,
    /// Valid tokens. The first one is used where a token is repeated.
    pub(super) good: Arc<[HeaderValue]>,
}

pub(super) struct Stage {
    pub(super) site: Site,
    pub(super) here: Runtime,
    pub(super) on_a_service: Vec<Ready>,
    pub(super) on_axum: Vec<Ready>,
    pub(super) around_a_router: Vec<Ready>,
}

impl Stage {
    pub(super) fn set(world: &World) -> Self {
        let site = world.background.block_on(Site::start()).expect("the dev Passport starts");
        let ready = |entry: Entry| {
            let subject = world.background.block_on(entry.warmed(&site));
            Ready { entry, subject, good: entry.authorizations(&site, NEW_TOKENS) }
        };
        let on_a_service = ON_A_SERVICE.into_iter().map(ready).collect();
        let on_axum = inbound::all().into_iter().map(ready).collect();
        let around_a_router = inbound::all_around_a_router().into_iter().map(ready).collect();
        Self { site, here: runtime_here(), on_a_service, on_axum, around_a_router }
    }
}

pub(super) fn first(tokens: &Arc<[HeaderValue]>) -> Arc<[HeaderValue]> {
    Arc::new([tokens[0].clone()])
}

/// Returns a function that makes calls with `tokens` and asserts that all have the same outcome.
pub(super) fn calls<'a>(
    here: &'a Runtime,
    subject: &Subject,
    tokens: Arc<[HeaderValue]>,
    outcome: fn(&Tally) -> usize,
) -> impl FnMut(usize) + use<'a> {
    let subject = subject.clone();
    move |calls| {
        let tally = here.block_on(subject.run(Batch::of(Arc::clone(&tokens), calls)));
        assert_eq!(outcome(&tally), calls, "{tally:?}");
    }
}

pub(super) fn accepted(tally: &Tally) -> usize {
    tally.accepted
}

/// Returns a case for each contender that repeats one token.
pub(super) fn warm_cases<'a>(stage: &'a Stage, ready: &[Ready]) -> Vec<Case<'a>> {
    ready.iter().map(|ready| repeated(stage, ready, first(&ready.good))).collect()
}

pub(super) fn repeated<'a>(stage: &'a Stage, ready: &Ready, tokens: Arc<[HeaderValue]>) -> Case<'a> {
    Case::new(ready.entry.name, calls(&stage.here, &ready.subject, tokens, accepted))
}

/// Returns the two peers on axum 0.8 that are fastest with a new token.
pub fn fastest_peers(world: &World) -> [&'static str; 2] {
    let stage = Stage::set(world);
    let served = |ready: &&Ready| is_peer(ready.entry.name) && ready.subject.router().is_some();
    let mut cases: Vec<_> = stage
        .on_axum
        .iter()
        .filter(served)
        .map(|ready| repeated(&stage, ready, Arc::clone(&ready.good)))
        .collect();
    let mut samples = measure_interleaved(&mut cases, Effort::QUICK);
    samples.sort_by(|one, other| one.median().total_cmp(&other.median()));
    [0, 1].map(|index| named(&stage.on_axum, &samples[index].name).entry.name)
}

/// Returns whether the contender is a peer.
pub(super) fn is_peer(name: &str) -> bool {
    PEERS_ON_AXUM.iter().any(|peer| peer.name == name)
}

pub(super) fn named<'a>(all: &'a [Ready], name: &str) -> &'a Ready {
    all.iter().find(|ready| ready.entry.name == name).expect("the contender exists")
}
