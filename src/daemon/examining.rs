//! What `driftless doctor` asks of the parts that only the daemon knows, without a daemon.

use std::path::{Path, PathBuf};

use tokio::task::JoinSet;

use crate::ansible::runtime::{Runtimes, all_recorded};
use crate::config::{Config, TlsConfig};
use crate::domain::{Failure, RuntimeSpec, SourceName, Timestamp};
use crate::git::{Git, GitSettings};
use crate::sandbox::{Availability, Sandbox};

use super::places::Places;
use super::{ServeOptions, access, certifying, sandboxing};

/// Asks every source whether it answers and has what is followed. `dir` is for what git needs meanwhile.
pub async fn reach_sources(config: &Config, dir: &Path) -> Vec<(SourceName, Result<(), Failure>)> {
    let git = Git::new(GitSettings {
        cache_dir: dir.join("git"),
        run_dir: dir.join("run"),
        git_program: PathBuf::from("git"),
        home: dir.join("home"),
    });
    let made = ["git", "run", "home"].into_iter().try_for_each(|it| std::fs::create_dir_all(dir.join(it)));
    let mut asked = JoinSet::new();
    for (name, source) in &config.sources {
        let remote = access::remote(config, source);
        let (git, name) = (git.clone(), name.clone());
        asked.spawn(async move {
            let reached = match remote {
                Ok(remote) => git.reach(&remote).await.map_err(Failure::from),
                Err(failure) => Err(failure),
            };
            (name, reached)
        });
    }
    if let Err(error) = made {
        tracing::debug!(%error, "git has no place to work in");
    }
    let mut all = asked.join_all().await;
    git.close_connections().await;
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The version of the system's ansible-core, or why there is none.
pub async fn system_ansible(config: &Config, options: &ServeOptions, dir: &Path) -> Result<String, String> {
    let runtimes = Runtimes::new(dir.join("runtimes"), options.program.clone(), options.search_path.clone());
    let runtimes = runtimes.map_err(|it| it.to_string())?;
    let found = runtimes.prepare(&RuntimeSpec::System, dir, &access::of_system(config)).await;
    found.map(|it| it.version).map_err(|it| it.to_string())
}

/// A runtime that was built for what a repository declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltRuntime {
    /// The version of ansible-core.
    pub version: String,
    /// Where it is.
    pub dir: PathBuf,
    /// Whether its Python can still be started: it is a link to one of the control node.
    pub has_python: bool,
    /// Whether its `ansible-playbook` is there.
    pub has_ansible: bool,
}

/// The runtimes that were built here.
pub fn built_runtimes(config: &Config) -> Vec<BuiltRuntime> {
    let paths = &config.paths;
    let dir = Places::new(&paths.state_dir, &paths.cache_dir, &paths.run_dir).runtimes();
    let built = all_recorded(&dir).into_iter().map(|it| BuiltRuntime {
        dir: dir.join(&it.hash),
        has_python: it.python.is_file(),
        has_ansible: it.bin_dir.join("ansible-playbook").is_file(),
        version: it.version,
    });
    built.collect()
}

/// Whether certificate and key can be used, and when the certificate ends, where that can be read.
pub fn examine_certificate(config: &TlsConfig) -> Result<Option<Timestamp>, Failure> {
    certifying::examine(config)
}

/// Whether sandboxes of previews can be made: why not, and what to do.
pub async fn sandbox_available(options: &ServeOptions) -> Result<(), (String, String)> {
    let bwrap = sandboxing::bwrap(&options.search_path);
    let sandbox = Sandbox { program: options.program.clone(), bwrap, run_as: None };
    match sandbox.probe().await {
        Availability::Available => Ok(()),
        Availability::Missing { why, remedy } => Err((why, remedy)),
    }
}
