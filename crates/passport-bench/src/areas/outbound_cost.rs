//! What it costs to put a token on a request.

use std::collections::HashMap;

use super::World;
use crate::{
    allocations::Allocations,
    instructions,
    outbound::{DESTINATION, Entry, OURS, PEERS, TokenEndpoint},
    report::{Chart, Figure, Section, Table, shown, times},
    rig::{Case, Samples, runtime_here, take_turns},
    subject::{Batch, Subject},
};

const FLOOR: &str = "static header";
const NAME: &str = "passport-outbound";

pub fn sections(world: &World, allocations: &Allocations) -> Vec<Section> {
    let here = runtime_here();
    let entries: Vec<Entry> = OURS.into_iter().chain(PEERS).collect();
    let subjects: Vec<(TokenEndpoint, Subject)> =
        entries.iter().map(|entry| world.background.block_on(warmed(entry))).collect();
    let mut cases: Vec<_> = entries
        .iter()
        .zip(&subjects)
        .map(|(entry, (_, subject))| {
            let (here, subject) = (&here, subject.clone());
            Case::new(entry.name, move |calls| {
                let tally = here.block_on(subject.run(Batch::to(DESTINATION, calls)));
                assert_eq!(tally.accepted, calls, "{}: {tally:?}", entry.name);
            })
        })
        .collect();
    let samples = take_turns(&mut cases, world.effort);
    let above =
        |entry: &Entry| Samples::named(&samples, entry.name).over(Samples::named(&samples, entry.bare));
    let floor = above(&OURS[1]);
    let ours = above(&OURS[2]);
    let mut table = Table::new([
        "",
        "ns above the same without a token",
        "of the floor",
        "of ours",
        "allocations",
        "instructions",
    ]);
    let (mut figures, mut bars) = (Vec::new(), Vec::new());
    let bare: HashMap<&str, f64> = entries
        .iter()
        .filter(|entry| entry.name == entry.bare)
        .map(|entry| (entry.name, instructions::of("outbound", entry.name)))
        .collect();
    let counted = |entry: &Entry| instructions::of("outbound", entry.name) - bare[entry.bare];
    let ours_counted = counted(&OURS[2]);
    for entry in entries.iter().filter(|entry| entry.name != entry.bare) {
        let over = above(entry);
        let allocated = allocations.of("outbound", entry.name) - allocations.of("outbound", entry.bare);
        let counted = if entry.name == NAME { ours_counted } else { counted(entry) };
        table.row([
            entry.name.to_owned(),
            shown(over),
            times(over / floor),
            times(over / ours),
            shown(allocated),
            shown(counted),
        ]);
        figures.push(Figure::new("outbound warm", entry.name, over, "ns").against(FLOOR, floor));
        figures.push(Figure::new(
            "outbound warm",
            format!("{}, allocations", entry.name),
            allocated,
            "allocations",
        ));
        figures.push(
            Figure::new("outbound warm", format!("{}, instructions", entry.name), counted, "instructions")
                .against(NAME, ours_counted),
        );
        bars.push((entry.name.to_owned(), over));
    }
    vec![Section {
        title: "Outbound: a token that is there",
        words: "What a request takes more than the same request without a token. The floor is tower-http's \
                `SetRequestHeaderLayer` with a token that never changes. Two of the allocations are everybody's: the map of \
                headers, which gets its first one.\n\n\
                middle is faster, by doing less: it hands over a header, which eight lines of glue put on the request. Ours \
                checks that the destination may see the token and that the request has no other (or else a redirect or a \
                user's request takes it away), reads the time, and looks at the answer for a refusal of the token, so that the \
                next call has a new one. Crates with a client of their own are measured inside of it, with the network taken \
                away, and the same client without them is subtracted."
            .to_owned(),
        table,
        charts: vec![Chart::Bars { file: "outbound-warm", title: "A token on a request", unit: "ns", bars }],
        figures,
    }]
}

async fn warmed(entry: &Entry) -> (TokenEndpoint, Subject) {
    // So long that nobody finds a new one due.
    let endpoint = TokenEndpoint::start(std::time::Duration::from_secs(24 * 3600)).await;
    let subject = (entry.attach)(&endpoint).await;
    let tally = subject.run(Batch::to(DESTINATION, 10)).await;
    assert_eq!(tally.accepted, 10, "{}", entry.name);
    (endpoint, subject)
}
