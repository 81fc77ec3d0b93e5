//! Gathers what is known of this installation, has it judged, and tells that. Works without a daemon.

use std::path::{Path, PathBuf};
use std::time::Duration;

use driftless::api::Status;
use driftless::cli::{self, Client, Global, OutputWanted, escape};
use driftless::config::{Config, SourceConfig};
use driftless::daemon::{self, ServeOptions};
use driftless::doctor::{self, AnsibleFacts, DaemonFacts, Facts, Finding, HostFacts, Severity, SourceFacts};
use driftless::error::ExitCode;

use super::{fail, machine, runtimes, say};

/// How long a host may take to answer.
const HOST_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// How many hosts are asked at once.
const HOSTS_AT_ONCE: usize = 64;

pub(crate) fn doctor(wanted: &cli::Doctor, global: &Global, options: &ServeOptions) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the program cannot start: {error}")),
    };
    let dir = match tempfile::Builder::new().prefix("driftless-doctor-").tempdir() {
        Ok(dir) => dir,
        Err(error) => return fail(&format!("there is no room for temporary files: {error}")),
    };
    let facts = runtime.block_on(gather(wanted, global, options, dir.path()));
    let findings = doctor::judge(&facts);
    let told = tell(&findings, global.output == OutputWanted::Json);
    match told {
        ExitCode::Success if doctor::is_unhealthy(&findings) => ExitCode::Unhealthy,
        other => other,
    }
}

fn tell(findings: &[Finding], as_json: bool) -> ExitCode {
    if as_json {
        return match serde_json::to_string_pretty(findings) {
            Ok(text) => say(&text),
            Err(error) => fail(&format!("the findings cannot be told: {error}")),
        };
    }
    let mut lines = Vec::new();
    for finding in findings {
        let (severity, area) = (finding.severity.as_str(), &finding.area);
        lines.push(format!("{severity:8}{area}: {}", escape(&finding.what)));
        lines.extend(finding.remedy.as_ref().map(|it| format!("        {}", escape(it))));
    }
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    lines.push(match (count(Severity::Error), count(Severity::Warning)) {
        (0, 0) => "nothing is wrong".to_owned(),
        (0, warnings) => format!("nothing keeps it from working; warnings: {warnings}"),
        (errors, warnings) => format!("to be mended: {errors}; warnings: {warnings}"),
    });
    say(&lines.join("\n"))
}

async fn gather(wanted: &cli::Doctor, global: &Global, options: &ServeOptions, dir: &Path) -> Facts {
    let mut facts = Facts { version: env!("CARGO_PKG_VERSION").to_owned(), ..Facts::default() };
    let status = Client::new(global.socket()).get::<Status>("/status").await;
    facts.daemon = Some(match &status {
        Ok(status) => DaemonFacts::Running {
            version: status.version.clone(),
            unready: status.readiness.because.clone(),
            notices: status.notices.clone(),
        },
        Err(error) => DaemonFacts::Silent { why: error.to_string(), remedy: error.remedy() },
    });
    facts.git = Some(machine::first_line("git", &["--version"]));
    facts.clock.synchronized = machine::clock_is_synchronized();
    let config = match daemon::read_config(options) {
        Ok(config) => config,
        Err(report) => {
            let problems = report.findings().iter().map(|it| it.message.to_string()).collect();
            facts.configuration = Some(Err(problems));
            facts.unit = machine::unit(0, false);
            return facts;
        }
    };
    facts.configuration = Some(Ok(()));
    installation(&mut facts, &config, options);
    facts.ansible = Some(match daemon::system_ansible(&config, options, dir).await {
        Ok(version) => AnsibleFacts::Found { version },
        Err(why) => AnsibleFacts::Missing { why },
    });
    // A daemon that runs says itself what its unit lets it do, which may be other than what whoever asks may.
    if status.is_err() && config.sources.values().any(SourceConfig::needs_sandbox) {
        facts.sandbox = Some(daemon::sandbox_available(options).await);
    }
    let known = machine::database(&mut facts, &config);
    runtimes::look(&mut facts, &config, &known.managed, dir).await;
    facts.sources = match status {
        Ok(status) if !wanted.sources => status.sources.iter().map(as_the_daemon_says).collect(),
        _ if wanted.sources => ask_sources(&config, dir).await,
        _ => Vec::new(),
    };
    if wanted.hosts {
        facts.hosts = ask_hosts(known.machines).await;
    }
    facts
}

fn installation(facts: &mut Facts, config: &Config, options: &ServeOptions) {
    let others = config.sources.values().any(|it| it.run_as.is_some());
    facts.unit = machine::unit(config.settings.drain_timeout.as_secs().unsigned_abs(), others);
    facts.users = machine::users(config, facts.unit.as_ref());
    facts.admin_group = Some((config.admin_group.clone(), machine::group_exists(&config.admin_group)));
    facts.directories = machine::directories(config, facts.unit.as_ref());
    facts.files = machine::files(config, &options.config);
    facts.certificate = config.tls.as_ref().map(machine::certificate);
}

fn as_the_daemon_says(source: &driftless::domain::SourceStatus) -> SourceFacts {
    let problem = source.problem.as_ref().map(|it| (it.message.clone(), it.remedy.clone()));
    SourceFacts { name: source.name.to_string(), problem, asked_by: "the daemon" }
}

async fn ask_sources(config: &Config, dir: &Path) -> Vec<SourceFacts> {
    let asked = daemon::reach_sources(config, dir).await.into_iter();
    asked
        .map(|(name, reached)| SourceFacts {
            name: name.to_string(),
            problem: reached.err().map(|it| (it.message, it.remedy)),
            asked_by: "asked now",
        })
        .collect()
}

/// Whether something answers where ssh should. Nobody signs in: the daemon alone has the keys.
async fn ask_hosts(machines: Vec<(String, String)>) -> Vec<HostFacts> {
    let turns = std::sync::Arc::new(tokio::sync::Semaphore::new(HOSTS_AT_ONCE));
    let mut asked = tokio::task::JoinSet::new();
    for (name, address) in machines {
        let turns = std::sync::Arc::clone(&turns);
        asked.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let problem = greet(&address).await.err();
            HostFacts { name, address, problem }
        });
    }
    let mut all = asked.join_all().await;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

async fn greet(address: &str) -> Result<(), String> {
    use tokio::io::AsyncReadExt as _;
    let greeted = async {
        let mut stream = tokio::net::TcpStream::connect(address).await.map_err(|it| it.to_string())?;
        let mut said = [0; 4];
        stream.read_exact(&mut said).await.map_err(|_| "it answers, and not as ssh does".to_owned())?;
        if said == *b"SSH-" { Ok(()) } else { Err("it answers, and not as ssh does".to_owned()) }
    };
    let late = |_| Err(format!("nothing within {} s", HOST_ANSWERS_WITHIN.as_secs()));
    tokio::time::timeout(HOST_ANSWERS_WITHIN, greeted).await.unwrap_or_else(late)
}

/// The state directory's store.
pub(super) fn store_dir(config: &Config) -> PathBuf {
    config.paths.state_dir.join("store")
}
