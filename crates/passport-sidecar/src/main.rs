//! `passport-sidecar`: see `docs/sidecar.md`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is a command-line tool")]

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, thread::available_parallelism};

use clap::Parser;
use passport_sidecar::{Sidecar, SidecarConfig, harden, providers, recorder};
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
    /// Says what is wrong with the configuration, and ends.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("passport-sidecar: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), BoxError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let is_seen = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(is_seen)
        .with_writer(std::io::stderr)
        // It would be told where logs go, which panics when nobody is there to read them.
        .log_internal_errors(false)
        .init();
    harden();
    let config = SidecarConfig::read(arguments.config.as_deref())?;
    let is_looked_at = config.has_admin();
    let sidecar = Sidecar::new(config, providers()?)?;
    if arguments.check {
        println!("the configuration is right");
        return Ok(());
    }
    let sidecar = if is_looked_at { sidecar.metrics(recorder()?) } else { sidecar };
    let runtime = runtime()?;
    let served = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                tracing::warn!(target: "passport::sidecar", "SIGHUP is ignored: a change of the configuration needs a restart");
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
    // What blocks, as a name that is looked up, is not waited for.
    runtime.shutdown_background();
    served
}

/// With one processor, as containers often have, more threads that serve only get in each other's way.
fn runtime() -> std::io::Result<Runtime> {
    let has_one_processor = available_parallelism().is_ok_and(|processors| processors.get() == 1);
    if has_one_processor {
        tracing::debug!(target: "passport::sidecar", "one thread serves, as there is one processor");
        return Builder::new_current_thread().enable_all().build();
    }
    Builder::new_multi_thread().enable_all().build()
}
