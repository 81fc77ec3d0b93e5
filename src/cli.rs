//! The command line: what can be asked, and how answers look.
//!
//! [`parse`] reads the arguments. Commands that only talk to the daemon are carried out here by [`client_command`];
//! the others need parts that this module does not know, so `main` hands them on.

mod act;
mod alerts;
mod apply;
mod approve;
mod asking;
mod audit;
mod client;
mod command;
mod console;
mod drift;
mod escape;
mod life;
mod merge_requests;
mod page;
mod progress;
mod render;
mod runs;
mod show;
#[cfg(test)]
mod tests;
mod tokens;

pub use alerts::{AlertArguments, AlertCommand};
pub use audit::{AuditCommand, AuditShow, AuditVerify, audit_key, audit_verdict};
pub use client::{Client, ClientError, Download, EventStream};
pub use command::{
    Arguments, CheckConfig, ClientCommand, ColorWanted, Command, Demo, Global, Init, OutputWanted, Schema,
    SchemaWanted,
};
pub use console::Console;
pub use escape::{escape, escape_json};
pub use life::{Backup, Doctor, Restore};
pub use tokens::{TokenArguments, TokenCommand, TokenCreate};

use clap::{CommandFactory, Parser};

use crate::domain::Timestamp;
use crate::error::ExitCode;

/// Reads the arguments of the process. Ends it with code 2 and an explanation if they cannot be understood, and with
/// 0 after `--help` and `--version`.
pub fn parse() -> Arguments {
    Arguments::parse()
}

/// The completions of a shell. They are made whole first: what makes them panics where a reader goes away.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "driftless", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Carries a command out by talking to the daemon. `now` is the clock that answers are told by.
pub fn client_command(command: ClientCommand, global: &Global, now: fn() -> Timestamp) -> ExitCode {
    let mut console = Console::of_process(global, now);
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(perform(command, &Client::new(global.socket()), &mut console)),
        Err(error) => told(&ClientError::Runtime(error), &mut console),
    }
}

/// Carries a command out and tells the answer, or what went wrong, on a console.
pub async fn perform(command: ClientCommand, client: &Client, console: &mut Console) -> ExitCode {
    match act::act(command, client, console).await {
        Ok(code) => code,
        Err(error) => told(&error, console),
    }
}

/// Tells what went wrong with a request that somebody else made.
pub fn complain(error: &ClientError, global: &Global, now: fn() -> Timestamp) -> ExitCode {
    told(error, &mut Console::of_process(global, now))
}

fn told(error: &ClientError, console: &mut Console) -> ExitCode {
    console.error(error);
    error.exit_code()
}
