//! `passport-dev`: a Passport for your laptop.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing how to use it is what this program does"
)]

mod console;
mod registrations;

use std::{error::Error, mem, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use passport_dev::{DevIdentity, DevPassport, StartError};

use crate::registrations::{IdentityRegistration, Registrations};

/// A Passport for your laptop: issues and publishes real tokens, keeps nothing, serves this machine
/// only unless it is given an issuer.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// Where to listen; a loopback address, unless --issuer is given.
    #[arg(long, env = "PASSPORT_DEV_ADDRESS", default_value = "127.0.0.1:8090")]
    address: SocketAddr,

    /// The URL by which clients reach this Passport, and what its tokens say (`iss`). By default it
    /// is made of the address; other containers need http and the name of this one.
    #[arg(long, env = "PASSPORT_DEV_ISSUER", value_name = "URL")]
    issuer: Option<String>,

    /// The audience of the tokens.
    #[arg(long, env = "PASSPORT_DEV_AUDIENCE", default_value = "bizfirstgo-api")]
    audience: String,

    /// How long tokens last, in seconds.
    #[arg(long, env = "PASSPORT_DEV_TOKEN_LIFETIME", default_value_t = 3600)]
    token_lifetime: u32,

    /// A TOML, JSON or YAML file with tables [identities.NAME] (secret, roles, tenant) and
    /// [users.ID] (roles, permissions, tenant), in place of the one identity below.
    #[arg(long, env = "PASSPORT_DEV_IDENTITIES", conflicts_with_all = ["identity", "roles", "secret"])]
    identities: Option<PathBuf>,

    /// The name of the managed identity that is ready to use.
    #[arg(long, env = "PASSPORT_DEV_IDENTITY", default_value = "dev-service")]
    identity: String,

    /// A role of that identity; may be given several times.
    #[arg(long = "role")]
    roles: Vec<String>,

    /// Its client secret; a random one if none is given.
    #[arg(long, env = "PASSPORT_DEV_SECRET", hide_env_values = true)]
    secret: Option<String>,

    /// Read commands from the terminal: outages, rotations, revoked secrets. `help` lists them.
    #[arg(long)]
    console: bool,
}

impl Options {
    fn registrations(&mut self) -> Result<Registrations, Box<dyn Error>> {
        if let Some(path) = &self.identities {
            return Ok(Registrations::read(path)?);
        }
        let identity = IdentityRegistration {
            secret: self.secret.take(),
            roles: mem::take(&mut self.roles),
            tenant: None,
        };
        let identities = [(mem::take(&mut self.identity), identity)].into();
        Ok(Registrations { identities, ..Registrations::default() })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passport-dev: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut options: Options) -> Result<(), Box<dyn Error>> {
    let stopped = stop_signal()?;
    let registrations = options.registrations()?;
    let passport = start(&options).await?;
    let identities = registrations.register(&passport);
    introduce(&passport, &identities, &registrations);
    tokio::select! {
        () = stopped => {}
        () = console::run(&passport, &identities, &registrations.users), if options.console => {}
    }
    println!("stopping");
    passport.shutdown().await;
    Ok(())
}

async fn start(options: &Options) -> Result<DevPassport, StartError> {
    let builder = DevPassport::builder()
        .address(options.address)
        .audience(&options.audience)
        .token_lifetime(Duration::from_secs(options.token_lifetime.into()));
    let Some(issuer) = &options.issuer else { return builder.start().await };
    let passport = builder.issuer(issuer).danger_any_address().start().await?;
    if !passport.address().ip().is_loopback() {
        eprintln!(
            "warning: {} can be reached from outside of this machine, over plain http; for development in a \
             private network only",
            passport.address()
        );
    }
    Ok(passport)
}

fn introduce(passport: &DevPassport, identities: &[DevIdentity], registrations: &Registrations) {
    let base = passport.issuer().trim_end_matches('/');
    println!("passport-dev is listening on {}; Ctrl-C stops it", passport.address());
    println!("  issuer         {}", passport.issuer());
    println!("  audience       {}", passport.audience());
    println!("  discovery      {base}/passport/.well-known/openid-configuration");
    println!("  signing keys   {base}/passport/.well-known/jwks.json");
    println!("  token          {base}/passport/token");
    println!("  introspection  {base}/passport/token/introspect");
    for identity in identities {
        println!("  client id      {}", identity.client_id());
        println!("  client secret  {}", identity.secret());
    }
    for (id, user) in &registrations.users {
        println!("  token of {id}  {}", user.token(passport, id));
    }
    let Some(first) = identities.first() else { return };
    println!();
    println!(
        "curl -u '{}:{}' -d 'grant_type=client_credentials&scope=openid%20roles' \\\n  {base}/passport/token",
        first.client_id(),
        first.secret()
    );
}

/// Waits for Ctrl-C, or for the signal of service managers and containers. Listens from this call
/// on, so that none is lost during the startup.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    })
}

/// Waits for Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
