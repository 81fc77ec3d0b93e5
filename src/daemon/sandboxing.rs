//! What Ansible says of a merge request in a sandbox: without keys, without network, with nothing to write. And whether
//! sandboxes can be made here: tried at start and after each reload, and what is missing is said before anybody waits.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use crate::ansible::guardian::RunAs;
use crate::config::SourceConfig;
use crate::domain::{CommitHash, Failure, Impact, SandboxedPlay, SandboxedStack, StackName, StackPolicy};
use crate::git::Owner;
use crate::sandbox::{
    self, Availability, ListedPlay, ListedTask, Sandbox, SandboxLimits, SandboxReport, SandboxRequest,
    SandboxRuntime, Syntax,
};

use super::access;
use super::hands::Tools;
use super::previewing::Wanted;

/// Where distributions put the program that makes sandboxes.
const BWRAP: &str = "/usr/bin/bwrap";

/// What is known of sandboxes on this machine.
pub(super) struct Sandboxes {
    /// Where bubblewrap is looked for; written like `PATH`.
    search_path: String,
    /// What came of the newest try, by the user (`run_as`) that sandboxes are started as.
    found: Mutex<BTreeMap<Option<u32>, Availability>>,
    /// How many checkouts were made for sandboxes.
    made: AtomicU64,
}

impl Sandboxes {
    pub(super) fn new(search_path: String) -> Self {
        Self { search_path, found: Mutex::default(), made: AtomicU64::new(0) }
    }
}

/// The program that makes sandboxes: the first in the path, else the one of the distribution, which may come yet.
pub(super) fn bwrap(search_path: &str) -> PathBuf {
    let mut found = std::env::split_paths(search_path).map(|it| it.join("bwrap"));
    found.find(|it| it.is_absolute() && it.is_file()).unwrap_or_else(|| PathBuf::from(BWRAP))
}

/// Tries whether sandboxes can be made, if any source needs them, and says it where they cannot. Previews that come
/// meanwhile wait for what comes of it.
pub(super) async fn probe(tools: Arc<Tools>) {
    let mut found = tools.sandboxes.found.lock().await;
    found.clear();
    for source in tools.config().sources.values().filter(|it| it.needs_sandbox()) {
        // A user that does not exist is said by what needs it.
        let Ok(sandbox) = sandbox(&tools, source) else { continue };
        let user = sandbox.run_as.map(|it| it.uid);
        if let Entry::Vacant(place) = found.entry(user) {
            place.insert(sandbox.probe().await);
        }
    }
    let lack = found.values().find_map(lack);
    match &lack {
        Some(lack) => tracing::warn!("{lack}"),
        None if !found.is_empty() => tracing::info!("sandboxes of previews can be made"),
        None => {}
    }
    *tools.flags.no_sandbox.lock().unwrap_or_else(PoisonError::into_inner) = lack;
    tools.flags.activity.fetch_add(1, Ordering::Relaxed);
}

fn lack(found: &Availability) -> Option<String> {
    let Availability::Missing { why, remedy } = found else { return None };
    Some(format!("previews of merge requests stay static, since no sandbox can be made: {why}; {remedy}"))
}

/// How sandboxes are made for a source.
pub(super) fn sandbox(tools: &Tools, source: &SourceConfig) -> Result<Sandbox, Failure> {
    let user = access::run_user(source)?;
    Ok(Sandbox {
        program: tools.program.clone(),
        bwrap: bwrap(&tools.sandboxes.search_path),
        run_as: user.map(|it| sandbox::RunAs { uid: it.uid, gid: it.gid }),
    })
}

/// Whether sandboxes can be made here, as far as the newest try told.
pub(super) async fn availability(tools: &Tools, sandbox: &Sandbox) -> Result<(), Failure> {
    let mut found = tools.sandboxes.found.lock().await;
    let user = sandbox.run_as.map(|it| it.uid);
    let found = match found.entry(user) {
        Entry::Vacant(place) => place.insert(sandbox.probe().await),
        Entry::Occupied(place) => place.into_mut(),
    };
    match found {
        Availability::Available => Ok(()),
        Availability::Missing { why, remedy } => {
            Err(Failure::until_changed(format!("no sandbox can be made: {why}")).remedy(remedy.clone()))
        }
    }
}

/// What Ansible says of each stack that the change touches.
pub(super) async fn listed(
    tools: &Arc<Tools>,
    source: &SourceConfig,
    wanted: &Wanted,
    impact: &Impact,
    result: &CommitHash,
) -> Result<BTreeMap<StackName, SandboxedStack>, Failure> {
    let sandbox = sandbox(tools, source)?;
    availability(tools, &sandbox).await?;
    let user = access::run_user(source)?;
    let owner = user.map_or(Owner::Same, |it| Owner::Group(it.gid));
    // Another name each time: the last one's checkout may still wait to be removed.
    let count = tools.sandboxes.made.fetch_add(1, Ordering::Relaxed);
    let place = tools.places.checkout(&format!("preview-{}-{}-{count}", wanted.source, wanted.number));
    let checkout = tools.git.checkout(&wanted.source, result, &place, owner).await?;
    let mut listed = BTreeMap::new();
    for touched in &impact.stacks {
        let Some(stack) = wanted.stacks.iter().find(|it| it.id.stack == touched.stack) else { continue };
        let said = one(tools, source, &sandbox, checkout.path().to_owned(), stack).await;
        let said = said.unwrap_or_else(|failure| SandboxedStack {
            problem: Some(failure.to_string()),
            ..SandboxedStack::default()
        });
        listed.insert(touched.stack.clone(), said);
    }
    tools.attic.put(place);
    Ok(listed)
}

async fn one(
    tools: &Tools,
    source: &SourceConfig,
    sandbox: &Sandbox,
    checkout: PathBuf,
    stack: &StackPolicy,
) -> Result<SandboxedStack, Failure> {
    let run_as = sandbox.run_as.map(|it| RunAs { uid: it.uid, gid: it.gid });
    let with = access::of_runtime(&tools.config(), source, &stack.id.stack, run_as)?;
    // What the runtime is made of did not change, so it is that of the target.
    let runtime = tools.runtimes.prepare(&stack.runtime, &checkout, &with).await?;
    let request = SandboxRequest {
        checkout,
        runtime: SandboxRuntime {
            python: runtime.python,
            version: runtime.version,
            collections_path: runtime.collections_path,
            roles_path: runtime.roles_path,
        },
        playbook: stack.playbook.clone(),
        inventory: stack.inventory.clone(),
        limit: stack.limit.clone(),
        tags: stack.tags.clone(),
        skip_tags: stack.skip_tags.clone(),
        extra_vars: None,
        limits: SandboxLimits::default(),
    };
    sandbox.preview(&request).await.map(told)
}

fn told(report: SandboxReport) -> SandboxedStack {
    let stack = SandboxedStack {
        problem: match report.syntax {
            Syntax::Ok => None,
            Syntax::Error { text } => Some(text),
            Syntax::NeedsVault { .. } => {
                Some("it needs the password of a vault, and a sandbox has none".to_owned())
            }
            Syntax::Missing { what, .. } => Some(format!("the runtime of the target branch lacks {what}")),
            Syntax::Limit { limit } => Some(limit),
        },
        ignored: report
            .ignored_settings
            .iter()
            .map(|it| format!("ansible.cfg:{}: `{}`", it.line, it.key))
            .collect(),
        version: report.ansible_version,
        ..SandboxedStack::default()
    };
    stack.with_plays(report.plays.into_iter().map(play))
}

fn play(listed: ListedPlay) -> SandboxedPlay {
    let name = |it: ListedTask| match it.role {
        Some(role) => format!("{role} : {}", it.name),
        None => it.name,
    };
    SandboxedPlay {
        name: listed.name,
        pattern: listed.pattern,
        hosts: u32::try_from(listed.host_count).unwrap_or(u32::MAX),
        tasks: listed.tasks.into_iter().map(name).collect(),
    }
}
