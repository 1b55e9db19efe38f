//! The effect of floods, key rotations and issuer outages on valid requests.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::HeaderValue;
use passport_dev::{Endpoint, Fault};
use tokio::task::JoinSet;

use super::World;
use crate::{
    inbound::{Entry, OURS_ON_AXUM, PEERS_ON_AXUM},
    report::{Figure, Section, Table, marked, shown},
    rig::percentile,
    site::{Site, bearer},
    subject::{Batch, Subject},
};

const CROWD: usize = 1_000;
const RANDOM_KIDS: usize = 10_000;

/// The time limit of a request.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// The results of valid requests.
#[derive(Clone, Debug, Default)]
struct CallResults {
    p99: Duration,
    failed: usize,
    calls: usize,
}

pub fn sections(world: &World) -> Vec<Section> {
    let watch = if world.is_quick { Duration::from_millis(600) } else { Duration::from_secs(2) };
    let mut table = Table::new([
        "",
        "JWKS fetches, 1,000 cold callers",
        "JWKS fetches, 10,000 random kids",
        "p99 in the flood, µs (rejected)",
        "p99 in the rotation, µs (rejected)",
        "p99 in the hang, µs (rejected)",
    ]);
    let mut figures = Vec::new();
    for entry in std::iter::once(OURS_ON_AXUM).chain(PEERS_ON_AXUM) {
        let stress = world.background.block_on(Stress::of(entry, watch));
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        let with_failed = |results: &CallResults| {
            format!("{} ({} of {})", shown(us(results.p99)), results.failed, results.calls)
        };
        let random_kids = format!("{}{}", stress.random_kids.0, not_all(stress.random_kids.1, RANDOM_KIDS));
        table.row([
            entry.name.to_owned(),
            format!("{}{}", stress.cold.0, not_all(stress.cold.1, CROWD)),
            marked(&random_kids, stress.rotation.failed > 0),
            with_failed(&stress.flood),
            with_failed(&stress.rotation),
            with_failed(&stress.hang),
        ]);
        let mut figure = |what: &str, value: f64, unit| {
            figures.push(Figure::new("inbound stress", format!("{}, {what}", entry.name), value, unit));
        };
        figure("JWKS fetches for 1,000 cold callers", stress.cold.0 as f64, "fetches");
        figure("JWKS fetches for 10,000 random kids", stress.random_kids.0 as f64, "fetches");
        for (what, results) in
            [("flood", &stress.flood), ("rotation", &stress.rotation), ("hang", &stress.hang)]
        {
            figure(&format!("p99 in a {what}"), us(results.p99), "µs");
            figure(&format!("rejected in a {what}"), results.failed as f64, "calls");
        }
    }
    vec![Section {
        title: "Inbound: floods, key rotation and outages",
        words: "A valid request with a cached token arrives every millisecond. A figure is the 99th \
               percentile of its duration, followed by the number of rejected valid requests. In \
               the flood, two tasks on one other thread send tokens with random kids without a \
               pause. In the rotation, the issuer switches to a new key at one moment, and the \
               callers send tokens of the new key; the few requests that wait for that key are \
               above the p99. In the hang, a JWKS response takes half a minute, and one other \
               request has an unknown kid. Most peers fetch their keys at construction, so one \
               fetch for cold callers says little about them. † never fetches again: it is not \
               affected by random kids, but does not survive a rotation. Where a number of \
               answered calls follows a number of fetches, the other calls had no response after \
               three seconds."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }]
}

fn not_all(completed: usize, of: usize) -> String {
    if completed == of { String::new() } else { format!(" ({completed} answered)") }
}

struct Stress {
    /// The JWKS fetches, and the number of answered calls.
    cold: (u64, usize),
    random_kids: (u64, usize),
    flood: CallResults,
    rotation: CallResults,
    hang: CallResults,
}

impl Stress {
    async fn of(entry: Entry, watch: Duration) -> Self {
        Self {
            cold: cold(&entry).await,
            random_kids: random_kids(&entry).await,
            flood: flood(&entry, watch).await,
            rotation: rotation(&entry, watch).await,
            hang: hang(&entry, watch).await,
        }
    }
}

async fn site() -> Site {
    Site::start().await.expect("the dev Passport starts")
}

async fn cold(entry: &Entry) -> (u64, usize) {
    let site = site().await;
    let subject = (entry.protect)(&site).await;
    let tokens = entry.authorizations(&site, 1);
    let completed = crowd(&subject, std::iter::repeat_n(tokens[0].clone(), CROWD)).await;
    (site.passport().counters().jwks(), completed)
}

async fn random_kids(entry: &Entry) -> (u64, usize) {
    let site = site().await;
    let subject = entry.warmed(&site).await;
    let before = site.passport().counters().jwks();
    let completed = crowd(&subject, (0..RANDOM_KIDS).map(|number| junk(&site, number))).await;
    (site.passport().counters().jwks() - before, completed)
}

/// Returns a token of the usual form, with an unknown kid and an invalid signature.
fn junk(site: &Site, number: usize) -> HeaderValue {
    let (_, signature) = site.token.rsplit_once('.').expect("the token has a signature");
    let (_, payload) = site.token.split_once('.').expect("the token has a payload");
    let payload = payload.split('.').next().unwrap_or_default();
    let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"random-{number}"}}"#);
    let header = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, header);
    bearer(&format!("{header}.{payload}.{signature}"))
}

/// Makes one call per token, concurrently, and returns the number of calls that end in time.
async fn crowd(subject: &Subject, tokens: impl Iterator<Item = HeaderValue>) -> usize {
    let mut calls = JoinSet::new();
    for token in tokens {
        let subject = subject.clone();
        calls.spawn(async move { subject.run(Batch::of(Arc::new([token]), 1)).await });
    }
    let mut completed = 0;
    let all = async {
        while let Some(outcome) = calls.join_next().await {
            completed += usize::from(outcome.is_ok());
        }
    };
    let _ = tokio::time::timeout(TIME_LIMIT, all).await;
    completed
}

async fn flood(entry: &Entry, watch: Duration) -> CallResults {
    let site = site().await;
    let subject = entry.warmed(&site).await;
    let good = entry.authorizations(&site, 1);
    let junk: Arc<[HeaderValue]> = (0..2_000).map(|number| junk(&site, number)).collect();
    let mut others = JoinSet::new();
    for first in [0, 1_000] {
        let (subject, junk) = (subject.clone(), Arc::clone(&junk));
        others.spawn(async move {
            let mut first = first;
            loop {
                subject.run(Batch { first, ..Batch::of(Arc::clone(&junk), 10) }).await;
                first += 10;
                tokio::task::yield_now().await;
            }
        });
    }
    valid_requests(&subject, watch, || good[0].clone()).await
}

async fn rotation(entry: &Entry, watch: Duration) -> CallResults {
    let site = site().await;
    let subject = entry.warmed(&site).await;
    site.passport().rotate_keys().await;
    let new = entry.authorizations(&site, 1);
    valid_requests(&subject, watch, || new[0].clone()).await
}

async fn hang(entry: &Entry, watch: Duration) -> CallResults {
    let site = site().await;
    let subject = entry.warmed(&site).await;
    let good = entry.authorizations(&site, 1);
    site.passport().inject(Endpoint::Jwks, Fault::Slow(Duration::from_secs(30)));
    let (other, unknown) = (subject.clone(), junk(&site, 0));
    let other = tokio::spawn(async move { other.run(Batch::of(Arc::new([unknown]), 1)).await });
    let results = valid_requests(&subject, watch, || good[0].clone()).await;
    other.abort();
    results
}

/// Makes a valid request every millisecond, each in a separate task, on other threads.
async fn valid_requests(subject: &Subject, watch: Duration, token: impl Fn() -> HeaderValue) -> CallResults {
    let (subject, token) = (subject.clone(), token());
    let callers = tokio::task::spawn_blocking(move || {
        crate::rig::runtime_here().block_on(callers(&subject, &token, watch))
    });
    callers.await.expect("the thread does not panic")
}

async fn callers(subject: &Subject, token: &HeaderValue, watch: Duration) -> CallResults {
    let mut calls = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    let began = Instant::now();
    while began.elapsed() < watch {
        ticks.tick().await;
        let (subject, token) = (subject.clone(), token.clone());
        calls.spawn(async move {
            let began = Instant::now();
            let call = subject.run(Batch::of(Arc::new([token]), 1));
            let accepted =
                tokio::time::timeout(TIME_LIMIT, call).await.is_ok_and(|tally| tally.accepted == 1);
            (accepted, began.elapsed())
        });
    }
    let outcomes: Vec<(bool, Duration)> = calls.join_all().await;
    let mut times: Vec<Duration> = outcomes.iter().map(|(_, took)| *took).collect();
    times.sort_unstable();
    CallResults {
        p99: percentile(&times, 0.99),
        failed: outcomes.iter().filter(|(accepted, _)| !accepted).count(),
        calls: outcomes.len(),
    }
}
