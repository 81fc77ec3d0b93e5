//! What `driftless doctor` asks of the parts that only the daemon knows, without a daemon.

use std::path::{Path, PathBuf};

use tokio::task::JoinSet;

use crate::ansible::runtime::Runtimes;
use crate::config::Config;
use crate::domain::{Failure, RuntimeSpec, SourceName};
use crate::git::{Git, GitSettings};
use crate::sandbox::{Availability, Sandbox};

use super::{ServeOptions, access, sandboxing};

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

/// Whether sandboxes of previews can be made: why not, and what to do.
pub async fn sandbox_available(options: &ServeOptions) -> Result<(), (String, String)> {
    let sandbox =
        Sandbox { program: options.program.clone(), bwrap: PathBuf::from(sandboxing::BWRAP), run_as: None };
    match sandbox.probe().await {
        Availability::Available => Ok(()),
        Availability::Missing { why, remedy } => Err((why, remedy)),
    }
}
