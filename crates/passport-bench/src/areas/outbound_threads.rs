//! Attaching a token on two threads at once.

use super::{World, outbound_cost::warmed};
use crate::{
    outbound::{DESTINATION, Entry, OURS, PEERS, TokenEndpoint},
    report::{Figure, Section, Table, targets::OUTBOUND_THREADS, times},
    rig::{Samples, scaling},
    subject::{Batch, Subject},
};

pub fn sections(world: &World) -> Vec<Section> {
    let entries: Vec<Entry> = OURS.into_iter().chain(PEERS).collect();
    let samples = measured(world, &entries);
    let mut table = Table::new(["", "calls of two threads, relative to one", "relative to bare"]);
    let mut figures = Vec::new();
    for (entry, own) in entries.iter().zip(&samples) {
        let to_bare = own.to(Samples::named(&samples, entry.bare));
        table.row([entry.name.to_owned(), times(own.median()), times(to_bare)]);
        let figure = Figure::new(OUTBOUND_THREADS, entry.name, own.median(), "x");
        figures.push(Figure { baseline: Some(entry.bare.to_owned()), ratio: Some(to_bare), ..figure });
    }
    vec![Section {
        title: "Outbound: two threads",
        words: "The number of calls of two threads, divided by the number of calls of one. Both \
               threads attach the same cached token. The two processors of a virtual machine may \
               share one core. No contender reaches 2 x in that case, so compare with the same \
               client without a token in the same rounds."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }]
}

fn measured(world: &World, entries: &[Entry]) -> Vec<Samples> {
    // The endpoints must outlive the calls.
    let ready: Vec<(TokenEndpoint, Subject)> =
        entries.iter().map(|entry| world.background.block_on(warmed(entry))).collect();
    let batch = Batch::to(DESTINATION, 100);
    let ready = entries.iter().zip(&ready);
    let all: Vec<_> =
        ready.map(|(entry, (_, subject))| (entry.name.to_owned(), subject, batch.clone())).collect();
    scaling(&all, world.effort)
}
