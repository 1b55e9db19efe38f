//! Runs commands. Each command is shown before it runs.

use std::{
    ffi::OsString,
    io::Write,
    num::NonZero,
    process::{Command, Stdio},
    thread,
};

use crate::stopwatch::Stopwatch;

/// The result of a task. The error is the text to show.
pub(crate) type Outcome = Result<(), String>;

pub(crate) fn cargo(arguments: &[&str]) -> Outcome {
    cargo_with(&[], arguments)
}

pub(crate) fn cargo_with(environment: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    run(Command::new(cargo_program()).args(arguments).envs(environment.iter().copied()))
}

/// The cargo that runs this program, or the one on the path.
fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

/// Runs cargo at the lowest priority, in the time that other commands leave. Its output is shown
/// only when it fails, because it would be mixed with theirs.
pub(crate) fn cargo_in_background(arguments: &[&str]) -> Outcome {
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(cargo_program()).args(arguments);
    let line = shown(&command);
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("`{line}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
        }
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Runs two tasks at the same time, and returns the first failure when both have ended.
pub(crate) fn both(one: impl FnOnce() -> Outcome + Send, other: impl FnOnce() -> Outcome) -> Outcome {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        one.join().expect("no task panics").and(other)
    })
}

pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = shown(command);
    println!("\n$ {line}");
    let stopwatch = Stopwatch::start();
    let status = command.status();
    println!("# {}", stopwatch.elapsed());
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed: {status}")),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Returns the number of processors of this machine.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs a command, and returns its output, which is not shown.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let line = shown(command);
    println!("\n$ {line}");
    match command.stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(format!("`{line}` failed: {}", output.status)),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

fn shown(command: &Command) -> String {
    let environment = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}='{}'", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let words: Vec<_> =
        environment.chain([program.to_string_lossy().into_owned()]).chain(arguments).collect();
    words.join(" ")
}

/// Returns whether a program can be run and succeeds.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    fed(Command::new(program).args(arguments), "")
}

/// Returns whether a program can be run and succeeds with this input. Its output is not shown.
pub(crate) fn fed(command: &mut Command, input: &str) -> bool {
    let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = quiet.spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is judged by its status.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait().is_ok_and(|status| status.success())
}
