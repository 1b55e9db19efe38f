//! What it costs to let a caller in, or not.

use std::sync::Arc;

use http::HeaderValue;
use tokio::runtime::Runtime;

use super::World;
use crate::{
    allocations::Allocations,
    inbound::{Entry, ON_A_SERVICE, ON_AXUM, PEERS_ON_AXUM, raw::RawVerification},
    report::{Chart, Figure, Section, Table, shown, times},
    rig::{Case, Effort, Samples, measure_interleaved, runtime_here, scaling},
    site::Site,
    subject::{Batch, Subject, Tally},
};

const BARE: &str = "bare service";
const BARE_AXUM: &str = "bare axum";
const FLOOR: &str = "floor prototype";
pub const OURS: &str = "passport-inbound";
const RAW: &str = "raw aws-lc-rs verification and one JSON parse";

/// New tokens in a turn. One in sixteen loses its slot in front to another of them.
const NEW_TOKENS: usize = 128;

/// Ready to be called.
struct Ready {
    entry: Entry,
    subject: Subject,
    /// Many; the first is the one that is shown again and again.
    good: Arc<[HeaderValue]>,
}

struct Stage {
    site: Site,
    here: Runtime,
    on_a_service: Vec<Ready>,
    on_axum: Vec<Ready>,
}

impl Stage {
    fn set(world: &World) -> Self {
        let site = world.background.block_on(Site::start()).expect("an issuer can be had");
        let ready = |entry: Entry| {
            let subject = world.background.block_on(entry.warmed(&site));
            Ready { entry, subject, good: entry.authorizations(&site, NEW_TOKENS) }
        };
        let on_a_service = ON_A_SERVICE.into_iter().map(ready).collect();
        let on_axum = ON_AXUM.into_iter().chain(PEERS_ON_AXUM).map(ready).collect();
        Self { site, here: runtime_here(), on_a_service, on_axum }
    }
}

/// All questions of the cost of the inbound side.
pub fn sections(world: &World, allocations: &Allocations) -> Vec<Section> {
    let stage = Stage::set(world);
    vec![
        warm_on_a_service(world, &stage),
        on_axum(world, &stage, allocations),
        cold(world, &stage),
        rejections(world, &stage),
        threads(world, &stage),
        mixes(world, &stage),
    ]
}

fn first(tokens: &Arc<[HeaderValue]>) -> Arc<[HeaderValue]> {
    Arc::new([tokens[0].clone()])
}

/// Calls by the bearers of `tokens`, all of whom must fare in one way.
fn calls<'a>(
    here: &'a Runtime,
    subject: &Subject,
    tokens: Arc<[HeaderValue]>,
    fate: fn(&Tally) -> usize,
) -> impl FnMut(usize) + use<'a> {
    let subject = subject.clone();
    move |calls| {
        let tally = here.block_on(subject.run(Batch::of(Arc::clone(&tokens), calls)));
        assert_eq!(fate(&tally), calls, "{tally:?}");
    }
}

fn accepted(tally: &Tally) -> usize {
    tally.accepted
}

/// The same token again and again.
fn warm_cases<'a>(stage: &'a Stage, ready: &[Ready]) -> Vec<Case<'a>> {
    ready.iter().map(|ready| repeated(stage, ready, first(&ready.good))).collect()
}

fn repeated<'a>(stage: &'a Stage, ready: &Ready, tokens: Arc<[HeaderValue]>) -> Case<'a> {
    Case::new(ready.entry.name, calls(&stage.here, &ready.subject, tokens, accepted))
}

fn warm_on_a_service(world: &World, stage: &Stage) -> Section {
    let samples = measure_interleaved(&mut warm_cases(stage, &stage.on_a_service), world.effort);
    let (bare, floor) = (
        Samples::named(&samples, BARE),
        Samples::named(&samples, FLOOR).over(Samples::named(&samples, BARE)),
    );
    let mut table = Table::new(["", "ns a call", "ns above the bare service", "of the floor's"]);
    let mut figures = Vec::new();
    for samples in &samples {
        let over = samples.over(bare);
        table.row([samples.name.clone(), shown(samples.median()), shown(over), times(over / floor)]);
        figures
            .push(Figure::new("inbound warm, on a service", &samples.name, over, "ns").against(FLOOR, floor));
    }
    Section {
        title: "Inbound: a known token, on a bare service",
        words: "What the layer itself costs when it has seen the token before: around a `tower::Service` that answers at \
                once. The floor prototype does the least that is safe (index by the signature, compare the whole token in \
                constant time, look at the expiry and at the generation of the keys, hand over the claims) and nothing that \
                makes a layer fit for service: no counting, no keys that change, no second place for what its table forgets."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

fn on_axum(world: &World, stage: &Stage, allocations: &Allocations) -> Section {
    let samples = measure_interleaved(&mut warm_cases(stage, &stage.on_axum), world.effort);
    let bare = Samples::named(&samples, BARE_AXUM);
    let ours = Samples::named(&samples, OURS).over(bare);
    let bare_allocations = allocations.of("inbound", BARE_AXUM);
    let mut table =
        Table::new(["", "ns a call", "ns above bare axum", "of ours", "allocations above bare axum"]);
    let (mut figures, mut bars) = (Vec::new(), Vec::new());
    for samples in &samples {
        let over = samples.over(bare);
        let allocated = allocations.of("inbound", &samples.name) - bare_allocations;
        table.row([
            samples.name.clone(),
            shown(samples.median()),
            shown(over),
            times(over / ours),
            shown(allocated),
        ]);
        figures.push(Figure::new("inbound warm, on axum", &samples.name, over, "ns").against(OURS, ours));
        figures.push(Figure::new(
            "inbound warm, on axum",
            format!("{}, allocations", samples.name),
            allocated,
            "allocations",
        ));
        if samples.name != BARE_AXUM {
            bars.push((samples.name.clone(), over));
        }
    }
    Section {
        title: "Inbound: a token that is sent again, on axum",
        words: "The same behind a router of axum 0.8, beside everybody who can be put there. No other crate remembers a \
                token that it has verified: each call pays for an RSA verification. axum itself boxes and clones every layer, \
                which is what the no-op layer costs.\n\n\
                * jwt-authorizer is on axum 0.7, for which it was written; what is subtracted is axum 0.8 all the same.\n\
                * axum-jwt-auth brings the `rsa` crate to jsonwebtoken; here it gets aws-lc-rs, which is many times as fast.\n\
                * huskarl-axum verifies with the `rsa` crate and has no other backend.\n\
                * axum-jose compares issuers as URLs, so it is shown tokens whose `iss` ends in a slash.\n\
                * axum-keycloak-auth does not check the issuer, and is shown tokens with the `typ` and `azp` that it wants.\n\
                * cf-gears-toolkit-auth has no layer; around it are ten lines of `from_fn`."
            .to_owned(),
        table,
        charts: vec![Chart::Bars { file: "inbound-warm", title: "Above bare axum, a token that is sent again", unit: "ns a call", bars }],
        figures,
    }
}

/// With nothing known at the beginning of a turn.
fn forgetful<'a>(world: &'a World, stage: &'a Stage, name: &str, ready: &'a Ready) -> Case<'a> {
    let subject = std::rc::Rc::new(std::cell::RefCell::new(ready.subject.clone()));
    let fresh = std::rc::Rc::clone(&subject);
    Case {
        prepare: Some(Box::new(move || {
            *fresh.borrow_mut() = world.background.block_on(ready.entry.warmed(&stage.site));
        })),
        most_calls: ready.good.len(),
        ..Case::new(name, move |count| {
            let subject = subject.borrow().clone();
            calls(&stage.here, &subject, Arc::clone(&ready.good), accepted)(count);
        })
    }
}

fn cold(world: &World, stage: &Stage) -> Section {
    let raw = RawVerification::of(&stage.site, NEW_TOKENS);
    let ours_on_a_service = named(&stage.on_a_service, OURS);
    let ours_on_axum = named(&stage.on_axum, OURS);
    const NEW_ON_A_SERVICE: &str = "passport-inbound, each token new";
    const NEW_ON_AXUM: &str = "passport-inbound on axum, each token new";
    let mut cases = vec![
        Case::new(RAW, |calls| raw.verify(calls)),
        forgetful(world, stage, NEW_ON_A_SERVICE, ours_on_a_service),
        forgetful(world, stage, NEW_ON_AXUM, ours_on_axum),
    ];
    let forgetting = stage.on_a_service.iter().filter(|ready| ready.entry.name.contains("cache off"));
    let bare = [named(&stage.on_a_service, BARE), named(&stage.on_axum, BARE_AXUM)];
    let peers = stage.on_axum.iter().filter(|ready| is_peer(ready.entry.name));
    let others = forgetting.chain(bare).chain(peers);
    cases.extend(others.map(|ready| repeated(stage, ready, Arc::clone(&ready.good))));
    let samples = measure_interleaved(&mut cases, world.effort);
    drop(cases);
    let (bare, bare_axum) = (Samples::named(&samples, BARE), Samples::named(&samples, BARE_AXUM));
    let (raw, ours) = (Samples::named(&samples, RAW), Samples::named(&samples, NEW_ON_AXUM).over(bare_axum));
    let mut table = Table::new(["", "µs above bare", "of the raw verification", "of ours on axum"]);
    let mut figures = Vec::new();
    for samples in &samples {
        let is_on_a_service = samples.name.starts_with("passport-inbound,");
        let over = match samples.name.as_str() {
            BARE | BARE_AXUM => continue,
            RAW => samples.median(),
            _ => samples.over(if is_on_a_service { bare } else { bare_axum }),
        };
        let name =
            if is_on_a_service { format!("{} (bare service)", samples.name) } else { samples.name.clone() };
        table.row([name, shown(over / 1e3), times(over / raw.median()), times(over / ours)]);
        figures.push(Figure::new("inbound cold", &samples.name, over, "ns").against(RAW, raw.median()));
    }
    Section {
        title: "Inbound: a token that was never seen",
        words: "The signature has to be verified. The floor is that alone, with a key parsed once, and one reading of the \
                claims into a struct, from bytes that were decoded beforehand. All see the same number of tokens in turns. \
                Ours starts each turn with nothing remembered, and remembers what it verifies, which the others do not: that \
                is the difference to the token cache off. Most of it is that some kilobytes are written to memory that is in \
                no cache of the processor, as far as could be found out."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

/// The two fastest of the others that can be served by axum 0.8, by what a token takes that they do
/// not remember.
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

/// Whether it is one of the others.
fn is_peer(name: &str) -> bool {
    PEERS_ON_AXUM.iter().any(|peer| peer.name == name)
}

fn named<'a>(all: &'a [Ready], name: &str) -> &'a Ready {
    all.iter().find(|ready| ready.entry.name == name).expect("there is such a contender")
}

fn rejections(world: &World, stage: &Stage) -> Section {
    let mut table =
        Table::new(["", "malformed, ns a call", "badly signed, ns a call", "badly signed, of a good one"]);
    let mut figures = Vec::new();
    let on_a_service = measured_rejections(world, stage, &stage.on_a_service, BARE);
    let on_axum = measured_rejections(world, stage, &stage.on_axum, BARE_AXUM);
    for (suffix, samples) in [(" (bare service)", on_a_service), ("", on_axum)] {
        for three in samples.chunks(3) {
            let [malformed, forged, good] = three else { continue };
            let name = format!("{}{suffix}", malformed.name);
            // What is remembered is no measure for what is not.
            let good = (!name.starts_with(OURS) || name.contains("cache off")).then(|| good.median());
            let ratio = good.map_or_else(|| "–".to_owned(), |good| times(forged.median() / good));
            table.row([name.clone(), shown(malformed.median()), shown(forged.median()), ratio]);
            let figure = |what: &str, ns| Figure::new("inbound refusal", format!("{name}, {what}"), ns, "ns");
            figures.push(figure("malformed", malformed.median()));
            let forged = figure("badly signed", forged.median());
            figures.push(match good {
                Some(good) => forged.against("a good token", good),
                None => forged,
            });
        }
    }
    Section {
        title: "Inbound: refusals",
        words: "`Bearer not-a-token`, and a good token with one letter of its signature changed. The whole call, with the \
                response that says no, counted however it says so (some say 400 or 500). A forgery costs what a new token \
                costs, less its claims. Some refuse a malformed token faster than ours: ours makes a response with a \
                challenge (RFC 6750), a body that names the reason, `no-store`, and the reason for the layers above."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

/// Three samples for each: a malformed token, a forged one, and a good one.
fn measured_rejections(world: &World, stage: &Stage, ready: &[Ready], bare: &str) -> Vec<Samples> {
    let malformed: Arc<[HeaderValue]> = Arc::new([HeaderValue::from_static("Bearer not-a-token")]);
    let not_accepted = |tally: &Tally| tally.rejected + tally.failed;
    let cases = |Ready { entry, subject, good }: &Ready| {
        let forged = Arc::new([forged(&good[0])]);
        let case = |what: &str, tokens, fate| {
            Case::new(format!("{}{what}", entry.name), calls(&stage.here, subject, tokens, fate))
        };
        [
            case("", Arc::clone(&malformed), not_accepted),
            case(" forged", forged, not_accepted),
            case(" good", first(good), accepted),
        ]
    };
    let verifying = ready.iter().filter(|ready| !["no-op layer", FLOOR, bare].contains(&ready.entry.name));
    measure_interleaved(&mut verifying.flat_map(cases).collect::<Vec<_>>(), world.effort)
}

/// With one letter of the signature changed.
fn forged(authorization: &HeaderValue) -> HeaderValue {
    let mut bytes = authorization.as_bytes().to_vec();
    let letter = bytes.len() - 100;
    bytes[letter] = if bytes[letter] == b'A' { b'B' } else { b'A' };
    HeaderValue::from_bytes(&bytes).expect("it is as visible as before")
}

fn threads(world: &World, stage: &Stage) -> Section {
    let batch = |ready: &Ready| Batch::of(first(&ready.good), 100);
    let on_a_service = stage
        .on_a_service
        .iter()
        .map(|ready| (format!("{} (bare service)", ready.entry.name), &ready.subject, batch(ready)));
    let on_axum =
        stage.on_axum.iter().map(|ready| (ready.entry.name.to_owned(), &ready.subject, batch(ready)));
    let all: Vec<_> = on_a_service.chain(on_axum).collect();
    let samples = scaling(&all, world.effort);
    let mut table = Table::new(["", "calls of two threads to those of one", "of bare's"]);
    let mut figures = Vec::new();
    let mut bare = &samples[0];
    for samples in &samples {
        if samples.name == BARE_AXUM {
            bare = samples;
        }
        table.row([samples.name.clone(), times(samples.median()), times(samples.to(bare))]);
        let figure = Figure::new("inbound, two threads", &samples.name, samples.median(), "x");
        figures.push(Figure { baseline: Some(bare.name.clone()), ratio: Some(samples.to(bare)), ..figure });
    }
    Section {
        title: "Inbound: two threads with the same token",
        words: "How many times as many calls two threads make as one. Each has requests of its own, but both show the same \
                token, as when one busy service calls: the worst case for whoever counts references to what is remembered \
                of it, as ours and the floor prototype do. The processors of a virtual machine may be halves of one: then \
                nobody reaches two, so what counts is the ratio to the bare service or the bare router in the same rounds."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

fn mixes(world: &World, stage: &Stage) -> Section {
    let mut table = Table::new(["known tokens", "passport-inbound, µs a call", "of the fastest other"]);
    let mut figures = Vec::new();
    let ours = named(&stage.on_axum, OURS);
    let shares = [0, 50, 90, 99];
    let mixed: Vec<Ready> = shares
        .iter()
        .map(|share| Ready {
            entry: ours.entry,
            subject: ours.subject.clone(),
            good: mix(&ours.good, *share),
        })
        .collect();
    let names = shares.map(|share| format!("{share} %"));
    let mut cases: Vec<_> =
        mixed.iter().zip(&names).map(|(ready, name)| forgetful(world, stage, name, ready)).collect();
    cases.extend(warm_cases(stage, &stage.on_axum).into_iter().filter(|case| is_peer(&case.name)));
    let samples = measure_interleaved(&mut cases, world.effort);
    let (own, others) = samples.split_at(shares.len());
    let fastest = others.iter().map(Samples::median).fold(f64::MAX, f64::min);
    for samples in own {
        table.row([samples.name.clone(), shown(samples.median() / 1e3), times(samples.median() / fastest)]);
        let name = format!("{} known", samples.name);
        figures.push(
            Figure::new("inbound, mixes", name, samples.median(), "ns").against("fastest other", fastest),
        );
    }
    Section {
        title: "Inbound: many tokens, some of them known",
        words: "Between calls of one token that is known come tokens that are not. Others make no difference between the two."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

/// So much of a hundred is the first token, and each of the others another one, as far as they
/// reach.
fn mix(tokens: &Arc<[HeaderValue]>, share: usize) -> Arc<[HeaderValue]> {
    let mut new = tokens[1..].iter();
    let mut mixed = Vec::new();
    let mut owed = 0;
    loop {
        owed += 100 - share;
        if owed >= 100 {
            owed -= 100;
            match new.next() {
                Some(token) => mixed.push(token.clone()),
                None => return mixed.into(),
            }
        } else {
            mixed.push(tokens[0].clone());
        }
    }
}
