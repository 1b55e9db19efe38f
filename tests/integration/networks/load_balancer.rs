//! A load balancer in front of a server, with a configured behavior for each connection.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// The behavior of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behavior {
    /// Forwards bytes in both directions.
    Forward,
    /// Accepts the connection (after a TLS handshake, if there is TLS) and never responds.
    Hang,
    /// Closes the connection without a response when the first request arrives.
    CloseOnFirstRequest,
    /// Resets the connection when the first request arrives.
    ResetOnFirstRequest,
    /// Closes the connection when a second request arrives, as the idle timeout of a NAT does.
    CloseOnSecondRequest,
    /// Resets the connection when a second request arrives.
    ResetOnSecondRequest,
}

pub(super) struct LoadBalancer {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl LoadBalancer {
    /// Starts a load balancer that forwards to `target`. `behavior` takes the number of the
    /// connection, which begins with 0.
    pub(super) async fn start(
        target: SocketAddr,
        tls: Option<TlsAcceptor>,
        behavior: impl Fn(usize) -> Behavior + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let behavior = behavior(counter.fetch_add(1, Ordering::SeqCst));
                let tls = tls.clone();
                tokio::spawn(async move {
                    if matches!(behavior, Behavior::ResetOnFirstRequest | Behavior::ResetOnSecondRequest) {
                        // With a linger time of zero, Linux resets the connection when it is
                        // dropped.
                        #[expect(deprecated, reason = "it does not block with zero")]
                        let _ = stream.set_linger(Some(std::time::Duration::ZERO));
                    }
                    match tls {
                        None => serve_connection(stream, target, behavior).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve_connection(stream, target, behavior).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { address, connections }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Serves a connection, and returns when it must be dropped.
async fn serve_connection(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    target: SocketAddr,
    behavior: Behavior,
) -> Option<()> {
    let requests = match behavior {
        Behavior::Hang => std::future::pending().await,
        Behavior::Forward => usize::MAX,
        Behavior::CloseOnFirstRequest | Behavior::ResetOnFirstRequest => 0,
        Behavior::CloseOnSecondRequest | Behavior::ResetOnSecondRequest => 1,
    };
    let mut server = TcpStream::connect(target).await.ok()?;
    let (mut from_client, mut from_server) = ([0; 16 * 1024], [0; 16 * 1024]);
    let (mut answered, mut is_answered) = (0, true);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let read = read.ok().filter(|read| *read > 0)?;
                if is_answered && answered == requests {
                    return None;
                }
                is_answered = false;
                server.write_all(&from_client[..read]).await.ok()?;
            }
            read = server.read(&mut from_server) => {
                let read = read.ok().filter(|read| *read > 0)?;
                answered += usize::from(!is_answered);
                is_answered = true;
                client.write_all(&from_server[..read]).await.ok()?;
            }
        }
    }
}
