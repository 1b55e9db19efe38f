//! `passport-sidecar`: see `docs/sidecar.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, thread::available_parallelism};

use clap::Parser;
use passport_sidecar::{
    CheckedSecret, SecretCheck, SidecarConfig, SidecarServer, harden, recorder, registry,
};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Has the credentials of managed identities, and gives tokens to the services on its machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration: a TOML file. Variables of the environment (`PASSPORT_SIDECAR__LISTEN__UNIX`, ...) go over it.
    #[arg(long, env = "PASSPORT_SIDECAR_CONFIG")]
    config: Option<PathBuf>,
    /// Checks the configuration, reads the secrets of env:, file: and systemd: that it refers to,
    /// and ends. Exits with 1 when the configuration is wrong, and with 3 when a secret cannot be
    /// read.
    #[arg(long)]
    check: bool,
}

/// The exit code of `--check` for a valid configuration with a secret that cannot be read, as in a
/// pipeline without secrets.
const UNREADABLE_SECRET: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("passport-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, BoxError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_terminal)
        .with_writer(std::io::stderr)
        // An error would be printed to stderr, which panics if that is closed.
        .log_internal_errors(false)
        .init();
    harden();
    let config = SidecarConfig::read(arguments.config.as_deref())?;
    if arguments.check {
        return check(&config);
    }
    let has_admin = config.has_admin();
    let sidecar = SidecarServer::new(config, registry())?;
    let sidecar = if has_admin { sidecar.metrics(recorder()?) } else { sidecar };
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                tracing::warn!(target: "passport_sidecar", "SIGHUP is ignored: a change of the configuration needs a restart");
            }
        });
        let stop = async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        sidecar.serve(stop).await?;
        Ok(())
    });
    // It does not wait for blocking tasks, as the lookup of a host.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

fn check(config: &SidecarConfig) -> Result<ExitCode, BoxError> {
    let registry = passport_sidecar::registry();
    drop(SidecarServer::new(config.clone(), registry.clone())?);
    println!("the configuration is right");
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let secrets = runtime.block_on(config.check_secrets(&registry));
    let mut code = ExitCode::SUCCESS;
    for CheckedSecret { key, outcome } in secrets {
        match outcome {
            SecretCheck::Read { warnings } => {
                for suspicion in warnings {
                    eprintln!("passport-sidecar: {key}: warning: the secret {suspicion}");
                }
            }
            SecretCheck::NotTried(reference) => {
                println!("{key}: `{reference}` was not read: --check asks no vault");
            }
            SecretCheck::Bypassed(error) => {
                eprintln!("passport-sidecar: {key}: warning: {error}; another reference of the key is used");
            }
            SecretCheck::Unreadable(error) => {
                eprintln!("passport-sidecar: {key}: {error}");
                code = ExitCode::from(UNREADABLE_SECRET);
            }
        }
    }
    Ok(code)
}

/// Returns a runtime with a thread for each processor. With one processor, as in many containers,
/// further threads only cost time.
fn runtime() -> std::io::Result<Runtime> {
    let has_one_processor = available_parallelism().is_ok_and(|processors| processors.get() == 1);
    if has_one_processor {
        tracing::debug!(target: "passport_sidecar", "one thread serves, as there is one processor");
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().enable_all().build()
}
