use std::sync::{Arc, Mutex};

use futures_util::future::join;
use passport_dev::{Endpoint, Fault};
use passport_outbound::{Clock, ManualClock};
use tracing::{Instrument, Subscriber, info_span, span};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

use super::*;

const ATTEMPT: &str = "passport_token_attempt";

/// Records the events of spans in order.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

impl Spans {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    /// Returns the position of `line`, if it was recorded.
    fn position(&self, line: &str) -> Option<usize> {
        self.0.lock().unwrap().iter().position(|noted| noted == line)
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, _: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().map_or("nothing", |parent| parent.name());
        self.note(format!("{} in {parent}", span.name()));
    }

    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, context: Context<'_, S>) {
        let name = |id| context.span(id).map_or("a closed span", |span| span.name());
        self.note(format!("{} links {}", name(id), name(follows)));
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        self.note(format!("{} closed", context.span(&id).unwrap().name()));
    }
}

fn recorded() -> (Spans, tracing::subscriber::DefaultGuard) {
    let spans = Spans::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(spans.clone()));
    (spans, guard)
}

#[tokio::test]
async fn refresh_does_not_keep_the_span_of_its_request_open() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let identity = identity_builder(&passport, &registered).clock(clock.clone()).build().unwrap();
    identity.token().await.unwrap();
    let (spans, _guard) = recorded();
    clock.advance(3550 * SECOND);
    passport.inject(Endpoint::Token, Fault::Slow(SECOND / 2));
    let before = clock.now();
    identity.token().instrument(info_span!("request")).await.unwrap();
    while identity.status().expires_at().unwrap() < before + 3590 * SECOND {
        tokio::task::yield_now().await;
    }
    while spans.position(&format!("{ATTEMPT} closed")).is_none() {
        tokio::task::yield_now().await;
    }
    assert!(spans.position(&format!("{ATTEMPT} in nothing")).is_some(), "{:?}", spans.0);
    assert!(spans.position(&format!("{ATTEMPT} links request")).is_some(), "{:?}", spans.0);
    assert!(spans.position("request closed") < spans.position(&format!("{ATTEMPT} closed")), "{:?}", spans.0);
}

#[tokio::test]
async fn waiting_calls_are_linked_to_the_attempt_they_share() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = identity_builder(&passport, &registered).build().unwrap();
    let (spans, _guard) = recorded();
    let call = |name| identity.token().instrument(name);
    let (one, other) = join(call(info_span!("one")), call(info_span!("other"))).await;
    assert!(one.is_ok() && other.is_ok());
    for line in ["one", "other"].map(|call| format!("{call} links {ATTEMPT}")) {
        assert!(spans.position(&line).is_some(), "{line} {:?}", spans.0);
    }
}
