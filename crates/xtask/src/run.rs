//! Commands, shown before they run.

use std::process::{Command, Stdio};

/// The problem as text, ready to be shown.
pub(crate) type Outcome = Result<(), String>;

pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    run(Command::new(env!("CARGO")).args(arguments))
}

pub(crate) fn cargo_with((name, value): (&str, &str), arguments: &[&str]) -> Outcome {
    run(Command::new(env!("CARGO")).args(arguments).env(name, value))
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let line = format!("{name} {}", arguments.join(" "));
    println!("\n$ {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed: {status}")),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Whether a program is there and content.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
