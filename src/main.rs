//! The `driftless` program: daemon and command line in one.

mod local;

use std::path::PathBuf;
use std::process::ExitCode as ProcessExit;

use driftless::cli::{self, Arguments, ClientCommand, Command, Global};
use driftless::daemon::{self, ServeOptions, clock, logging};
use driftless::demo;
use driftless::error::ExitCode;
use driftless::store::StoreError;

/// That of musl takes twice the time under load.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ProcessExit {
    // Before anything else: these two must have one thread, and nothing of the daemon's in it.
    if std::env::args_os().nth(1).is_some_and(|it| it == "guardian") {
        return driftless::ansible::guardian::main();
    }
    if std::env::args_os().nth(1).is_some_and(|it| it == "sandbox") {
        return driftless::sandbox::main();
    }
    let Arguments { mut global, command } = cli::parse();
    global.read_environment(variable);
    let code = match command {
        Command::Client(ClientCommand::Audit(wanted)) if local::needs_no_daemon(&wanted) => {
            local::audit(&wanted, &global)
        }
        Command::Client(command) => cli::client_command(command, &global, clock::now),
        Command::Serve => serve(&global),
        Command::Demo(demo) => tell_demo(&demo),
        Command::CheckConfig(wanted) => local::check_config(&wanted, &options(&global)),
        Command::Init(wanted) => local::init(&wanted, global.config()),
        Command::Backup(wanted) => local::backup(&wanted, &global),
        Command::Restore(wanted) => local::restore(&wanted, &global, &options(&global)),
        Command::Doctor(wanted) => local::doctor(&wanted, &global, &options(&global)),
        Command::Schema(wanted) => local::schema(wanted.of),
        Command::Completions { shell } => local::completions(shell),
        Command::Man { directory } => local::manual(&directory),
        // Reached only with options before the word, which no daemon writes.
        Command::Guardian { .. } => ExitCode::Usage,
    };
    ProcessExit::from(code as u8)
}

/// The parts of the process environment that the daemon uses. It is read here and nowhere else.
#[expect(clippy::disallowed_methods, reason = "main owns the process environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn options(global: &Global) -> ServeOptions {
    ServeOptions {
        config: global.config().to_owned(),
        credentials: variable("CREDENTIALS_DIRECTORY").map(PathBuf::from),
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("driftless")),
        search_path: variable("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned()),
    }
}

fn serve(global: &Global) -> ExitCode {
    if let Err(error) = driftless::privileges::keep() {
        return local::fail(&format!("the capabilities of the service cannot be kept: {error}"));
    }
    let options = options(global);
    let config = match daemon::read_config(&options) {
        Ok(config) => config,
        Err(report) => {
            local::complain(&report);
            return ExitCode::Configuration;
        }
    };
    let filter = variable("DRIFTLESS_LOG").unwrap_or_else(|| "info".to_owned());
    logging::start(variable("JOURNAL_STREAM").is_some(), &filter);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended =
        runtime.map_err(anyhow::Error::from).and_then(|it| it.block_on(daemon::serve(options, config)));
    match ended {
        Ok(()) => ExitCode::Success,
        Err(error) => {
            let remedy = error.chain().find_map(|it| it.downcast_ref::<StoreError>()).map(StoreError::remedy);
            tracing::error!("{error:#}{}", remedy.map_or_else(String::new, |it| format!(" ({it})")));
            ExitCode::Unavailable
        }
    }
}

fn tell_demo(wanted: &cli::Demo) -> ExitCode {
    let options = demo::DemoOptions {
        exit: wanted.exit,
        directory: wanted.directory.clone(),
        listen: wanted.listen,
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("driftless")),
        search_path: variable("PATH").unwrap_or_default(),
        environment: pip_environment(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let told = runtime
        .map_err(anyhow::Error::from)
        .and_then(|it| it.block_on(demo::tell(&options, &mut anstream::stdout())));
    match told {
        Ok(()) => ExitCode::Success,
        Err(error) => local::fail(&format!("the demo broke off: {error:#}")),
    }
}

/// What a person's machine may need to reach a package index: handed to the demo's daemon only.
#[expect(clippy::disallowed_methods, reason = "main owns the process environment")]
fn pip_environment() -> Vec<(String, String)> {
    const NEEDED: [&str; 5] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "https_proxy", "http_proxy", "no_proxy"];
    std::env::vars().filter(|(name, _)| NEEDED.contains(&name.as_str()) || name.starts_with("PIP_")).collect()
}
