//! Calls one contender many times under callgrind, which counts the instructions in [`counted`]:
//! `paths <side> <name> <calls>`. Without arguments it runs itself under callgrind for the
//! watched paths, and prints a line for each.

use std::{env, hint::black_box, process::ExitCode, sync::Arc, time::Duration};

use passport_bench::{
    inbound, instructions,
    outbound::{self, DESTINATION, TokenEndpoint},
    rig::runtime_here,
    site::{Site, bearer},
    subject::{Batch, Subject, Tally},
};
use tokio::runtime::Runtime;

/// The calls before the counted ones.
const WARM_UP: usize = 200;

fn main() -> ExitCode {
    #[cfg(feature = "peers")]
    passport_bench::install_crypto_provider();
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.is_empty() {
        instructions::watched().for_each(|(name, count)| println!("{name}\t{count:.0}"));
        return ExitCode::SUCCESS;
    }
    let [side, name, calls] = arguments.as_slice() else { return usage() };
    let Ok(calls) = calls.parse() else { return usage() };
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let background = background.expect("the runtime is built");
    match side.as_str() {
        "inbound" => inbound_calls(&background, name, calls),
        "outbound" => outbound_calls(&background, name, calls),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: paths [inbound|outbound <contender> <calls>]");
    ExitCode::FAILURE
}

/// `<contender>, each token new` sends another token in each call. The names that end in one of
/// `rejected_tokens` send such a token. All others repeat one token.
fn inbound_calls(background: &Runtime, name: &str, calls: usize) {
    let site = background.block_on(Site::start()).expect("the dev Passport starts");
    let rejected = site.rejected_tokens();
    let rejected = rejected.into_iter().find_map(|(end, token)| Some((name.strip_suffix(end)?, token)));
    let (is_good, new) = (rejected.is_none(), name.strip_suffix(", each token new"));
    let (contender, token) = rejected.unwrap_or_else(|| (new.unwrap_or(name), site.token.clone()));
    let mut all = inbound::ON_A_SERVICE.iter().chain([&inbound::OURS_WITH_ROLES]);
    let entry = all.find(|entry| entry.name == contender).expect("the contender exists");
    let subject = background.block_on(entry.warmed(&site));
    let known = Batch::of(Arc::new([bearer(&site.token)]), 1);
    assert_eq!(background.block_on(subject.run(known)).accepted, 1);
    let tokens = match new {
        Some(_) => entry.authorizations(&site, calls + WARM_UP),
        None => Arc::new([bearer(&token)]),
    };
    let tally = after_a_few(&subject, Batch::of(tokens, calls));
    assert_eq!(if is_good { tally.accepted } else { tally.rejected }, calls);
}

fn outbound_calls(background: &Runtime, name: &str, calls: usize) {
    let entry = outbound::all().into_iter().find(|entry| entry.name == name).expect("the contender exists");
    let endpoint = background.block_on(TokenEndpoint::start(Duration::from_secs(24 * 3600)));
    let subject = background.block_on((entry.attach)(&endpoint));
    assert_eq!(background.block_on(subject.run(Batch::to(DESTINATION, 1))).accepted, 1);
    let tally = after_a_few(&subject, Batch::to(DESTINATION, calls));
    assert_eq!(tally.accepted, calls);
}

fn after_a_few(subject: &Subject, batch: Batch) -> Tally {
    let here = runtime_here();
    // With the tokens after the counted ones, so that a new token stays new.
    here.block_on(subject.run(Batch { calls: WARM_UP, first: batch.calls, ..batch.clone() }));
    counted(&here, subject, batch)
}

#[inline(never)]
fn counted(here: &Runtime, subject: &Subject, batch: Batch) -> Tally {
    black_box(here.block_on(subject.run(batch)))
}
