//! A server in a process of its own, so that it can be given a core of its own and its time and
//! memory be read.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::Router;
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

use crate::{
    inbound,
    outbound::TokenEndpoint,
    rig::runtime_here,
    site::{AUDIENCE, Site},
};

/// A service that says "ok".
pub const UPSTREAM: &str = "upstream";
pub const TOKEN_ENDPOINT: &str = "token endpoint";

pub const BARE_TONIC: &str = "bare tonic";
pub const TONIC: &str = "passport-inbound on tonic";

/// Serves `name` on one thread until it is killed. Says first at which port, and with which
/// `Authorization`.
///
/// # Errors
/// When it cannot serve.
pub fn serve(name: &str) -> Result<(), Box<dyn Error>> {
    runtime_here().block_on(async {
        match name {
            UPSTREAM => return upstream().await,
            TOKEN_ENDPOINT => return token_endpoint().await,
            _ => {}
        }
        let site = Site::start().await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        if name == BARE_TONIC || name == TONIC {
            announce(port, &format!("Bearer {}", site.token))?;
            return grpc(listener, &site, name == TONIC).await;
        }
        let entry = inbound::all()
            .into_iter()
            .find(|entry| entry.name == name)
            .ok_or("there is no such contender")?;
        let subject = entry.warmed(&site).await;
        announce(port, entry.authorizations(&site, 1)[0].to_str()?)?;
        let router = subject.router().ok_or("it is not on axum 0.8")?;
        Ok(axum::serve(listener, router).await?)
    })
}

async fn upstream() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    announce(listener.local_addr()?.port(), "-")?;
    let router = Router::new().fallback(async || "ok\n");
    Ok(axum::serve(listener, router).await?)
}

/// Gives the sidecar its token, once.
async fn token_endpoint() -> Result<(), Box<dyn Error>> {
    let endpoint = TokenEndpoint::start(Duration::from_secs(3600)).await;
    announce(endpoint.address().port(), "-")?;
    std::future::pending().await
}

fn announce(port: u16, authorization: &str) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    writeln!(out, "{port}\t{authorization}")?;
    Ok(out.flush()?)
}

/// The standard health service: as small an answer as there is, and no code to generate.
async fn grpc(listener: TcpListener, site: &Site, with_layer: bool) -> Result<(), Box<dyn Error>> {
    let (_reporter, health) = tonic_health::server::health_reporter();
    let incoming = TcpListenerStream::new(listener);
    let mut server = tonic::transport::Server::builder();
    if with_layer {
        let verifier = TokenVerifier::builder(AUDIENCE).issuer(site.issuer()).build()?;
        let mut server = server.layer(AuthenticateLayer::new(verifier));
        server.add_service(health).serve_with_incoming(incoming).await?;
    } else {
        server.add_service(health).serve_with_incoming(incoming).await?;
    }
    Ok(())
}

/// Such a server. Ends with the value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub port: u16,
    pub authorization: String,
}

impl Server {
    /// On the first core.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(name: &str) -> Self {
        Self::start_on("0", name)
    }

    /// On a core.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_on(core: &str, name: &str) -> Self {
        let own = std::env::current_exe().expect("a program has a path");
        let mut child = Command::new("taskset")
            .args(["--cpu-list", core])
            .arg(own)
            .args(["--serve", name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset is there");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("it says where it is");
        let (port, authorization) = line.trim().split_once('\t').expect("it says where it is");
        Self {
            child,
            port: port.parse().expect("a port is a number"),
            authorization: authorization.to_owned(),
        }
    }

    /// A program that is told to be at `port`, when it is there.
    ///
    /// # Panics
    /// When it cannot be started, or does not come up.
    pub(crate) fn started(command: &mut Command, port: u16) -> Self {
        let mut child = command.spawn().expect("it can be started");
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(matches!(child.try_wait(), Ok(None)), "it has ended: {command:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port, authorization: "-".to_owned() }
    }

    /// The processor time it has taken so far, in seconds.
    pub fn processor_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The name, which may have blanks in it, ends with the last bracket.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    /// The most memory it has had, in MiB.
    pub fn peak_memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).unwrap_or(f64::NAN)
            / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
