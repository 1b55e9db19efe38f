//! The program `passport-dev`: a local Passport for development.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program reports on the terminal")]

mod console;
mod registrations;

use std::{error::Error, mem, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use passport_dev::{DevIdentity, DevPassport, StartError};

use crate::registrations::{IdentityRegistration, Registrations};

/// A local Passport for development: issues signed tokens, persists nothing, and listens on
/// loopback only, unless --issuer is set.
#[derive(Debug, Parser)]
#[command(version)] // `about` would replace the text above by the description of the package
struct Options {
    /// The address to listen on; a loopback address, unless --issuer is set.
    #[arg(long, env = "PASSPORT_DEV_ADDRESS", default_value = "127.0.0.1:8090")]
    address: SocketAddr,

    /// The issuer in tokens (`iss`), which is also the URL at which clients reach this Passport.
    /// Default: http:// and the address. In a container: http:// and its host name and port.
    #[arg(long, env = "PASSPORT_DEV_ISSUER", value_name = "URL")]
    issuer: Option<String>,

    /// The audience of the tokens.
    #[arg(long, env = "PASSPORT_DEV_AUDIENCE", default_value = "bizfirstgo-api")]
    audience: String,

    /// The lifetime of tokens, in seconds.
    #[arg(long, env = "PASSPORT_DEV_TOKEN_LIFETIME", default_value_t = 3600)]
    token_lifetime: u32,

    /// A TOML, JSON or YAML file with tables [identities.NAME] (secret, roles, tenant) and
    /// [users.ID] (roles, permissions, tenant), instead of --identity, --role and --secret.
    #[arg(long, env = "PASSPORT_DEV_IDENTITIES", conflicts_with_all = ["identity", "roles", "secret"])]
    identities: Option<PathBuf>,

    /// The name of the registered managed identity.
    #[arg(long, env = "PASSPORT_DEV_IDENTITY", default_value = "dev-service")]
    identity: String,

    /// A role of the identity; repeatable.
    #[arg(long = "role")]
    roles: Vec<String>,

    /// The client secret of the identity. Default: a random one.
    #[arg(long, env = "PASSPORT_DEV_SECRET", hide_env_values = true)]
    secret: Option<String>,

    /// Read commands from the terminal, for faults, key rotation and secrets. `help` lists them.
    #[arg(long)]
    console: bool,
}

impl Options {
    /// Returns the identities and users in the file that `--identities` names. Without this option,
    /// returns the one identity that `--identity`, `--role` and `--secret` describe.
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

/// Runs the dev Passport until the process gets a stop signal, or until the console reads the
/// command `stop`.
async fn run(mut options: Options) -> Result<(), Box<dyn Error>> {
    let stop_requested = stop_signal()?;
    let registrations = options.registrations()?;
    let passport = start(&options).await?;
    let identities = registrations.register(&passport);
    print_startup(&passport, &identities, &registrations);
    tokio::select! {
        () = stop_requested => {}
        () = console::run(&passport, &identities, &registrations.users), if options.console => {}
    }
    println!("shutting down");
    passport.shutdown().await;
    Ok(())
}

/// Starts the dev Passport. Prints a warning if it listens on an address that is not a loopback
/// address, because other hosts may reach it.
async fn start(options: &Options) -> Result<DevPassport, StartError> {
    let builder = DevPassport::builder()
        .address(options.address)
        .audience(&options.audience)
        .token_lifetime(Duration::from_secs(options.token_lifetime.into()));
    let Some(issuer) = &options.issuer else { return builder.start().await };
    let passport = builder.issuer(issuer).danger_any_address().start().await?;
    if !passport.address().ip().is_loopback() {
        eprintln!(
            "warning: {} is not a loopback address: secrets and tokens are visible to the network (plain \
             http); use it for development in a private network only",
            passport.address()
        );
    }
    Ok(passport)
}

/// Prints the URLs, the credentials, and a command that gets a token.
fn print_startup(passport: &DevPassport, identities: &[DevIdentity], registrations: &Registrations) {
    let base = passport.issuer().trim_end_matches('/');
    println!("listening on {}; press Ctrl-C to stop", passport.address());
    println!("  issuer         {}", passport.issuer());
    println!("  audience       {}", passport.audience());
    println!("  discovery      {base}/passport/.well-known/openid-configuration");
    println!("  signing keys   {base}/passport/.well-known/jwks.json");
    println!("  token          {base}/passport/token");
    println!("  introspection  {base}/passport/token/introspect");
    println!("  revocation     {base}/passport/token/revoke");
    println!("  event poll     {base}/passport/events/poll");
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

/// Returns a future that waits for Ctrl-C or SIGTERM. Service managers and container runtimes
/// send SIGTERM. The handler for SIGTERM is installed immediately, so that a SIGTERM during the
/// start is not lost.
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

/// Returns a future that waits for Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
