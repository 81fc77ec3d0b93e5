//! The `driftless` program: daemon and command line in one.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the guardian must have one thread, and nothing of the daemon's in it.
    if std::env::args_os().nth(1).is_some_and(|it| it == "guardian") {
        return driftless::ansible::guardian::main();
    }
    ExitCode::FAILURE
}
