use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{HttpClient, ManualClock, ResponseLimits, Transport, TransportError};

use crate::{
    RejectionReason, TokenVerifier,
    test_support::{START, ScriptedIssuer, ScriptedResponse, setup},
    verify::limits::VerificationPermits,
};

/// An issuer whose every response takes longer than the cooldown, by the verifier's clock.
#[derive(Clone, Debug)]
struct SlowIssuer {
    issuer: ScriptedIssuer,
    clock: ManualClock,
}

impl HttpClient for SlowIssuer {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        self.clock.advance(Duration::from_secs(60));
        self.issuer.send(request, limits).await
    }
}

#[tokio::test]
async fn request_waits_for_at_most_three_refreshes() {
    let setup = setup().await;
    let clock = ManualClock::at_unix_seconds(START);
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&setup.passport.jwks()));
    let verifier = TokenVerifier::builder(setup.passport.audience())
        .issuer(setup.passport.issuer())
        .jwks_url(format!("{}/keys", setup.passport.issuer()))
        .transport(Transport::new(SlowIssuer { issuer: issuer.clone(), clock: clock.clone() }))
        .clock(clock)
        .build()
        .unwrap();
    let error = verifier.verify(&setup.token().header("kid", "unknown").build()).await.unwrap_err();
    assert_eq!(error.reason(), Some(RejectionReason::KeyNotFound));
    assert_eq!(issuer.requests(), 3);
}

#[test]
fn default_permits_are_half_of_the_processors() {
    let processors = std::thread::available_parallelism().unwrap().get();
    assert_eq!(VerificationPermits::default_number().get(), (processors / 2).max(1));
}
