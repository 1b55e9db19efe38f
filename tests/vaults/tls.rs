//! Servers behind TLS, of an authority that nobody else knows.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{Router, serve::Listener};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("it is its own");
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Serves `router` under `names` on a free loopback port.
    pub(crate) async fn serve(&self, names: &[&str], router: Router) -> io::Result<SocketAddr> {
        let tcp = TcpListener::bind("127.0.0.1:0").await?;
        let address = tcp.local_addr()?;
        let (acceptor, (done, handshakes)) = (self.acceptor(names), mpsc::channel(16));
        tokio::spawn(accept(tcp, acceptor, done));
        tokio::spawn(async move { axum::serve(TlsListener { handshakes, address }, router).await });
        Ok(address)
    }

    pub(crate) fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key can be made");
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let certificate = CertificateParams::new(names)
            .and_then(|mut params| {
                // Python wants it.
                params.use_authority_key_identifier_extension = true;
                params.signed_by(&key, &self.issuer)
            })
            .expect("the names are names");
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("it is a key");
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
                .expect("key and certificate are a pair");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Each client shakes hands by itself, so that one that does not keeps nobody waiting.
async fn accept(
    tcp: TcpListener,
    acceptor: TlsAcceptor,
    done: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    while let Ok((stream, address)) = tcp.accept().await {
        let (acceptor, done) = (acceptor.clone(), done.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                // Nobody takes it when the server has ended.
                let _ = done.send((stream, address)).await;
            }
        });
    }
}

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
