//! What the demo does and tells, step by step. Each step checks the evidence that it shows.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::api::{RunSummary, RunView};
use crate::domain::{Outcome, SyncStatus};

use super::daemon::DemoDaemon;
use super::repository::DemoRepository;

/// How long one step may take. The first builds a Python environment.
const FIRST: Duration = Duration::from_secs(600);
pub(super) const STEP: Duration = Duration::from_secs(90);

const HOSTS: [&str; 3] = ["db1", "web1", "web2"];
pub(super) const STACK: &str = "demo/fleet";
/// What the restless task of the last step writes.
pub(super) const RESTLESS: &str = "etc/checked-at";

/// The demo while it is told.
pub(super) struct Story<'a, W: Write> {
    pub(super) out: &'a mut W,
    pub(super) daemon: &'a DemoDaemon,
    pub(super) repository: &'a DemoRepository,
    /// Where the playbook keeps the directories that stand for hosts.
    pub(super) hosts: PathBuf,
}

impl<W: Write> Story<'_, W> {
    /// All of it.
    pub(super) async fn tell(&mut self) -> anyhow::Result<()> {
        self.first_commit().await?;
        self.second_commit().await?;
        self.broken_commit().await?;
        self.mending_commit().await?;
        self.edit_by_hand().await?;
        self.restless_commit().await
    }

    async fn first_commit(&mut self) -> anyhow::Result<()> {
        self.title("1. A first commit is applied")?;
        let commit = self.repository.commit("Add the fleet")?;
        self.line(&format!(
            "committed {} \"Add the fleet\": three hosts, a greeting, a web server",
            short(&commit)
        ))?;
        self.line("the first run builds its own ansible-core, as driftless.yml asks; this takes a moment")?;
        let run = self.daemon.ended(&commit, Outcome::Changed, FIRST).await?;
        self.recap(&run).await?;
        self.files(&Self::expected("Welcome to the fleet.", 2))?;
        self.in_sync(&commit).await?;
        self.runs_counted("changed", "new_revision", 1).await
    }

    async fn second_commit(&mut self) -> anyhow::Result<()> {
        self.title("2. A second commit changes what it says, and nothing else")?;
        self.repository.edit("inventory/group_vars/all.yml", "worker_processes: 2", "worker_processes: 4")?;
        let commit = self.repository.commit("Use four workers")?;
        self.line(&format!("committed {} \"Use four workers\"", short(&commit)))?;
        let run = self.daemon.ended(&commit, Outcome::Changed, STEP).await?;
        let view = self.recap(&run).await?;
        let changed: Vec<&str> =
            view.run.hosts.iter().filter(|(_, it)| it.changed != 0).map(|(host, _)| host.as_str()).collect();
        ensure!(changed == ["web1", "web2"], "only the web servers should have changed, not {changed:?}");
        self.line("only web1 and web2 changed, and their handler ran")?;
        self.files(&Self::expected("Welcome to the fleet.", 4))?;
        self.in_sync(&commit).await?;
        self.runs_counted("changed", "new_revision", 2).await
    }

    async fn broken_commit(&mut self) -> anyhow::Result<()> {
        self.title("3. A broken commit fails, says why, and is retried with growing pauses")?;
        self.repository.edit("inventory/group_vars/all.yml", "worker_processes: 4", "worker_processes: 0")?;
        let commit = self.repository.commit("Use no workers")?;
        self.line(&format!("committed {} \"Use no workers\", which the role refuses", short(&commit)))?;
        let run = self.daemon.ended(&commit, Outcome::Failed, STEP).await?;
        let view = self.recap(&run).await?;
        for failed in view.notable.iter().filter(|it| it.status == crate::domain::ResultStatus::Failed) {
            self.line(&format!(
                "failed on {}: {} ({}:{})",
                failed.host, failed.task.name, failed.task.path, failed.task.line
            ))?;
        }
        let status = self.daemon.stack(STACK).await?;
        ensure!(status.sync == SyncStatus::OutOfSync, "a failed commit is not in sync");
        self.line(&format!("status: {}", status.reason))?;
        self.files(&Self::expected("Welcome to the fleet.", 4))?;
        let retries = self.daemon.retries(&commit, 2, STEP).await?;
        let pauses = pauses(&retries);
        for (retry, pause) in retries.iter().skip(1).zip(&pauses) {
            self.line(&format!(
                "run {} is a retry, {:.1} s after the failure before it",
                retry.run,
                pause.as_secs_f64()
            ))?;
        }
        ensure!(pauses.windows(2).all(|it| it[0] < it[1]), "the pauses should grow: {pauses:?}");
        self.runs_counted("failed", "new_revision", 1).await
    }

    async fn mending_commit(&mut self) -> anyhow::Result<()> {
        self.title("4. A mending commit wins at once, without waiting for the backoff")?;
        let failing = self.daemon.stack(STACK).await?;
        self.repository.edit("inventory/group_vars/all.yml", "worker_processes: 0", "worker_processes: 8")?;
        let commit = self.repository.commit("Use eight workers")?;
        self.line(&format!("committed {} \"Use eight workers\"", short(&commit)))?;
        if let Some(at) = failing.next_run {
            self.line(&format!("the next retry of the broken commit was due at {at:.0}"))?;
        }
        let run = self.daemon.ended(&commit, Outcome::Changed, STEP).await?;
        self.recap(&run).await?;
        self.files(&Self::expected("Welcome to the fleet.", 8))?;
        self.in_sync(&commit).await?;
        self.runs_counted("changed", "new_revision", 3).await
    }

    /// Every file that must be on disk, with its content.
    pub(super) fn expected(greeting: &str, workers: u32) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::new();
        for host in HOSTS {
            files.insert(PathBuf::from(format!("{host}/etc/motd")), format!("{greeting}\n"));
        }
        for host in ["web1", "web2"] {
            let config = format!("# Written by Ansible for {host}.\nworker_processes {workers};\n");
            files.insert(PathBuf::from(format!("{host}/etc/web.conf")), config);
            files.insert(
                PathBuf::from(format!("{host}/reloaded")),
                format!("reloaded with {workers} workers\n"),
            );
        }
        files
    }

    /// Compares the hosts' directories with what Git says, file by file, and shows the telling ones.
    pub(super) fn files(&mut self, expected: &BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
        let mut found = BTreeMap::new();
        read_tree(&self.hosts, &self.hosts, &mut found)?;
        // The file that never comes to rest says something else each time.
        found.retain(|path, _| !path.ends_with(RESTLESS));
        ensure!(found == *expected, "on disk is {found:#?}, Git says {expected:#?}");
        self.line(&format!(
            "on disk: {} files under {}, each as Git says",
            found.len(),
            self.hosts.display()
        ))?;
        for path in ["web1/etc/web.conf", "web1/reloaded"] {
            let content = &found[Path::new(path)];
            self.line(&format!("  {path}: {}", content.lines().last().unwrap_or_default()))?;
        }
        Ok(())
    }

    /// Shows a run's recap, and checks that it tells of exactly the hosts of the inventory.
    pub(super) async fn recap(&mut self, run: &RunSummary) -> anyhow::Result<RunView> {
        let view = self.daemon.run(run.run).await?;
        let hosts: Vec<&str> = view.run.hosts.keys().map(crate::domain::HostName::as_str).collect();
        ensure!(hosts == HOSTS, "the recap should tell of {HOSTS:?}, not {hosts:?}");
        let took = view.run.started_at.zip(view.run.ended_at).map(|(from, to)| to.duration_since(from));
        let took = took.map_or_else(String::new, |it| format!(" after {:.1} s", it.as_secs_f64()));
        let outcome = view.run.ending.as_ref().map_or("live", |it| it.outcome.as_str());
        self.line(&format!("run {} ({}) ended {outcome}{took}", run.run, run.trigger))?;
        for (host, stats) in &view.run.hosts {
            self.line(&format!(
                "  {host:<5} ok={} changed={} failed={} skipped={}",
                stats.ok, stats.changed, stats.failed, stats.skipped
            ))?;
        }
        Ok(view)
    }

    async fn in_sync(&mut self, commit: &str) -> anyhow::Result<()> {
        let status = self.daemon.in_sync(STACK, commit, STEP).await?;
        self.line(&format!("status: {} is in sync, {}", STACK, status.reason))
    }

    async fn runs_counted(&mut self, outcome: &str, trigger: &str, want: u32) -> anyhow::Result<()> {
        let series = format!(
            "driftless_runs_total{{mode=\"apply\",outcome=\"{outcome}\",source=\"demo\",stack=\"fleet\",trigger=\"{trigger}\"}}"
        );
        let value = self.daemon.metric(&series).await?.context("the metric is missing")?;
        ensure!((value - f64::from(want)).abs() < 0.5, "{series} is {value} and should be {want}");
        self.line(&format!("metric: {series} {value}"))
    }

    pub(super) fn title(&mut self, title: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "\n{title}")?)
    }

    pub(super) fn line(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(writeln!(self.out, "   {line}")?)
    }
}

pub(super) fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// From the end of each run to the decision for the next one.
fn pauses(runs: &[RunSummary]) -> Vec<Duration> {
    runs.windows(2)
        .filter_map(|it| Duration::try_from(it[1].decided_at.duration_since(it[0].ended_at?)).ok())
        .collect()
}

fn read_tree(root: &Path, at: &Path, found: &mut BTreeMap<PathBuf, String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(at).with_context(|| format!("failed to read {}", at.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            read_tree(root, &path, found)?;
        } else {
            let below = path.strip_prefix(root).context("a file below its root")?.to_owned();
            found.insert(below, std::fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
