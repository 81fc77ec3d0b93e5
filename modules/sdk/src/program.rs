//! The program around the modules: arguments in, one object out.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read, Write};
use std::panic;
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value as Json};

use crate::failure::Failure;
use crate::output;
use crate::run::{self, Entry};

/// Runs one of the modules, as Ansible asks: arguments are in the file that is the first argument, or on standard input.
///
/// With `--documentation [NAME]` it prints what `ansible-doc` reads, to be put beside the plugin.
pub fn main(entries: &[Entry]) -> ExitCode {
    report_panics();
    let mut arguments = env::args_os().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("--documentation".as_ref()) {
        return print_documentation(entries, arguments.next().as_deref());
    }
    let result = match input(first) {
        Ok(input) => run::run(entries, &input),
        Err(failure) => failure.into_result(),
    };
    let failed = result.get("failed") == Some(&Json::Bool(true));
    if !answer(&result) || failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn input(file: Option<OsString>) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match &file {
        Some(path) => fs::read(path).map(|it| bytes = it),
        None => io::stdin().read_to_end(&mut bytes).map(drop),
    };
    let place = file.map_or_else(|| "standard input".to_owned(), |it| it.to_string_lossy().into_owned());
    read.map_err(|error| {
        Failure::new(format!("The arguments of the module cannot be read from {place}: {error}"))
    })?;
    Ok(bytes)
}

fn print_documentation(entries: &[Entry], name: Option<&OsStr>) -> ExitCode {
    let chosen: Vec<_> = match name {
        None => entries.iter().collect(),
        Some(name) => entries.iter().filter(|it| name == it.name()).collect(),
    };
    if let [only] = chosen.as_slice() {
        return if print(&only.documentation()) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let names: Vec<_> = entries.iter().map(Entry::name).collect();
    let message = format!("Name one of the modules after --documentation: {}.\n", names.join(", "));
    match io::stderr().write_all(message.as_bytes()) {
        Ok(()) | Err(_) => ExitCode::from(2),
    }
}

/// Two objects are a failure for Ansible, so only the first answer is printed.
static ANSWERED: AtomicBool = AtomicBool::new(false);

fn answer(result: &Map<String, Json>) -> bool {
    ANSWERED.swap(true, Ordering::SeqCst) || print(&format!("\n{}\n", Json::Object(result.clone())))
}

fn print(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Where panics abort, nothing catches them: then the hook answers. Elsewhere [`run::run`] does, with all that belongs to a
/// result. The message is shown on standard error too, without the secrets that may be in it.
fn report_panics() {
    panic::set_hook(Box::new(|info| {
        let failure = output::hide(run::panicked(info.payload()).into_result(), &output::secrets());
        let place = info.location().map(|it| format!(" at {it}")).unwrap_or_default();
        let message = failure.get("msg").and_then(Json::as_str).unwrap_or_default();
        // Standard error may be closed; the answer counts.
        drop(writeln!(io::stderr(), "panicked{place}: {message}"));
        if cfg!(panic = "abort") {
            answer(&failure);
            process::exit(1);
        }
    }));
}
