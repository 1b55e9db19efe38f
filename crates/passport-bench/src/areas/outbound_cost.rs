//! The cost of attaching a token to a request.

use std::collections::HashMap;

use super::World;
use crate::{
    allocations::Allocations,
    instructions,
    outbound::{DESTINATION, Entry, OURS, PEERS, TokenEndpoint},
    report::{Chart, Figure, Section, Table, marked, shown, times},
    rig::{Case, Samples, measure_interleaved, runtime_here},
    subject::{Batch, Subject},
};

const FLOOR: &str = "static header";
const NAME: &str = "passport-outbound";
const SIDE: &str = "outbound";

/// The cost above a request without a token.
struct Row {
    name: &'static str,
    ns: f64,
    allocations: f64,
    instructions: f64,
}

pub fn sections(world: &World, allocations: &Allocations) -> Vec<Section> {
    let rows = rows(world, allocations);
    let named = |name: &str| rows.iter().find(|row| row.name == name).expect("the contender exists");
    let (floor, ours) = (named(FLOOR), named(NAME));
    let mut table = Table::new(COLUMNS);
    let (mut figures, mut bars) = (Vec::new(), Vec::new());
    for Row { name, ns, allocations, instructions } in &rows {
        let (of_floor, of_ours) = (times(ns / floor.ns), times(ns / ours.ns));
        let shown_name = marked(name, *name == "middle");
        table.row([shown_name, shown(*ns), of_floor, of_ours, shown(*allocations), shown(*instructions)]);
        let figure =
            |what: &str, value: f64, unit| Figure::new("outbound warm", format!("{name}{what}"), value, unit);
        figures.push(figure("", *ns, "ns").against(FLOOR, floor.ns));
        figures.push(figure(", allocations", *allocations, "allocations"));
        figures
            .push(figure(", instructions", *instructions, "instructions").against(NAME, ours.instructions));
        bars.push(((*name).to_owned(), *ns));
    }
    vec![Section {
        title: "Outbound: cached token",
        words: WORDS.to_owned(),
        table,
        charts: vec![Chart::Bars {
            file: "outbound-warm",
            title: "Time to attach a cached token",
            unit: "ns",
            bars,
        }],
        figures,
    }]
}

const COLUMNS: [&str; 6] = [
    "",
    "ns above request without token",
    "relative to floor",
    "relative to passport-outbound",
    "allocations",
    "instructions",
];

const WORDS: &str = "\
The cost of a request above the same request without a token. The floor is \
`SetRequestHeaderLayer` of tower-http with a constant token. Two allocations are \
common to all contenders, for the header map that gets its first entry.\n\n\
† middle does less: it returns a header, which eight lines of glue code put on the \
request. passport-outbound checks that the destination is \
allowed and that the request has no `Authorization` header. (Otherwise a redirect or \
a user's request could obtain the token.) It also checks the response for a \
rejection of the token, so that the next call has a new one. Crates with their own \
HTTP client are measured inside that client, with the network replaced; the baseline \
is the same client without the crate.";

fn rows(world: &World, allocations: &Allocations) -> Vec<Row> {
    let entries: Vec<Entry> = OURS.into_iter().chain(PEERS).collect();
    let samples = timed(world, &entries);
    let above_bare = |entry: &Entry, bare_instructions: f64| Row {
        name: entry.name,
        ns: Samples::named(&samples, entry.name).over(Samples::named(&samples, entry.bare)),
        allocations: allocations.of(SIDE, entry.name) - allocations.of(SIDE, entry.bare),
        instructions: instructions::of(SIDE, entry.name) - bare_instructions,
    };
    let (bare, others): (Vec<Entry>, Vec<Entry>) = entries.iter().partition(|entry| entry.name == entry.bare);
    let bare: HashMap<&str, f64> =
        bare.iter().map(|bare| (bare.name, instructions::of(SIDE, bare.name))).collect();
    others.iter().map(|entry| above_bare(entry, bare[entry.bare])).collect()
}

fn timed(world: &World, entries: &[Entry]) -> Vec<Samples> {
    let here = runtime_here();
    // The endpoints must outlive the calls.
    let subjects: Vec<(TokenEndpoint, Subject)> =
        entries.iter().map(|entry| world.background.block_on(warmed(entry))).collect();
    let case = |(entry, (_, subject)): (&Entry, &(TokenEndpoint, Subject))| {
        let (here, subject, name) = (&here, subject.clone(), entry.name);
        Case::new(name, move |calls| {
            let tally = here.block_on(subject.run(Batch::to(DESTINATION, calls)));
            assert_eq!(tally.accepted, calls, "{name}: {tally:?}");
        })
    };
    let mut cases: Vec<_> = entries.iter().zip(&subjects).map(case).collect();
    measure_interleaved(&mut cases, world.effort)
}

/// Returns a contender with a cached token, which it does not refresh, and its endpoint.
pub(super) async fn warmed(entry: &Entry) -> (TokenEndpoint, Subject) {
    let endpoint = TokenEndpoint::start(std::time::Duration::from_secs(24 * 3600)).await;
    let subject = (entry.attach)(&endpoint).await;
    let tally = subject.run(Batch::to(DESTINATION, 10)).await;
    assert_eq!(tally.accepted, 10, "{}", entry.name);
    (endpoint, subject)
}
