//! Tokens on real networks: connections that break, hang or are refused, and short-lived
//! runtimes.

mod connections;
mod load_balancer;
mod misconfigurations;
mod runtimes;
mod spans;

use std::{net::SocketAddr, time::Duration};

use passport_dev::DevPassport;
use passport_outbound::{ManagedIdentity, ManagedIdentityBuilder};

use crate::harness::identity_builder;
use load_balancer::{Behavior, LoadBalancer};

const SECOND: Duration = Duration::from_secs(1);

fn address_of(passport: &DevPassport) -> SocketAddr {
    passport.issuer().strip_prefix("http://").unwrap().parse().unwrap()
}

/// Returns a builder of an identity that reaches `passport` through `balancer`.
fn through(balancer: &LoadBalancer, passport: &DevPassport) -> ManagedIdentityBuilder {
    let registered = passport.managed_identity("payroll").create();
    identity_builder(passport, &registered).issuer(format!("http://{}", balancer.address))
}

/// Asserts that a token is available within 6 s, and returns the duration.
async fn token_within_6_s(identity: &ManagedIdentity) -> Duration {
    let start = tokio::time::Instant::now();
    identity.token().await.unwrap();
    let took = start.elapsed();
    assert!(took < 6 * SECOND, "{took:?}");
    took
}
