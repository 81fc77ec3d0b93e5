//! The daemon of the demo: a child process, asked over its socket as the command line would ask.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::api::{ActionReply, PlanBody, RunList, RunSummary, RunView, SignInLink, Status};
use crate::cli::Client;
use crate::domain::{DriftReport, Mode, Outcome, RunId, StackStatus, SyncStatus, Trigger};

use super::DemoOptions;

const LOOK_EVERY: Duration = Duration::from_millis(100);
const STARTS_WITHIN: Duration = Duration::from_secs(20);
const STOPS_WITHIN: Duration = Duration::from_secs(60);

/// A daemon with everything below one directory.
pub(super) struct DemoDaemon {
    client: Client,
    log: PathBuf,
    child: Mutex<Option<Child>>,
}

impl DemoDaemon {
    /// Starts it and waits until it answers. It ends with this process, whatever happens.
    pub(super) async fn start(root: &Path, options: &DemoOptions) -> anyhow::Result<Self> {
        let log = root.join("daemon.log");
        let file =
            std::fs::File::create(&log).with_context(|| format!("failed to write {}", log.display()))?;
        let child = Command::new(&options.program)
            .arg("--config")
            .arg(root.join("config.yml"))
            .arg("serve")
            .env_clear()
            .env("PATH", &options.search_path)
            .env("HOME", root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            // Ctrl-C in a terminal is for the demo, which then stops the daemon.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the daemon")?;
        let client = Client::new(&root.join("run/driftless.sock"));
        let daemon = Self { client, log, child: Mutex::new(Some(child)) };
        daemon.until("the daemon answers", STARTS_WITHIN, async || Ok(daemon.status().await.ok())).await?;
        Ok(daemon)
    }

    /// Tells it to stop and waits until it did.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        let child = self.child.lock().ok().and_then(|mut it| it.take());
        let Some(mut child) = child else { return Ok(()) };
        if let Some(pid) = child.id().and_then(|it| rustix::process::Pid::from_raw(it.cast_signed())) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .context("failed to stop the daemon")?;
        }
        let status =
            tokio::time::timeout(STOPS_WITHIN, child.wait()).await.context("the daemon did not stop")??;
        if status.success() { Ok(()) } else { bail!("the daemon ended with {status}: {}", self.last_words()) }
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(20);
        format!("the last lines of {}:\n{}", self.log.display(), lines[last..].join("\n"))
    }

    pub(super) async fn url(&self) -> anyhow::Result<String> {
        self.status().await?.url.context("the daemon serves no pages")
    }

    /// A link that signs a browser in, once.
    pub(super) async fn sign_in_link(&self) -> anyhow::Result<String> {
        let link: SignInLink = self.client.post("/sign-in-link", &()).await?;
        Ok(link.url)
    }

    async fn status(&self) -> anyhow::Result<Status> {
        Ok(self.client.get("/status").await?)
    }

    pub(super) async fn stack(&self, name: &str) -> anyhow::Result<StackStatus> {
        let stacks = self.status().await?.stacks;
        stacks
            .into_iter()
            .find(|it| it.id.to_string() == name)
            .with_context(|| format!("there is no stack {name}"))
    }

    pub(super) async fn run(&self, run: RunId) -> anyhow::Result<RunView> {
        Ok(self.client.get(&format!("/runs/{run}")).await?)
    }

    /// Waits for the first run of a commit to end, and checks how.
    pub(super) async fn ended(
        &self,
        commit: &str,
        outcome: Outcome,
        within: Duration,
    ) -> anyhow::Result<RunSummary> {
        let run = self
            .until(&format!("a run of {commit} ends"), within, async || {
                Ok(self.runs_of(commit).await?.into_iter().find(|it| it.ending.is_some()))
            })
            .await?;
        match &run.ending {
            Some(ending) if ending.outcome == outcome => Ok(run),
            Some(ending) => {
                let reason = ending.reason.as_ref().map_or_else(String::new, |it| format!(": {it}"));
                bail!("run {} should have ended {outcome}, and ended {}{reason}", run.run, ending.outcome)
            }
            None => bail!("run {} has not ended", run.run),
        }
    }

    /// Waits for this many retries of a commit; gives all its runs, oldest first.
    pub(super) async fn retries(
        &self,
        commit: &str,
        count: usize,
        within: Duration,
    ) -> anyhow::Result<Vec<RunSummary>> {
        self.until(&format!("{count} retries of {commit}"), within, async || {
            let runs = self.runs_of(commit).await?;
            let ended = runs.iter().filter(|it| it.ending.is_some()).count();
            Ok((count < ended).then_some(runs))
        })
        .await
    }

    /// The runs of a commit, oldest first.
    async fn runs_of(&self, commit: &str) -> anyhow::Result<Vec<RunSummary>> {
        let list: RunList = self.client.get("/runs").await?;
        Ok(list.runs.into_iter().rev().filter(|it| it.revision.commit.as_str() == commit).collect())
    }

    /// Waits until a stack is in sync with a commit.
    pub(super) async fn in_sync(
        &self,
        name: &str,
        commit: &str,
        within: Duration,
    ) -> anyhow::Result<StackStatus> {
        self.until(&format!("{name} is in sync"), within, async || {
            let stack = self.stack(name).await?;
            Ok((stack.sync == SyncStatus::InSync && stack.head.commit.as_str() == commit).then_some(stack))
        })
        .await
    }

    /// Asks for a check of a stack; gives the answer.
    pub(super) async fn plan(&self, name: &str) -> anyhow::Result<String> {
        let answer: ActionReply =
            self.client.post(&format!("/stacks/{name}/plan"), &PlanBody { limit: None }).await?;
        Ok(answer.message)
    }

    /// Waits until what is told of a stack's drift fits.
    pub(super) async fn drift_when(
        &self,
        what: &str,
        name: &str,
        within: Duration,
        fits: impl Fn(&DriftReport) -> bool,
    ) -> anyhow::Result<DriftReport> {
        self.until(what, within, async || {
            let report: DriftReport = self.client.get(&format!("/stacks/{name}/drift")).await?;
            Ok(Some(report).filter(|it| fits(it)))
        })
        .await
    }

    /// Waits until a correction of a stack has ended.
    pub(super) async fn heal(&self, name: &str, within: Duration) -> anyhow::Result<RunSummary> {
        self.until(&format!("{name} is corrected"), within, async || {
            let list: RunList = self.client.get("/runs").await?;
            let heals = |it: &RunSummary| it.trigger == Trigger::Drift && it.mode == Mode::Apply;
            Ok(list.runs.into_iter().find(|it| heals(it) && it.ending.is_some()))
        })
        .await
    }

    /// The value of one series.
    pub(super) async fn metric(&self, series: &str) -> anyhow::Result<Option<f64>> {
        let url = self.url().await?;
        let address = url.trim_start_matches("http://").to_owned();
        let stream = tokio::net::TcpStream::connect(&address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        drop(tokio::spawn(connection));
        let request = hyper::Request::get("/metrics").header("host", &address).body(Empty::<Bytes>::new())?;
        let body = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body);
        Ok(text.lines().find_map(|it| it.strip_prefix(series)?.trim().parse().ok()))
    }

    async fn until<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if deadline <= Instant::now() {
                bail!("waited {} s in vain: {what}", within.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
