//! A server as a child process on a separate core. Its processor time and memory are read.

use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use passport_inbound::{AuthenticateLayer, TokenVerifier};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;

use crate::{
    inbound,
    outbound::TokenEndpoint,
    rig::runtime_here,
    sidecar,
    site::{AUDIENCE, Site},
};

/// A service that responds with "ok".
pub const UPSTREAM: &str = "upstream";
pub const TOKEN_ENDPOINT: &str = "token endpoint";

pub const BARE_TONIC: &str = "bare tonic";
pub const TONIC: &str = "passport-inbound on tonic";

/// Serves `name` on one thread until it is killed. First it prints its port and the
/// `Authorization` value for it.
///
/// # Errors
///
/// If it cannot serve.
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
    Ok(sidecar::upstream(listener).await?)
}

/// Serves tokens to the sidecar, which fetches one.
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

/// The standard health service, which has a minimal response and needs no generated code.
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

/// A running server. It is killed when the value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    pub port: u16,
    pub authorization: String,
}

impl Server {
    /// Starts a server on the first core.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    pub fn start(name: &str) -> Self {
        Self::start_on("0", name)
    }

    /// Starts a server on the given core.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    pub fn start_on(core: &str, name: &str) -> Self {
        let own = std::env::current_exe().expect("a program has a path");
        let mut child = Command::new("taskset")
            .args(["--cpu-list", core])
            .arg(own)
            .args(["--serve", name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset is installed");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped"))
            .read_line(&mut line)
            .expect("the server prints its port");
        let (port, authorization) = line.trim().split_once('\t').expect("the server prints its port");
        Self {
            child,
            port: port.parse().expect("a port is a number"),
            authorization: authorization.to_owned(),
        }
    }

    /// Starts a program that is configured to listen on `port`, and waits until it does.
    ///
    /// # Panics
    ///
    /// If the program does not start or does not listen.
    pub(crate) fn started(command: &mut Command, port: u16) -> Self {
        let mut child = command.spawn().expect("the program is installed");
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(matches!(child.try_wait(), Ok(None)), "it has ended: {command:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, port, authorization: "-".to_owned() }
    }

    /// Returns the processor time of the server so far, in seconds.
    pub fn processor_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // The process name may contain blanks; it ends at the last bracket.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / 100.0
    }

    /// Returns the peak memory of the server, in MiB.
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
