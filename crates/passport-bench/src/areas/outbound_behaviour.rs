//! Waiting and failing calls in the life of a token: before the first fetch, during a refresh,
//! and in an outage.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::World;
use crate::{
    outbound::{DESTINATION, Entry, OURS, PEERS, TokenEndpoint},
    report::{Figure, Section, Table, shown},
    subject::{Batch, Subject, Tally},
};

/// The duration of a token request, while the endpoint works.
const SLOW: Duration = Duration::from_millis(500);

/// The number of concurrent callers.
const CROWD: usize = 1_000;

/// The time limit of a call.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The results of some calls.
#[derive(Clone, Copy, Debug, Default)]
struct CallResults {
    calls: usize,
    failed: usize,
    longest: Duration,
}

/// The results of one contender.
struct Behaviour {
    entry: Entry,
    cold: u64,
    /// The token requests of concurrent callers when a refresh is due, and their results.
    due: (u64, CallResults),
    /// The same under steady load.
    steady: (u64, CallResults),
    outage: CallResults,
}

pub fn sections(world: &World) -> Vec<Section> {
    let contenders: Vec<Entry> = OURS
        .into_iter()
        .chain(PEERS)
        .filter(|entry| entry.name != entry.bare && entry.name != "static header")
        .collect();
    // All contenders run concurrently, because they mostly wait.
    let all = world.background.block_on(join_all(contenders.into_iter().map(observed)));
    let mut table = Table::new([
        "",
        "token requests, 1,000 cold callers",
        "token requests, 1,000 callers at refresh",
        "longest wait at refresh, ms",
        "longest wait under steady load, ms",
        "failed calls in an outage",
    ]);
    let mut figures = Vec::new();
    for behaviour in &all {
        table.row(behaviour.row());
        figures.extend(behaviour.figures());
    }
    vec![Section {
        title: "Outbound: refreshes and outages",
        words: "All contenders run at the same time, each with its own token endpoint. A token \
               request takes 500 ms. The token lifetime of each contender is its refresh margin \
               plus three seconds, so a refresh is due about three seconds after a fetch, while the \
               current token is still valid. Under steady load, a hundred callers arrive together \
               ten times per second during a refresh. In the outage, the endpoint responds with 503 \
               from the first second on. The calls of the next six seconds are counted, but at most \
               those until two seconds before the current token expires."
            .to_owned(),
        table,
        charts: Vec::new(),
        figures,
    }]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Behaviour {
    fn row(&self) -> [String; 6] {
        let Self { entry, cold, due, steady, outage } = self;
        [
            entry.name.to_owned(),
            cold.to_string(),
            due.0.to_string(),
            shown(ms(due.1.longest)),
            shown(ms(steady.1.longest)),
            format!("{} of {}", shown(outage.failed as f64), shown(outage.calls as f64)),
        ]
    }

    fn figures(&self) -> [Figure; 9] {
        let Self { entry, cold, due, steady, outage } = self;
        let figure = |what: &str, value: f64, unit| {
            Figure::new("outbound behaviour", format!("{}, {what}", entry.name), value, unit)
        };
        [
            figure("token requests for 1,000 cold callers", *cold as f64, "requests"),
            figure("token requests for 1,000 callers when due", due.0 as f64, "requests"),
            figure("longest wait of 1,000 callers when due", ms(due.1.longest), "ms"),
            figure("failed of 1,000 callers when due", due.1.failed as f64, "calls"),
            figure("token requests across a refresh", steady.0 as f64, "requests"),
            figure("longest wait across a refresh", ms(steady.1.longest), "ms"),
            figure("failed across a refresh", steady.1.failed as f64, "calls"),
            figure("failed in an outage", outage.failed as f64, "calls"),
            figure("calls in an outage", outage.calls as f64, "calls"),
        ]
    }
}

async fn observed(entry: Entry) -> Behaviour {
    let (cold, due) = crowds(&entry).await;
    let steady = stream(&entry).await;
    let outage = outage(&entry).await;
    Behaviour { entry, cold, due, steady, outage }
}

async fn fresh(entry: &Entry) -> (TokenEndpoint, Subject) {
    let endpoint = TokenEndpoint::start(entry.lifetime).await;
    endpoint.takes(SLOW);
    let subject = (entry.attach)(&endpoint).await;
    (endpoint, subject)
}

async fn crowds(entry: &Entry) -> (u64, (u64, CallResults)) {
    let (endpoint, subject) = fresh(entry).await;
    crowd(&subject, CROWD).await;
    let cold = endpoint.requests();
    // The three seconds, and a margin, so that a refresh is due for all contenders.
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let results = crowd(&subject, CROWD).await;
    tokio::time::sleep(SLOW * 2).await;
    (cold, (endpoint.requests() - cold, results))
}

async fn stream(entry: &Entry) -> (u64, CallResults) {
    let (endpoint, subject) = fresh(entry).await;
    crowd(&subject, 1).await;
    let before = endpoint.requests();
    let results = stream_for(&subject, Duration::from_secs(5)).await;
    (endpoint.requests() - before, results)
}

async fn outage(entry: &Entry) -> CallResults {
    let (endpoint, subject) = fresh(entry).await;
    crowd(&subject, 1).await;
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    endpoint.takes(Duration::ZERO);
    endpoint.start_outage();
    // In its last two seconds a token may expire on its way, so a contender need not send it.
    let alive = entry.lifetime.saturating_sub(Duration::from_secs(2)).min(Duration::from_secs(6));
    stream_for(&subject, alive.saturating_sub(began.elapsed())).await
}

async fn stream_for(subject: &Subject, time: Duration) -> CallResults {
    let began = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut crowds = Vec::new();
    while began.elapsed() < time {
        ticks.tick().await;
        let subject = subject.clone();
        crowds.push(tokio::spawn(async move { crowd(&subject, 100).await }));
    }
    let mut total = CallResults::default();
    for crowd in crowds {
        let results = crowd.await.unwrap_or(CallResults { calls: 100, failed: 100, longest: Duration::ZERO });
        total.calls += results.calls;
        total.failed += results.failed;
        total.longest = total.longest.max(results.longest);
    }
    total
}

/// Makes concurrent calls, each in a task, so that a panic counts as one failed call.
async fn crowd(subject: &Subject, size: usize) -> CallResults {
    let one = || {
        let subject = subject.clone();
        tokio::spawn(async move {
            let began = Instant::now();
            let call = subject.run(Batch::to(DESTINATION, 1));
            let tally = tokio::time::timeout(TIME_LIMIT, call).await.unwrap_or_default();
            (tally, began.elapsed())
        })
    };
    let calls: Vec<_> = (0..size).map(|_| one()).collect();
    let mut results = CallResults { calls: size, ..CallResults::default() };
    for call in calls {
        let (tally, took) = call.await.unwrap_or((Tally::default(), Duration::ZERO));
        results.failed += 1 - tally.accepted;
        results.longest = results.longest.max(took);
    }
    results
}
