//! The binary `passport-sidecar`. `docs/sidecar.md` describes its configuration.

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

/// A forwarded request allocates several dozen times. With this allocator it takes less processor
/// time than with that of glibc.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Holds the credentials of managed identities, and gives their tokens to the services on its
/// machine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file (TOML). Environment variables override its keys:
    /// `PASSPORT_SIDECAR__LISTEN__UNIX` overrides `unix` of the table `listen`.
    #[arg(long, env = "PASSPORT_SIDECAR_CONFIG")]
    config: Option<PathBuf>,
    /// Validates the configuration, reads the secrets with a reference that begins with env:, file:
    /// or systemd:, and exits. The exit code is 0 on success, 1 if the configuration is invalid,
    /// and 3 if a secret cannot be read.
    #[arg(long)]
    check: bool,
}

/// The exit code of `--check` if the configuration is valid, but a secret cannot be read. A CI
/// pipeline without access to the secrets can accept this code.
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
        // If a log entry cannot be written, the subscriber would print the error to stderr.
        // Printing panics if stderr is closed.
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
                tracing::warn!(
                    target: "passport_sidecar",
                    "SIGHUP is ignored: restart the sidecar to apply a changed configuration"
                );
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
    // Does not wait for blocking tasks, such as a DNS lookup, which would delay the exit.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

fn check(config: &SidecarConfig) -> Result<ExitCode, BoxError> {
    let registry = registry();
    drop(SidecarServer::new(config.clone(), registry.clone())?);
    println!("configuration OK");
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let secrets = runtime.block_on(config.check_secrets(&registry));
    let mut code = ExitCode::SUCCESS;
    for CheckedSecret { key, outcome } in secrets {
        match outcome {
            SecretCheck::Read { warnings } => {
                for warning in warnings {
                    eprintln!("passport-sidecar: {key}: warning: the secret {warning}");
                }
            }
            SecretCheck::Skipped(reference) => {
                println!("{key}: `{reference}` was not read: --check contacts no vault");
            }
            SecretCheck::FallbackAvailable(error) => {
                eprintln!("passport-sidecar: {key}: warning: {error}; another reference of this key is used");
            }
            SecretCheck::Unreadable(error) => {
                eprintln!("passport-sidecar: {key}: {error}");
                code = ExitCode::from(UNREADABLE_SECRET);
            }
        }
    }
    Ok(code)
}

/// Creates a runtime with one thread for each available processor. With a single processor, as
/// in many containers, the runtime uses the current thread, because switching between threads
/// would only cost time.
fn runtime() -> std::io::Result<Runtime> {
    let has_one_processor = available_parallelism().is_ok_and(|processors| processors.get() == 1);
    if has_one_processor {
        tracing::debug!(
            target: "passport_sidecar",
            "using a single-threaded runtime: one processor is available"
        );
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().enable_all().build()
}
