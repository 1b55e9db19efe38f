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

/// `<contender>, rejected` sends a malformed token, and `<contender>, unknown issuer` a token of an
/// issuer that is not trusted.
fn inbound_calls(background: &Runtime, name: &str, calls: usize) {
    let site = background.block_on(Site::start()).expect("the dev Passport starts");
    let rejected = [(", rejected", "not-a-token".to_owned()), (", unknown issuer", site.of_unknown_issuer())];
    let rejected = rejected.into_iter().find_map(|(end, token)| Some((name.strip_suffix(end)?, token)));
    let is_good = rejected.is_none();
    let (contender, token) = rejected.unwrap_or_else(|| (name, site.token.clone()));
    let entry =
        inbound::ON_A_SERVICE.iter().find(|entry| entry.name == contender).expect("the contender exists");
    let subject = background.block_on(entry.warmed(&site));
    let batch = Batch::of(Arc::new([bearer(&token)]), calls);
    let tally = after_a_few(&subject, batch);
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
    here.block_on(subject.run(Batch { calls: 200, ..batch.clone() }));
    counted(&here, subject, batch)
}

#[inline(never)]
fn counted(here: &Runtime, subject: &Subject, batch: Batch) -> Tally {
    black_box(here.block_on(subject.run(batch)))
}
