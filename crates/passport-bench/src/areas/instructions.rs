//! The instructions of the paths that CI watches.

use crate::{
    instructions,
    report::{Figure, Section, Table, shown, targets::INSTRUCTIONS},
};

pub fn sections() -> Vec<Section> {
    let mut table = Table::new(["", "instructions"]);
    let mut figures = Vec::new();
    for (name, count) in instructions::watched() {
        table.row([name.to_owned(), shown(count)]);
        figures.push(Figure::new(INSTRUCTIONS, name, count, "instructions"));
    }
    vec![Section {
        title: "Instructions of a call",
        words: "Counted by callgrind, without the instructions of the same call without the layer. \
               They are the same on an idle and on a busy machine, so CI compares them with \
               `crates/passport-bench/instructions.tsv`. Cryptography is counted without the newest \
               instructions of the processor, so its share is too large.\n\n\
               * Two threads share one identity. callgrind runs one thread at a time: the count \
               shows what a thread does more because of the other one, but not the wait for a cache \
               line that both write. Cycles would show it, but many virtual machines do not count \
               them. The time of two threads is in a table of its own.\n\
               * A rejected and retried request is sent, gets a 401, waits for a new token from an \
               issuer in memory, and is sent again.\n\
               * The forwarded request has no baseline: all of the sidecar is counted, with its HTTP \
               server and client, but without the kernel, the caller and the upstream service. It \
               varies by about one percent with the moments at which bytes arrive."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }]
}
