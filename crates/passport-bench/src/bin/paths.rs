//! Calls one contender many times under callgrind, which counts the instructions in [`counted`]:
//! `paths <side> <name> <calls>`. Without arguments it runs itself under callgrind for the
//! watched paths, and prints a line for each.

use std::{
    env,
    future::{Future, pending},
    hint::black_box,
    net::Ipv4Addr,
    pin::{Pin, pin},
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use passport_bench::{
    inbound, instructions,
    outbound::{self, DESTINATION, TokenEndpoint},
    rig::runtime_here,
    sidecar::{self, Caller, SidecarConfigFile},
    site::{Site, bearer},
    subject::{Batch, Subject, Tally},
};
use passport_sidecar::{ServeError, SidecarConfig, SidecarServer, registry};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinHandle};

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
        "sidecar" => sidecar_calls(&background, calls),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: paths [inbound|outbound|sidecar <contender> <calls>]");
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
    let others = [&inbound::OURS_WITH_ROLES, &inbound::OURS_INTROSPECTING];
    let mut all = inbound::ON_A_SERVICE.iter().chain(others);
    let entry = all.find(|entry| entry.name == contender).expect("the contender exists");
    let subject = background.block_on(entry.warmed(&site));
    let known = Batch::of(Arc::new([bearer(&site.token)]), 1);
    assert_eq!(background.block_on(subject.run(known)).accepted, 1);
    let tokens = match new {
        Some(_) => entry.authorizations(&site, calls + WARM_UP),
        None => Arc::new([bearer(&token)]),
    };
    let tally = after_a_few(&subject, &Batch::of(tokens, calls));
    assert_eq!(if is_good { tally.accepted } else { tally.rejected }, calls);
}

/// `<contender>, two threads` divides the calls between two threads, which share the contender.
fn outbound_calls(background: &Runtime, name: &str, calls: usize) {
    let both = name.strip_suffix(", two threads");
    let contender = both.unwrap_or(name);
    let mut all = outbound::all().into_iter().chain([outbound::REJECTED_AND_RETRIED]);
    let entry = all.find(|entry| entry.name == contender).expect("the contender exists");
    let endpoint = background.block_on(TokenEndpoint::start(Duration::from_secs(24 * 3600)));
    let subject = background.block_on((entry.attach)(&endpoint));
    assert_eq!(background.block_on(subject.run(Batch::to(DESTINATION, 1))).accepted, 1);
    let accepted = |calls| after_a_few(&subject, &Batch::to(DESTINATION, calls)).accepted;
    let all = if both.is_some() {
        thread::scope(|scope| {
            let other = scope.spawn(|| accepted(calls / 2));
            accepted(calls / 2) + other.join().expect("the thread does not panic")
        })
    } else {
        accepted(calls)
    };
    assert_eq!(all, calls);
}

fn after_a_few(subject: &Subject, batch: &Batch) -> Tally {
    let here = runtime_here();
    // With the tokens after the counted ones, so that a new token stays new.
    here.block_on(subject.run(Batch { calls: WARM_UP, first: batch.calls, ..batch.clone() }));
    let mut tally = Tally::default();
    counted(&mut || tally = here.block_on(subject.run(batch.clone())));
    tally
}

/// Forwards requests through a sidecar that runs on this thread. The caller, the upstream service
/// and the token endpoint run on another one, which is not counted. Each request is sent after the
/// response to the one before, so that the number of reads and wake-ups hardly varies.
fn sidecar_calls(background: &Runtime, calls: usize) {
    let upstream = background.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("a port is free");
    let upstream_port = upstream.local_addr().expect("the listener is bound").port();
    background.spawn(sidecar::upstream(upstream));
    let endpoint = background.block_on(TokenEndpoint::start(Duration::from_secs(24 * 3600)));
    let config = SidecarConfigFile::written(upstream_port, endpoint.address().port());
    let here = runtime_here();
    let settings = SidecarConfig::read(Some(&config.path)).expect("the configuration is readable");
    let server = SidecarServer::new(settings, registry()).expect("the configuration is valid");
    let mut serving = pin!(server.serve(pending()));
    let warm_up = background.spawn(async move {
        let mut caller = Caller::connected(config.port).await;
        caller.calls(WARM_UP).await;
        caller
    });
    let mut caller = served(&here, serving.as_mut(), warm_up);
    let mut counted_calls = Some(background.spawn(async move { caller.calls(calls).await }));
    counted(&mut || {
        let calls = counted_calls.take().expect("the work runs once");
        served(&here, serving.as_mut(), calls);
    });
}

/// Serves until `work` on the other thread is done.
fn served<T>(
    here: &Runtime,
    mut serving: Pin<&mut impl Future<Output = Result<(), ServeError>>>,
    work: JoinHandle<T>,
) -> T {
    here.block_on(async {
        tokio::select! {
            ended = serving.as_mut() => panic!("the sidecar ended: {ended:?}"),
            done = work => done.expect("the caller does not panic"),
        }
    })
}

/// Runs `work`. callgrind counts what happens in this function, in every thread.
#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    black_box(work)();
}
