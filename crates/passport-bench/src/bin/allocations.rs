//! Counts the allocations of a call with a counting allocator. Prints a line for each contender:
//! its side, its name and the count, separated by tabs.

use std::{sync::Arc, time::Duration};

use passport_bench::{
    inbound,
    outbound::{self, DESTINATION, TokenEndpoint},
    rig::runtime_here,
    site::Site,
    subject::{Batch, Subject},
};

const CALLS: usize = 1_000;

fn main() {
    #[cfg(feature = "peers")]
    passport_bench::install_crypto_provider();
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let background = background.expect("the runtime is built");
    let site = background.block_on(Site::start()).expect("the dev Passport starts");
    let on_routes = inbound::all().into_iter().map(|entry| ("inbound", entry));
    let around = inbound::all_around_a_router().into_iter().map(|entry| ("inbound, around a router", entry));
    for (side, entry) in on_routes.chain(around) {
        let subject = background.block_on(entry.warmed(&site));
        let token = entry.authorizations(&site, 1);
        println!(
            "{side}\t{}\t{}",
            entry.name,
            allocations_per_call(&subject, &Batch::of(Arc::clone(&token), CALLS))
        );
    }
    for entry in outbound::all() {
        let endpoint = background.block_on(TokenEndpoint::start(Duration::from_secs(24 * 3600)));
        let subject = background.block_on((entry.attach)(&endpoint));
        background.block_on(subject.run(Batch::to(DESTINATION, 1)));
        println!(
            "outbound\t{}\t{}",
            entry.name,
            allocations_per_call(&subject, &Batch::to(DESTINATION, CALLS))
        );
    }
}

fn allocations_per_call(subject: &Subject, batch: &Batch) -> f64 {
    let here = runtime_here();
    here.block_on(subject.run(batch.clone()));
    let counted = allocation_counter::measure(|| {
        here.block_on(subject.run(batch.clone()));
    });
    // Rounding removes the allocations of the batch.
    (counted.count_total as f64 / CALLS as f64 * 10.0).round() / 10.0
}
