//! The cost of accepting or rejecting a request.

use std::sync::Arc;

use http::HeaderValue;

use super::{
    World, inbound_on_axum,
    inbound_rejections::rejections,
    inbound_stage::{
        BARE, BARE_AXUM, FLOOR, NEW_TOKENS, OURS, Ready, Stage, accepted, calls, first, is_peer, named,
        repeated, warm_cases,
    },
};
use crate::{
    allocations::Allocations,
    inbound::raw::RawVerification,
    report::{Figure, Section, Table, shown, times},
    rig::{Case, Samples, measure_interleaved, scaling},
    subject::Batch,
};

const RAW: &str = "raw aws-lc-rs verification and one JSON parse";

/// Returns all sections about the cost of the inbound side.
pub fn sections(world: &World, allocations: &Allocations) -> Vec<Section> {
    let stage = Stage::set(world);
    vec![
        warm_on_a_service(world, &stage),
        inbound_on_axum::on_axum(world, &stage, allocations),
        inbound_on_axum::around_a_router(world, &stage, allocations),
        cold(world, &stage),
        rejections(world, &stage),
        threads(world, &stage),
        mixes(world, &stage),
    ]
}

fn warm_on_a_service(world: &World, stage: &Stage) -> Section {
    let samples = measure_interleaved(&mut warm_cases(stage, &stage.on_a_service), world.effort);
    let (bare, floor) = (
        Samples::named(&samples, BARE),
        Samples::named(&samples, FLOOR).over(Samples::named(&samples, BARE)),
    );
    let mut table = Table::new(["", "ns per call", "ns above bare service", "relative to floor"]);
    let mut figures = Vec::new();
    for samples in &samples {
        let over = samples.over(bare);
        table.row([samples.name.clone(), shown(samples.median()), shown(over), times(over / floor)]);
        figures
            .push(Figure::new("inbound warm, on a service", &samples.name, over, "ns").against(FLOOR, floor));
    }
    Section {
        title: "Inbound: cached token, bare service",
        words: "The cost of the layer for a token that it has verified before, around a \
               `tower::Service` that responds immediately. The floor prototype does the least that \
               is safe: it looks the token up by its signature, compares the whole token in \
               constant time, checks the expiry and the generation of the keys, and returns the \
               claims. It does nothing that production needs: no metrics, no key rotation, no \
               second level for tokens that its table evicts."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

/// Returns a case that begins each turn with an empty cache.
fn with_empty_cache<'a>(world: &'a World, stage: &'a Stage, name: &str, ready: &'a Ready) -> Case<'a> {
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
        with_empty_cache(world, stage, NEW_ON_A_SERVICE, ours_on_a_service),
        with_empty_cache(world, stage, NEW_ON_AXUM, ours_on_axum),
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
    let mut table = Table::new([
        "",
        "µs above bare",
        "relative to raw verification",
        "relative to passport-inbound on axum",
    ]);
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
        title: "Inbound: new token",
        words: "The signature must be verified. The floor is one verification with a key that was \
               parsed beforehand, and one deserialization of the claims from decoded bytes into a \
               struct. All contenders take turns with the same number of tokens. passport-inbound \
               begins each turn with an empty cache and stores each verified token, which the peers \
               do not do: that is the difference to the figures with the token cache off. As far as \
               we could find out, most of it is the cost of writing some kilobytes to memory that \
               is in no processor cache."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
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
    let mut table = Table::new(["", "calls of two threads, relative to one †", "relative to bare †"]);
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
        title: "Inbound: two threads",
        words: "The number of calls of two threads, divided by the number of calls of one. Each \
               thread has its own requests, but both send the same token, like one busy client. \
               This is the worst case for contenders that count references to cached data, as \
               passport-inbound and the floor prototype do. The two processors of a virtual machine \
               may share one core. No contender reaches 2 x in that case, so compare with the bare \
               service or the bare router in the same rounds.\n\n\
               † The work differs: peers verify a signature in each call, so their threads share \
               next to nothing. passport-inbound with its cache off verifies on half of the \
               processors at a time, which is one of two, so that a flood of new tokens leaves time \
               for cached ones."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

fn mixes(world: &World, stage: &Stage) -> Section {
    let mut table =
        Table::new(["cached tokens", "passport-inbound, µs per call", "relative to fastest peer"]);
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
        mixed.iter().zip(&names).map(|(ready, name)| with_empty_cache(world, stage, name, ready)).collect();
    cases.extend(warm_cases(stage, &stage.on_axum).into_iter().filter(|case| is_peer(&case.name)));
    let samples = measure_interleaved(&mut cases, world.effort);
    let (own, others) = samples.split_at(shares.len());
    let fastest = others.iter().map(Samples::median).fold(f64::MAX, f64::min);
    for samples in own {
        table.row([samples.name.clone(), shown(samples.median() / 1e3), times(samples.median() / fastest)]);
        let name = format!("{} cached", samples.name);
        figures.push(
            Figure::new("inbound, mixes", name, samples.median(), "ns").against("fastest peer", fastest),
        );
    }
    Section {
        title: "Inbound: mix of cached and new tokens",
        words: "Calls with one cached token alternate with calls with new tokens. For peers, the two \
               do not differ."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }
}

/// Returns a sequence in which `share` percent are the first token and the others are new ones,
/// each used once.
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
