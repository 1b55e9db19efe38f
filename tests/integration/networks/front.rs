//! A load balancer in front of a server, which treats each connection as it is told.

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

/// What becomes of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Treatment {
    /// Bytes go both ways.
    Forward,
    /// The connection is accepted (after a TLS handshake, if there is TLS) and never answered.
    Hang,
    /// It is closed, without an answer, when the first request arrives.
    CloseOnFirstRequest,
    /// The same with a reset.
    ResetOnFirstRequest,
    /// It is closed when a second request arrives, as an idle timeout of a NAT has it.
    CloseOnSecondRequest,
    /// The same with a reset.
    ResetOnSecondRequest,
}

pub(super) struct Front {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Front {
    /// Starts one that forwards to `target`. `treatment` says what becomes of each connection, by
    /// its number, which starts with 0.
    pub(super) async fn start(
        target: SocketAddr,
        tls: Option<TlsAcceptor>,
        treatment: impl Fn(usize) -> Treatment + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let treatment = treatment(counter.fetch_add(1, Ordering::SeqCst));
                let tls = tls.clone();
                tokio::spawn(async move {
                    if matches!(treatment, Treatment::ResetOnFirstRequest | Treatment::ResetOnSecondRequest) {
                        // Linux resets a connection that is dropped with this.
                        #[expect(deprecated, reason = "it does not block with zero")]
                        let _ = stream.set_linger(Some(std::time::Duration::ZERO));
                    }
                    match tls {
                        None => treat(stream, target, treatment).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => treat(stream, target, treatment).await,
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

/// Returns when the connection is to be dropped.
async fn treat(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    target: SocketAddr,
    treatment: Treatment,
) -> Option<()> {
    let requests = match treatment {
        Treatment::Hang => std::future::pending().await,
        Treatment::Forward => usize::MAX,
        Treatment::CloseOnFirstRequest | Treatment::ResetOnFirstRequest => 0,
        Treatment::CloseOnSecondRequest | Treatment::ResetOnSecondRequest => 1,
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
