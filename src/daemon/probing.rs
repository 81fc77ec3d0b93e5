//! One probe, from the decision to the event that it came back: a tiny playbook of ours, executed as a run of the stack
//! would be, which changes nothing and is recorded nowhere.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::Instrument as _;

use crate::ansible::clean::NotKept;
use crate::ansible::collection::PROBE;
use crate::ansible::command::random_token;
use crate::ansible::execute::{Audience, Execution};
use crate::ansible::limits::Limits;
use crate::domain::{
    Event, Failure, HostName, Mode, ResultStatus, RunEvent, RunEventKind, RunSpec, TaskResult,
};

use super::hands::Tools;
use super::preparing::{self, LaidOut};
use super::running::lent_to;

/// How long a probe may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The most hosts that are asked at once. Those that do not answer take ten seconds each.
const FORKS: u32 = 50;

/// What the playbook is called in a checkout, beside that of the stack.
const FILE: &str = ".driftless-probe.yml";

/// What a host says that was found busy, and what one that was not.
const BUSY: &str = "driftless-probe: busy";
const IDLE: &str = "driftless-probe: idle";

/// What came back.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    answered: BTreeSet<HostName>,
    busy: BTreeSet<HostName>,
}

/// Asks the hosts and tells the core who answered, whatever happens.
pub(super) async fn probe(tools: Arc<Tools>, spec: RunSpec) {
    let stack = spec.stack.clone();
    let name = match name() {
        Ok(name) => name,
        Err(error) => {
            tracing::warn!(%stack, %error, "a probe cannot be named");
            let (answered, busy) = (BTreeSet::new(), BTreeSet::new());
            return tools.inbox.send(Event::Probed { stack, answered, busy }).await;
        }
    };
    let span = tracing::info_span!("probe", %stack, name);
    let secrets = lent_to(&tools, &spec).await;
    let asked = tokio::spawn(ask(Arc::clone(&tools), spec, name.clone()).instrument(span.clone()));
    let Found { answered, busy } = match asked.await {
        Ok(Ok(found)) => found,
        Ok(Err(failure)) => {
            let failure = secrets.text(&failure.to_string());
            tracing::warn!(parent: &span, "the probe failed: {failure}");
            Found::default()
        }
        Err(_panicked) => Found::default(),
    };
    tracing::info!(parent: &span, answered = answered.len(), busy = busy.len(), "probed");
    preparing::tidy(&tools, &name).await;
    tools.inbox.send(Event::Probed { stack, answered, busy }).await;
}

/// The name of its directories. Those of a probe that a daemon before this one made may still be there.
fn name() -> std::io::Result<String> {
    Ok(format!("probe-{}", &random_token()?[..8]))
}

async fn ask(tools: Arc<Tools>, spec: RunSpec, name: String) -> Result<Found, Failure> {
    let laid_out = preparing::lay_out(&tools, &spec, &name).await?;
    let spec = RunSpec {
        playbook: write_playbook(&laid_out, &spec.playbook)?,
        mode: Mode::Apply, // In check mode nothing would be asked.
        tags: Vec::new(),
        skip_tags: Vec::new(),
        forks: Some(FORKS),
        debts: Vec::new(),
        ..spec
    };
    let mut started_with = preparing::start_with(&tools, &spec, &laid_out, &name).await?;
    started_with.launch.launcher_spec.gate = false;
    let found = Arc::new(Mutex::new(Found::default()));
    let hears = Arc::clone(&found);
    let audience = Audience {
        sink: Box::new(move |events| {
            let mut found = hears.lock().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                found.hear(event);
            }
        }),
        log: None,
        cleaner: Box::new(NotKept),
        announcements: Some(started_with.announcements),
    };
    let limits = Limits::with_wall(LIMIT);
    let execution = Execution::spawn(&started_with.launch, &started_with.guard, limits, audience)?;
    let finished = execution.wait().await;
    tracing::debug!(exit = %finished.exit, "the probe ended");
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *found))
}

impl Found {
    fn hear(&mut self, event: &RunEvent) {
        let RunEventKind::TaskEnded(result) = &event.kind else { return };
        if matches!(result.status, ResultStatus::Unreachable | ResultStatus::UnreachableIgnored) {
            return;
        }
        self.answered.insert(result.host.clone());
        if is_busy(result) {
            self.busy.insert(result.host.clone());
        }
    }
}

/// Whether something may be left on a host that answered. One that says neither did not understand the question.
fn is_busy(result: &TaskResult) -> bool {
    // Skipped because it is the control node.
    let skipped = result.status == ResultStatus::Skipped && !result.blind;
    let said = result.detail.as_ref().map_or("", |it| it.stdout.as_str());
    let says = |what: &str| said.lines().any(|it| it.trim_start().starts_with(what));
    !skipped && (says(BUSY) || !says(IDLE))
}

/// Writes our playbook beside that of the stack, so that the same variables count, and says what it is called.
fn write_playbook(laid_out: &LaidOut, playbook: &str) -> Result<String, Failure> {
    let root = laid_out.checkout.path();
    let cannot = |error: &std::io::Error| {
        Failure::soon(format!("failed to write the playbook of a probe: {error}"))
            .remedy("look at the owner, the mode and the free space of the cache directory")
    };
    let beside = Path::new(playbook).parent().unwrap_or(Path::new(""));
    let outside = || Failure::until_changed(format!("`{playbook}` is not in the repository"));
    let plain = beside.components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    let directory = root.join(beside);
    let real = directory.canonicalize().map_err(|it| cannot(&it))?;
    if !plain || !real.starts_with(root.canonicalize().map_err(|it| cannot(&it))?) {
        return Err(outside());
    }
    write_beside(&real, laid_out.group()).map_err(|it| cannot(&it))?;
    beside.join(FILE).to_str().map(str::to_owned).ok_or_else(outside)
}

/// The checkout is the daemon's, and closed even to itself while it is used.
fn write_beside(directory: &Path, group: Option<u32>) -> std::io::Result<()> {
    let closed = fs::metadata(directory)?.permissions();
    fs::set_permissions(directory, Permissions::from_mode(closed.mode() | 0o300))?;
    let path = directory.join(FILE);
    let written = write_new(&path, group);
    fs::set_permissions(directory, closed)?;
    written
}

/// Writes a file that the run may read, whatever the umask of the daemon is.
fn write_new(path: &Path, group: Option<u32>) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(PROBE.as_bytes())?;
    std::os::unix::fs::fchown(&file, None, group)?;
    file.set_permissions(Permissions::from_mode(0o640))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Detail, Timestamp};

    fn ended(host: &str, status: ResultStatus, stdout: &str) -> RunEvent {
        let result = TaskResult {
            host: HostName::new(host),
            task: 0,
            item: None,
            status,
            changed: true,
            duration_ms: 1,
            module: "ansible.builtin.raw".to_owned(),
            for_real: false,
            blind: false,
            no_log: false,
            delegated_to: None,
            items: 0,
            satisfied: false,
            tainted: false,
            diff_digest: String::new(),
            detail: Some(Box::new(Detail { stdout: stdout.to_owned(), ..Detail::default() })),
        };
        RunEvent { at: Timestamp::UNIX_EPOCH, kind: RunEventKind::TaskEnded(result) }
    }

    #[test]
    fn a_host_is_busy_unless_it_says_that_it_is_not() {
        use ResultStatus::{Failed, Ok, Skipped, Unreachable, UnreachableIgnored};
        let mut found = Found::default();
        for (host, status, stdout) in [
            ("idle", Ok, "Welcome\r\ndriftless-probe: idle\r\n"),
            ("busy", Ok, "driftless-probe: busy 12 13\n"),
            ("odd", Ok, "what?\n"),
            ("failed", Failed, ""),
            ("local", Skipped, ""),
            ("gone", Unreachable, ""),
            ("gone too", UnreachableIgnored, ""),
        ] {
            found.hear(&ended(host, status, stdout));
        }
        let names = |names: &[&str]| names.iter().map(|it| HostName::new(*it)).collect::<BTreeSet<_>>();
        assert_eq!(found.answered, names(&["idle", "busy", "odd", "failed", "local"]));
        assert_eq!(found.busy, names(&["busy", "odd", "failed"]));
    }

    #[test]
    fn the_playbook_goes_into_a_directory_that_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o550)).unwrap();
        // As the unit has it. The user of the runs is in the group.
        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        write_beside(dir.path(), None).unwrap();
        rustix::process::umask(umask);
        assert_eq!(fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o550);
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(text.contains(BUSY) && text.contains(IDLE));
        assert!(write_beside(dir.path(), None).is_err(), "what the repository has is not replaced");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
    }
}
