//! The cost of rejecting a request.

use std::sync::Arc;

use http::HeaderValue;
use tokio::runtime::Runtime;

use super::{
    World,
    inbound_stage::{BARE, BARE_AXUM, FLOOR, OURS, Ready, Stage, accepted, calls, first, named},
};
use crate::{
    report::{Figure, Section, Table, marked, shown, times},
    rig::{Case, Samples, measure_interleaved},
    subject::{Batch, Tally},
};

const AREA: &str = "inbound rejection";
const MALFORMED: &str = "Bearer not-a-token";

/// The rejections of one contender.
struct Rejections {
    name: String,
    malformed: f64,
    forged: f64,
    /// The time of a valid token, unless it is cached: that is no baseline for a new one.
    good: Option<f64>,
    /// Whether the response to a malformed token has a challenge.
    has_challenge: bool,
}

pub(super) fn rejections(world: &World, stage: &Stage) -> Section {
    let mut table = Table::new([
        "",
        "malformed, ns per call",
        "invalid signature, ns per call",
        "invalid signature, relative to valid token",
        "malformed: challenge",
    ]);
    let mut figures = Vec::new();
    let on_a_service = measured(world, stage, &stage.on_a_service, " (bare service)", BARE);
    let on_axum = measured(world, stage, &stage.on_axum, "", BARE_AXUM);
    for rejections in on_a_service.iter().chain(&on_axum) {
        table.row(rejections.row());
        figures.extend(rejections.figures());
    }
    Section {
        title: "Inbound: rejections",
        words: "The tokens are `Bearer not-a-token`, and a valid token with one changed letter in \
               its signature. A figure is the time of the whole call, including the response, \
               whatever its status (some respond with 400 or 500). A forged token costs as much as \
               a new one, without the claims. passport-inbound builds a response with a challenge \
               (RFC 6750), a body with the reason, `no-store`, and the reason for outer layers. \
               † A contender without a challenge in the last column does less."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

impl Rejections {
    fn row(&self) -> [String; 5] {
        let Self { name, malformed, forged, good, has_challenge } = self;
        let ratio = good.map_or_else(|| "–".to_owned(), |good| times(forged / good));
        let challenge = if *has_challenge { "yes" } else { "no" };
        [name.clone(), shown(*malformed), shown(*forged), ratio, marked(challenge, !has_challenge)]
    }

    fn figures(&self) -> [Figure; 3] {
        let Self { name, malformed, forged, good, has_challenge } = self;
        let figure = |what: &str, value, unit| Figure::new(AREA, format!("{name}, {what}"), value, unit);
        let invalid_signature = figure("invalid signature", *forged, "ns");
        [
            figure("malformed", *malformed, "ns"),
            match good {
                Some(good) => invalid_signature.against("a valid token", *good),
                None => invalid_signature,
            },
            figure("challenge", f64::from(u8::from(*has_challenge)), "challenges"),
        ]
    }
}

/// Measures a malformed token, a forged one and a valid one with each contender that verifies.
fn measured(world: &World, stage: &Stage, all: &[Ready], suffix: &str, bare: &str) -> Vec<Rejections> {
    let verifying: Vec<_> =
        all.iter().filter(|ready| !["no-op layer", FLOOR, bare].contains(&ready.entry.name)).collect();
    let mut cases: Vec<_> = verifying.iter().flat_map(|ready| cases(stage, ready)).collect();
    let samples = measure_interleaved(&mut cases, world.effort);
    let of_one = |three: &[Samples]| {
        let [malformed, forged, good] = three else { panic!("three cases for each contender") };
        let name = format!("{}{suffix}", malformed.name);
        let is_cached = name.starts_with(OURS) && !name.contains("cache off");
        Rejections {
            malformed: malformed.median(),
            forged: forged.median(),
            good: (!is_cached).then(|| good.median()),
            has_challenge: challenges(&stage.here, named(all, &malformed.name)),
            name,
        }
    };
    samples.chunks(3).map(of_one).collect()
}

fn cases<'a>(stage: &'a Stage, ready: &Ready) -> [Case<'a>; 3] {
    let malformed = Arc::new([HeaderValue::from_static(MALFORMED)]);
    let forged = Arc::new([forged(&ready.good[0])]);
    let not_accepted = |tally: &Tally| tally.rejected + tally.failed;
    let case = |what: &str, tokens, outcome| {
        let name = format!("{}{what}", ready.entry.name);
        Case::new(name, calls(&stage.here, &ready.subject, tokens, outcome))
    };
    [
        case("", malformed, not_accepted),
        case(" forged", forged, not_accepted),
        case(" good", first(&ready.good), accepted),
    ]
}

/// Returns whether a malformed token is rejected with a challenge.
fn challenges(here: &Runtime, ready: &Ready) -> bool {
    let malformed = Arc::new([HeaderValue::from_static(MALFORMED)]);
    here.block_on(ready.subject.run(Batch::of(malformed, 1))).challenged == 1
}

/// Changes one letter of the signature.
fn forged(authorization: &HeaderValue) -> HeaderValue {
    let mut bytes = authorization.as_bytes().to_vec();
    let letter = bytes.len() - 100;
    bytes[letter] = if bytes[letter] == b'A' { b'B' } else { b'A' };
    HeaderValue::from_bytes(&bytes).expect("the value is visible ASCII")
}
