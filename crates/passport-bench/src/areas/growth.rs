//! The cost of a call with many keys, tokens or identities.

use std::{fs, hint::black_box, sync::Arc, thread};

use futures_util::FutureExt;
use http::HeaderValue;
use passport_inbound::{Clock, Denial, DeniedSubject, DenyList, SystemClock, TokenVerifier};

use super::World;
use crate::{
    inbound::OURS_WITH_LARGE_CACHE,
    outbound::{DESTINATION, TokenEndpoint, many_identities},
    report::{Chart, Figure, Line, Section, Table, shown},
    rig::{Case, Samples, measure_interleaved, runtime_here},
    site::{AUDIENCE, Site},
    subject::{Batch, Subject},
};

/// The smallest number for which memory is shown. Below it, the reserve of the allocator hides
/// the growth.
const MANY: usize = 5_000;

pub fn sections(world: &World) -> Vec<Section> {
    vec![keys(world), tokens(world), denials(world), identities(world)]
}

fn section(title: &'static str, words: &str, table: Table, chart: Chart, figures: Vec<Figure>) -> Section {
    Section { title, words: words.to_owned(), table, charts: vec![chart], figures }
}

fn keys(world: &World) -> Section {
    let sizes: &[usize] = if world.is_quick { &[1, 8, 32] } else { &[1, 2, 4, 8, 16, 32] };
    let here = runtime_here();
    let stages: Vec<(usize, Site, Subject, Subject)> =
        sizes.iter().map(|size| with_keys(world, *size)).collect();
    let mut cases = Vec::new();
    for (size, site, caching, not_caching) in &stages {
        let tokens: Arc<[HeaderValue]> = Arc::new([crate::site::bearer(&site.draft().build())]);
        for (kind, subject) in [("cached", caching), ("new", not_caching)] {
            let (here, tokens) = (&here, Arc::clone(&tokens));
            cases.push(Case::new(format!("{kind} {size}"), move |calls| {
                let tally = here.block_on(subject.run(Batch::of(Arc::clone(&tokens), calls)));
                assert_eq!(tally.accepted, calls, "{tally:?}");
            }));
        }
    }
    let samples = measure_interleaved(&mut cases, world.effort);
    let mut table = Table::new(["signing keys", "cached token, ns", "new token, ns"]);
    let (mut figures, mut lines) = (
        Vec::new(),
        ["cached", "new"].map(|kind| Line { name: format!("{kind} token"), points: Vec::new() }),
    );
    for size in sizes {
        let values =
            ["cached", "new"].map(|kind| Samples::named(&samples, &format!("{kind} {size}")).median());
        table.row([size.to_string(), shown(values[0]), shown(values[1])]);
        for (line, (kind, value)) in lines.iter_mut().zip(["cached", "new"].into_iter().zip(values)) {
            line.points.push((*size as f64, value));
            figures.push(Figure::new("growth, keys", format!("{kind} token, {size} keys"), value, "ns"));
        }
    }
    let chart = Chart::Growth {
        file: "growth-keys",
        title: "Time by number of signing keys",
        x: "signing keys",
        y: "ns per call",
        lines: lines.to_vec(),
    };
    section(
        "Growth: signing keys",
        "The cost of a call by the number of keys in the JWKS, in which the key of a token is \
        looked up.",
        table,
        chart,
        figures,
    )
}

fn with_keys(world: &World, size: usize) -> (usize, Site, Subject, Subject) {
    world.background.block_on(async {
        let site = Site::start().await.expect("the dev Passport starts");
        for _ in 1..size {
            site.passport().rotate_keys().await;
        }
        let [caching, not_caching] = crate::inbound::OURS_WITH_AND_WITHOUT_CACHE;
        let (caching, not_caching) = (caching.warmed(&site).await, not_caching.warmed(&site).await);
        (size, site, caching, not_caching)
    })
}

/// How often each token is sent before the measured calls. A token that loses its slot of the first
/// level before it was used twice is dropped the first time, and kept the second time.
const TURNS: usize = 3;

fn tokens(world: &World) -> Section {
    let sizes: &[usize] =
        if world.is_quick { &[1, 100, 1_000, 5_000] } else { &[1, 10, 100, 1_000, 10_000, 100_000] };
    let site = world.background.block_on(Site::start()).expect("the dev Passport starts");
    let all = signed(&site, sizes[sizes.len() - 1]);
    let here = runtime_here();
    let mut stages = Vec::new();
    for size in sizes {
        let subject = world.background.block_on(OURS_WITH_LARGE_CACHE.warmed(&site));
        let some: Arc<[HeaderValue]> = shuffled(&all[..*size]);
        let before = memory_in_use();
        let tally = here.block_on(subject.run(Batch::of(Arc::clone(&some), size * TURNS)));
        assert_eq!(tally.accepted, size * TURNS, "{tally:?}");
        let bytes = memory_in_use().saturating_sub(before) as f64 / *size as f64;
        stages.push((*size, subject, some, bytes));
    }
    let mut cases: Vec<_> = stages
        .iter()
        .map(|(size, subject, some, _)| {
            let here = &here;
            let mut first = 0;
            Case::new(size.to_string(), move |calls| {
                let batch = Batch { first, ..Batch::of(Arc::clone(some), calls) };
                first = (first + calls) % size;
                let tally = here.block_on(subject.run(batch));
                assert_eq!(tally.accepted, calls, "{tally:?}");
            })
        })
        .collect();
    let samples = measure_interleaved(&mut cases, world.effort);
    let grown: Vec<_> = stages.iter().map(|(size, _, _, bytes)| (*size, *bytes)).collect();
    let (table, figures, points) = listed(CACHED_TOKENS, &samples, &grown);
    let chart = Chart::Growth {
        file: "growth-tokens",
        title: "Time by number of cached tokens",
        x: "cached tokens",
        y: "ns per call",
        lines: vec![Line { name: "cached token".to_owned(), points }],
    };
    let words = "All tokens are cached, and are sent in a random order, so that with many tokens none \
                is in a processor cache. The first level of the token cache holds a thousand tokens, \
                less those that collide; the others are found in the second level, in moka. Their \
                cost is memory latency, and grows with their number. The capacity was raised above \
                the default of 10,000 tokens and 16 MiB. Bytes are the growth of the process.";
    section("Growth: cached tokens", words, table, chart, figures)
}

fn denials(world: &World) -> Section {
    let sizes: &[usize] =
        if world.is_quick { &[1, 1_000, 100_000] } else { &[1, 1_000, 10_000, 100_000, 1_000_000] };
    let site = world.background.block_on(Site::start()).expect("the dev Passport starts");
    let verifier = TokenVerifier::builder(AUDIENCE).issuer(site.issuer()).build();
    let verifier = verifier.expect("the configuration is valid");
    let caller = world.background.block_on(verifier.verify(&site.token)).expect("the token is valid");
    let stages: Vec<_> = sizes.iter().map(|size| with_denials(site.issuer(), *size)).collect();
    let mut cases: Vec<_> = stages
        .iter()
        .map(|(size, list, _)| {
            let caller = &caller;
            Case::new(size.to_string(), move |calls| {
                for _ in 0..calls {
                    assert!(!black_box(list).is_denied(black_box(caller)));
                }
            })
        })
        .collect();
    let samples = measure_interleaved(&mut cases, world.effort);
    let grown: Vec<_> = stages.iter().map(|(size, _, bytes)| (*size, *bytes)).collect();
    let (table, figures, points) = listed(DENIALS, &samples, &grown);
    let chart = Chart::Growth {
        file: "growth-denials",
        title: "Time by number of denials",
        x: "denials",
        y: "ns per search",
        lines: vec![Line { name: "search of a deny list".to_owned(), points }],
    };
    let words = "A search of a deny list for a caller that it does not deny. A request with a known \
                token searches the list only after the list has changed. Bytes are the growth of \
                the process.";
    section("Growth: denials", words, table, chart, figures)
}

/// Returns a deny list with `size` denials of subjects of `issuer`, and the bytes of each.
fn with_denials(issuer: &str, size: usize) -> (usize, DenyList, f64) {
    let before = memory_in_use();
    // The smallest capacity is 100.
    let builder = DenyList::builder().capacity(size.max(100));
    let list = builder.open().now_or_never().expect("no file is read").expect("no file is read");
    for number in 0..size {
        let subject = DeniedSubject::Subject(format!("user-{number}"));
        let denial = Denial::new(issuer, subject, SystemClock.now()).tenant("contoso");
        list.deny(&denial).now_or_never().expect("nothing is saved").expect("nothing is saved");
    }
    assert_eq!(list.len(), size);
    (size, list, memory_in_use().saturating_sub(before) as f64 / size as f64)
}

/// The unit that grows, and the area of its figures.
type Growing = (&'static str, &'static str);

const CACHED_TOKENS: Growing = ("cached tokens", "growth, tokens");
const DENIALS: Growing = ("denials", "growth, denials");
const IDENTITIES: Growing = ("identities", "growth, identities");

/// Returns the sizes, times and bytes as a table, as figures, and as points of a line.
fn listed(
    (what, area): Growing,
    samples: &[Samples],
    grown: &[(usize, f64)],
) -> (Table, Vec<Figure>, Vec<(f64, f64)>) {
    let mut table = Table::new([what, "ns per call", "bytes each"]);
    let (mut figures, mut points) = (Vec::new(), Vec::new());
    for (samples, (size, bytes)) in samples.iter().zip(grown) {
        let ns = samples.median();
        let bytes = (*size >= MANY).then_some(*bytes);
        table.row([shown(*size as f64), shown(ns), bytes.map_or_else(|| "–".to_owned(), shown)]);
        points.push((*size as f64, ns));
        figures.push(Figure::new(area, format!("{size} {what}"), ns, "ns"));
        figures.extend(bytes.map(|bytes| Figure::new(area, format!("{size} {what}, each"), bytes, "bytes")));
    }
    (table, figures, points)
}

/// Returns `count` tokens, signed on two threads.
fn signed(site: &Site, count: usize) -> Vec<HeaderValue> {
    let part = count.div_ceil(2);
    thread::scope(|scope| {
        let halves = [part, count - part].map(|part| {
            scope.spawn(move || {
                (0..part).map(|_| crate::site::bearer(&site.draft().build())).collect::<Vec<_>>()
            })
        });
        halves.into_iter().flat_map(|half| half.join().expect("the thread does not panic")).collect()
    })
}

/// Returns the tokens in a pseudo-random order that is the same in each run.
fn shuffled(tokens: &[HeaderValue]) -> Arc<[HeaderValue]> {
    let mut shuffled = tokens.to_vec();
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for last in (1..shuffled.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        shuffled.swap(last, (state >> 33) as usize % (last + 1));
    }
    shuffled.into()
}

/// Returns the resident memory of this process, in bytes.
fn memory_in_use() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

fn identities(world: &World) -> Section {
    let sizes: &[usize] = if world.is_quick { &[1, 100, 1_000] } else { &[1, 10, 100, 1_000, 10_000] };
    let here = runtime_here();
    let endpoint = world.background.block_on(TokenEndpoint::start(std::time::Duration::from_secs(24 * 3600)));
    let stages: Vec<(usize, Vec<Subject>, f64)> = sizes
        .iter()
        .map(|size| {
            let before = memory_in_use();
            let subjects = world.background.block_on(many_identities(&endpoint, *size));
            (*size, subjects, memory_in_use().saturating_sub(before) as f64 / *size as f64)
        })
        .collect();
    let mut cases: Vec<_> = stages
        .iter()
        .map(|(size, subjects, _)| {
            let (here, mut next_subjects) = (&here, subjects.iter().cycle());
            Case::new(size.to_string(), move |calls| {
                for subject in next_subjects.by_ref().take(calls) {
                    let tally = here.block_on(subject.run(Batch::to(DESTINATION, 1)));
                    assert_eq!(tally.accepted, 1, "{tally:?}");
                }
            })
        })
        .collect();
    let samples = measure_interleaved(&mut cases, world.effort);
    let grown: Vec<_> = stages.iter().map(|(size, _, bytes)| (*size, *bytes)).collect();
    let (table, figures, points) = listed(IDENTITIES, &samples, &grown);
    let chart = Chart::Growth {
        file: "growth-identities",
        title: "Time by number of identities",
        x: "identities",
        y: "ns per call",
        lines: vec![Line { name: "cached token".to_owned(), points }],
    };
    let words = "Each identity has its own token, and the identities take turns. Every call is a \
                separate batch here, and the figure includes the preparation of a batch (the same \
                for all sizes). All identities share one `Transport`, as identities in one process \
                should. A separate HTTP client for each would take 45 KiB more.";
    section("Growth: identities", words, table, chart, figures)
}
