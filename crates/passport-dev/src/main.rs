//! `passport-dev`: a Passport for your laptop.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing how to use it is what this program does"
)]

mod console;

use std::{error::Error, net::SocketAddr, process::ExitCode, time::Duration};

use clap::Parser;
use passport_dev::{DevIdentity, DevIdentityBuilder, DevPassport};

/// A Passport for your laptop: issues and publishes real tokens, keeps nothing, serves this machine only.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// Where to listen; loopback addresses only.
    #[arg(long, env = "PASSPORT_DEV_ADDRESS", default_value = "127.0.0.1:8090")]
    address: SocketAddr,

    /// The audience of the tokens.
    #[arg(long, env = "PASSPORT_DEV_AUDIENCE", default_value = "bizfirstgo-api")]
    audience: String,

    /// How long tokens last, in seconds.
    #[arg(long, env = "PASSPORT_DEV_TOKEN_LIFETIME", default_value_t = 3600)]
    token_lifetime: u32,

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

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let stop = Stop::listen()?;
    let passport = DevPassport::builder()
        .address(options.address)
        .audience(options.audience)
        .token_lifetime(Duration::from_secs(options.token_lifetime.into()))
        .start()
        .await?;
    let identity = register(&passport, &options.identity, options.roles, options.secret);
    introduce(&passport, &identity);
    tokio::select! {
        () = stop.told() => {}
        () = console::run(&passport, &identity), if options.console => {}
    }
    println!("stopping");
    passport.shutdown().await;
    Ok(())
}

fn register(passport: &DevPassport, name: &str, roles: Vec<String>, secret: Option<String>) -> DevIdentity {
    let new = roles.into_iter().fold(passport.managed_identity(name), DevIdentityBuilder::role);
    secret.into_iter().fold(new, DevIdentityBuilder::secret).create()
}

fn introduce(passport: &DevPassport, identity: &DevIdentity) {
    let (issuer, client_id, secret) = (passport.issuer(), identity.client_id(), identity.secret());
    println!("passport-dev is listening; Ctrl-C stops it");
    println!("  issuer         {issuer}");
    println!("  audience       {}", passport.audience());
    println!("  discovery      {issuer}/passport/.well-known/openid-configuration");
    println!("  signing keys   {issuer}/passport/.well-known/jwks.json");
    println!("  token          {issuer}/passport/token");
    println!("  introspection  {issuer}/passport/token/introspect");
    println!("  client id      {client_id}");
    println!("  client secret  {secret}");
    println!();
    println!(
        "curl -u '{client_id}:{secret}' -d 'grant_type=client_credentials&scope=openid%20roles' \\\n  {issuer}/passport/token"
    );
}

/// Ctrl-C, or the signal that service managers and containers send. Listened to from the start, so that neither is
/// lost while the program comes up.
struct Stop {
    #[cfg(unix)]
    terminated: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminated: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    #[cfg(unix)]
    async fn told(mut self) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = self.terminated.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn told(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
