use std::{io::Write, sync::Arc};

use futures_util::future::join_all;
use http::StatusCode;
use passport_core::CaCertificates;
use passport_dev::{Endpoint, Fault};
use passport_outbound::{ReqwestHttpClient, TokenCache, Transport};
use passport_test_support::certificates::{Authority, acceptor};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::*;

fn first_hangs(connection: usize) -> Behavior {
    if connection == 0 { Behavior::Hang } else { Behavior::Forward }
}

#[tokio::test]
async fn first_connection_that_hangs_costs_less_than_6_s() {
    let passport = DevPassport::start().await.unwrap();
    let balancer = LoadBalancer::start(address_of(&passport), None, first_hangs).await;
    token_within_6_s(&through(&balancer, &passport).build().unwrap()).await;
}

/// Returns a TLS acceptor for `localhost` and `passport.test`, and its CA.
fn authority(alpn: &[&str]) -> (TlsAcceptor, CaCertificates) {
    let authority = Authority::default();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem.as_bytes()).unwrap();
    let ca = CaCertificates::from_pem_file(file.path()).unwrap();
    (acceptor(&authority.issue(&["localhost", "passport.test"]), alpn), ca)
}

#[tokio::test]
async fn first_tls_connection_that_hangs_costs_less_than_6_s() {
    let passport = DevPassport::start().await.unwrap();
    for alpn in [&["h2", "http/1.1"][..], &["http/1.1"]] {
        let (tls, ca) = authority(alpn);
        let balancer = LoadBalancer::start(address_of(&passport), Some(tls), first_hangs).await;
        let transport = Transport::new(ReqwestHttpClient::new().with_ca(ca));
        let builder = through(&balancer, &passport).transport(transport);
        let issuer = format!("https://localhost:{}", balancer.address.port());
        token_within_6_s(&builder.issuer(issuer).build().unwrap()).await;
    }
}

#[tokio::test]
async fn first_address_that_is_silent_costs_less_than_6_s() {
    let passport = DevPassport::start().await.unwrap();
    let (tls, ca) = authority(&["http/1.1"]);
    let balancer = LoadBalancer::start(address_of(&passport), Some(tls), |_| Behavior::Forward).await;
    let (silent, _queue) = silent_address().await;
    let addresses = [silent, balancer.address];
    let transport = ReqwestHttpClient::configured(move |settings| {
        settings.no_proxy().resolve_to_addrs("passport.test", &addresses)
    });
    let builder = through(&balancer, &passport);
    let builder = builder.issuer("https://passport.test").transport(Transport::new(transport.with_ca(ca)));
    token_within_6_s(&builder.build().unwrap()).await;
}

/// Returns an address with a full accept queue, which drops further connections.
async fn silent_address() -> (SocketAddr, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(connected) = timeout(SECOND / 2, TcpStream::connect(address)).await {
        queue.push(connected.unwrap());
        assert!(queue.len() < 100, "the accept queue does not fill up");
    }
    std::mem::forget(listener.into_std().unwrap());
    (address, queue)
}

/// Each connection is closed or reset at its second request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn issuer_that_closes_used_connections_fails_none_of_1000_calls() {
    let passport = DevPassport::start().await.unwrap();
    for behavior in [Behavior::CloseOnSecondRequest, Behavior::ResetOnSecondRequest] {
        for cache in [TokenCache::memory(), TokenCache::disabled()] {
            let balancer = LoadBalancer::start(address_of(&passport), None, move |_| behavior).await;
            let identity = through(&balancer, &passport).token_cache(cache.clone()).build().unwrap();
            for call in 0..1000 {
                identity.token().await.unwrap_or_else(|error| panic!("{cache:?} {call}: {error:?}"));
                identity.invalidate();
            }
            assert!(balancer.connections() >= 1000, "{}", balancer.connections());
        }
    }
}

/// One failure of each kind before the first token. Later attempts succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_broken_connection_before_the_first_token_fails_no_caller() {
    let passport = DevPassport::start().await.unwrap();
    for behavior in [Behavior::CloseOnFirstRequest, Behavior::ResetOnFirstRequest] {
        for (cache, connections) in [(TokenCache::memory(), 2..=2), (TokenCache::disabled(), 2..=20)] {
            let first = move |connection| if connection == 0 { behavior } else { Behavior::Forward };
            let balancer = LoadBalancer::start(address_of(&passport), None, first).await;
            let builder = through(&balancer, &passport).token_cache(cache);
            no_caller_fails(&builder.build().unwrap()).await;
            assert!(connections.contains(&balancer.connections()), "{}", balancer.connections());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_status_503_before_the_first_token_fails_no_caller() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = identity_builder(&passport, &registered).build().unwrap();
    passport.inject(Endpoint::Token, Fault::Status(StatusCode::SERVICE_UNAVAILABLE));
    let healing = async {
        passport.counters().reached(Endpoint::Token, 1).await;
        passport.clear_fault(Endpoint::Token);
    };
    futures_util::future::join(no_caller_fails(&identity), healing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refused_connection_before_the_first_token_fails_no_call() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let builder = identity_builder(&passport, &registered);
    let identity = Arc::new(builder.issuer(format!("http://{address}")).build().unwrap());
    let callers = tokio::spawn({
        let identity = Arc::clone(&identity);
        async move { no_caller_fails(&identity).await }
    });
    while identity.status().last_error().is_none() {
        tokio::task::yield_now().await;
    }
    let (listener, target) = (socket.listen(1024).unwrap(), address_of(&passport));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(target).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    callers.await.unwrap();
}

async fn no_caller_fails(identity: &ManagedIdentity) {
    for outcome in join_all((0..1000).map(|_| identity.token())).await {
        outcome.unwrap();
    }
}
