//! Starts servers on loopback, and creates HTTP clients for them.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, serve::Listener};
use rustls::HandshakeKind;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Returns a builder of HTTP clients that use no proxy and trust no root certificates. A test
/// that uses TLS adds the root certificate of its server.
pub fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().tls_certs_only([])
}

/// Returns an HTTP/1.1 client without a proxy.
pub fn client() -> reqwest::Client {
    client_builder().build().unwrap()
}

/// Returns an HTTP/2 client without TLS and without a proxy. All requests of the client to a
/// server share one connection.
pub fn http2_client() -> reqwest::Client {
    client_builder().http2_prior_knowledge().build().unwrap()
}

/// Serves `router` on a free loopback port, in a task. Returns the base URL of the server.
pub async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", serve_on(listener, router))
}

/// Serves `router` on `listener`, in a task. Returns the address of `listener`.
pub fn serve_on(listener: TcpListener, router: Router) -> SocketAddr {
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    address
}

/// Serves `router` over TLS on a free loopback port, in tasks. Returns the address of the
/// server.
pub async fn serve_tls(acceptor: TlsAcceptor, router: Router) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let (sender, handshakes) = mpsc::channel(16);
    tokio::spawn(accept(tcp, acceptor, sender));
    tokio::spawn(async move { axum::serve(TlsListener { handshakes, address }, router).await });
    address
}

/// Accepts connections on `tcp`. Sends each connection to `sender` when its TLS handshake is
/// complete. Each handshake runs in a separate task, so that a slow client does not delay other
/// clients.
async fn accept(
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    while let Ok((stream, address)) = tcp.accept().await {
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                // Sending fails if the server has ended.
                let _ = sender.send((stream, address)).await;
            }
        });
    }
}

/// A listener that returns only connections that have completed the TLS handshake.
struct TlsListener {
    handshakes: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.handshakes.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Starts a proxy that accepts TLS connections on `tcp`, and forwards the decrypted content to
/// the server at `target`. Returns the counter of full TLS handshakes. Resumed sessions are not
/// counted.
pub fn terminate_tls(tcp: TcpListener, acceptor: TlsAcceptor, target: SocketAddr) -> Arc<AtomicUsize> {
    let full_handshakes = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&full_handshakes);
    tokio::spawn(async move {
        while let Ok((stream, _)) = tcp.accept().await {
            let (acceptor, counter) = (acceptor.clone(), Arc::clone(&counter));
            // Small responses must not wait for the peer's delayed acknowledgement.
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                if stream.get_ref().1.handshake_kind() != Some(HandshakeKind::Resumed) {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                let mut target = TcpStream::connect(target).await.unwrap();
                let _ = target.set_nodelay(true);
                let _ = copy_bidirectional(&mut stream, &mut target).await;
            });
        }
    });
    full_handshakes
}

/// Returns a non-loopback address of this machine, or 127.0.0.2 if there is no network.
pub fn outer_address() -> IpAddr {
    let address = || {
        // Connecting a UDP socket sends nothing; it only chooses the local address.
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect("192.0.2.1:9")?;
        Ok::<_, io::Error>(socket.local_addr()?.ip())
    };
    let address = address().ok().filter(|address| !address.is_loopback() && !address.is_unspecified());
    address.unwrap_or_else(|| [127, 0, 0, 2].into())
}
