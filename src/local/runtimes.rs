//! What is found out about the runtimes that repositories declare: whether they can be built, and those that were.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use driftless::config::Config;
use driftless::daemon;
use driftless::doctor::{Facts, PythonFacts, RuntimeFacts};
use driftless::domain::StackId;

/// How long a Python may take to make an environment.
const MADE_WITHIN: Duration = Duration::from_secs(60);

/// Looks at the runtimes that were built, and tries each Python that further ones would be built with. `managed` are the
/// stacks that declare one.
pub(super) async fn look(facts: &mut Facts, config: &Config, managed: &BTreeSet<StackId>, dir: &Path) {
    let built = daemon::built_runtimes(config).into_iter().map(|it| RuntimeFacts {
        version: it.version,
        dir: it.dir,
        has_python: it.has_python,
        has_ansible: it.has_ansible,
    });
    facts.runtimes = built.collect();
    let pythons: BTreeSet<PathBuf> = managed
        .iter()
        .filter_map(|it| {
            let lent = config.sources.get(&it.source)?.access_for(&it.stack);
            let named = lent.python.or_else(|| config.paths.python.clone());
            Some(named.unwrap_or_else(|| PathBuf::from("python3")))
        })
        .collect();
    for (number, python) in pythons.into_iter().enumerate() {
        let problem = make(&python, &dir.join(format!("venv-{number}"))).await.err();
        facts.pythons.push(PythonFacts { python, problem });
    }
}

/// Makes an environment, as a build begins.
async fn make(python: &Path, dir: &Path) -> Result<(), String> {
    let made = tokio::process::Command::new(python)
        .args(["-I", "-m", "venv"])
        .arg(dir)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let late = |_| format!("it took longer than {} s", MADE_WITHIN.as_secs());
    let made = tokio::time::timeout(MADE_WITHIN, made).await.map_err(late)?.map_err(|it| it.to_string())?;
    if made.status.success() {
        return Ok(());
    }
    // Debian says it in several lines on standard output, a traceback ends with it.
    let said = if made.stderr.is_empty() { made.stdout } else { made.stderr };
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let words = lines.iter().find(|it| it.contains("ensurepip")).or(lines.last());
    Err(words.map_or_else(|| format!("it ended with {}", made.status), |it| (*it).to_owned()))
}
