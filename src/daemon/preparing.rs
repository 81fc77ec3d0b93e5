//! Makes a run ready: directories, tree, runtime, credentials, command line.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::ansible::announcements::Announcements;
use crate::ansible::command::{Launch, launch, random_token};
use crate::ansible::execute::{Guard, StopReason};
use crate::ansible::guardian::{ResourceLimits, RunAs};
use crate::ansible::limits::Limits;
use crate::ansible::place::{self, Place};
use crate::ansible::runtime::{RepositoryConfig, Runtime};
use crate::config::{Config, SourceConfig};
use crate::domain::{Ending, Failure, Outcome, Reason, RunSpec, Trigger};
use crate::git::{Checkout, Owner};
use crate::store::Recorder;

use super::access;
use super::confined::confined;
use super::hands::Tools;
use super::live::stop_asked;
use super::places::RunUser;
use super::room;
use super::running::setup;
use super::signatures;

/// Everything that is needed to start.
pub(super) struct Prepared {
    pub(super) laid_out: LaidOut,
    pub(super) started_with: StartedWith,
    pub(super) limits: Limits,
    pub(super) recorder: Recorder,
    /// Whether the operator keeps raw output.
    pub(super) raw_log: bool,
}

/// The tree of a run or a probe, and whose it is.
pub(super) struct LaidOut {
    config: Arc<Config>,
    user: Option<RunUser>,
    pub(super) checkout: Checkout,
}

/// What a run or a probe is started with. Its directories are there.
pub(super) struct StartedWith {
    pub(super) launch: Launch,
    pub(super) guard: Guard,
    pub(super) runtime: Runtime,
    pub(super) announcements: Announcements,
}

/// Makes a run ready, unless it is stopped before.
pub(super) async fn prepare(
    tools: &Arc<Tools>,
    spec: &RunSpec,
    mut stopped: watch::Receiver<Option<StopReason>>,
) -> Result<Prepared, Ending> {
    tokio::select! {
        prepared = ready(tools, spec) => prepared.map_err(setup),
        reason = stop_asked(&mut stopped) => Err(match reason {
            StopReason::Cancelled(by) => Ending::because(Outcome::Cancelled, Reason::Stopped { by }),
            StopReason::Interrupted(by) => Ending::because(Outcome::Interrupted, Reason::Stopped { by }),
            StopReason::Limit(limit) => Ending::because(Outcome::TimedOut, Reason::Limit { limit }),
        }),
    }
}

async fn ready(tools: &Arc<Tools>, spec: &RunSpec) -> Result<Prepared, Failure> {
    let name = spec.run.to_string();
    let laid_out = lay_out(tools, spec, &name).await?;
    let started_with = start_with(tools, spec, &laid_out, &name).await?;
    let config = &laid_out.config;
    let recorder =
        tools.store.recorder(spec, config.raw_log.then_some(config.limits.output)).map_err(|error| {
            Failure::soon(format!("the record of the run cannot be made: {error}"))
                .remedy("free space in the state directory")
        })?;
    let (limits, raw_log) = (limits_of(config, spec), config.raw_log);
    Ok(Prepared { laid_out, started_with, limits, recorder, raw_log })
}

/// Writes the tree of a run or a probe; `name` is that of its directories.
pub(super) async fn lay_out(tools: &Tools, spec: &RunSpec, name: &str) -> Result<LaidOut, Failure> {
    let config = tools.config();
    let source = configured(&config, spec)?;
    if room::is_short(&config) {
        return Err(Failure::soon("there is too little free space in the state directory for another run")
            .remedy("free space, or shorten `retention`"));
    }
    let user = access::run_user(source)?;
    tools.places.make_for(&spec.stack, user).map_err(|it| cannot("make the directories of the run", &it))?;
    // What a merge request proposes is signed by nobody yet; who may preview it is another question.
    if spec.merge_request.is_none() {
        signatures::allow(tools, &spec.stack.source, &spec.revision).await?;
    }
    let owner = user.map_or(Owner::Same, |it| Owner::Group(it.gid));
    let (source, target) = (&spec.stack.source, tools.places.checkout(name));
    let checkout = tools.git.checkout(source, &spec.revision.commit, &target, owner).await?;
    Ok(LaidOut { config, user, checkout })
}

/// Makes everything else ready: runtime, credentials, command line, directories.
pub(super) async fn start_with(
    tools: &Tools,
    spec: &RunSpec,
    laid_out: &LaidOut,
    name: &str,
) -> Result<StartedWith, Failure> {
    let LaidOut { config, user, checkout, .. } = laid_out;
    let source = configured(config, spec)?;
    let run_as = user.map(|it| RunAs { uid: it.uid, gid: it.gid });
    let lent = access::of_run(source, &spec.stack.stack, *user)?;
    let with = access::of_runtime(config, source, &spec.stack.stack, run_as)?;
    let runtime = tools.runtimes.prepare(&spec.runtime, checkout.path(), &with).await?;
    let preview = spec.trigger == Trigger::MergeRequest;
    // What a merge request configures is not even asked for: of that, too, a part is executed.
    let repository = if preview {
        RepositoryConfig::default()
    } else {
        tools.runtimes.repository_config(&runtime, checkout.path(), &with).await?
    };
    let place = place_of(tools, spec, checkout, name)?;
    let mut launch = launch(spec, &place, &lent, &runtime, &repository)?;
    if preview {
        launch = confined(tools, source, (&place, &lent, &runtime), launch).await?;
    }
    let announcements =
        place.make(&launch.files, run_as).map_err(|it| cannot("write the files of the run", &it))?;
    Ok(StartedWith { launch, guard: guard_of(tools, name, config, run_as), runtime, announcements })
}

fn configured<'a>(config: &'a Config, spec: &RunSpec) -> Result<&'a SourceConfig, Failure> {
    let name = &spec.stack.source;
    config
        .sources
        .get(name)
        .ok_or_else(|| Failure::until_changed(format!("source {name} is not configured any more")))
}

impl LaidOut {
    /// The group that reads the tree, if that is another user's.
    pub(super) fn group(&self) -> Option<u32> {
        self.user.map(|it| it.gid)
    }
}

fn cannot(what: &str, error: &std::io::Error) -> Failure {
    Failure::soon(format!("failed to {what}: {error}"))
        .remedy("look at the owner, the mode and the free space there")
}

fn place_of(tools: &Tools, spec: &RunSpec, checkout: &Checkout, name: &str) -> Result<Place, Failure> {
    Ok(Place {
        checkout: checkout.path().to_owned(),
        run_dir: tools.places.execution(name),
        state_dir: tools.places.stack_state(&spec.stack),
        home: tools.places.home(&spec.stack.source),
        launcher: tools.collection.launcher(),
        nonce: random_token().map_err(|it| cannot("draw a random token", &it))?,
        item_key: tools.item_key.clone(),
    })
}

fn guard_of(tools: &Tools, name: &str, config: &Config, run_as: Option<RunAs>) -> Guard {
    let cgroup = tools.cgroup.as_ref().map(|it| it.join(format!("run-{name}")));
    let limits = &config.limits.run;
    Guard {
        program: tools.program.clone(),
        leftovers: place::leftovers(&tools.places.execution(name), cgroup),
        run_as,
        rlimits: ResourceLimits {
            core_bytes: Some(0),
            address_space_bytes: limits.memory,
            processes: limits.processes,
            open_files: limits.open_files,
            file_bytes: limits.file_size,
        },
    }
}

fn limits_of(config: &Config, spec: &RunSpec) -> Limits {
    let duration = |span| Duration::try_from(span).unwrap_or(Duration::MAX);
    let mut limits = Limits::with_wall(duration(spec.timeout));
    limits.silence = Some(duration(config.limits.silence)).filter(|it| !it.is_zero());
    limits.output_bytes = Some(config.limits.output).filter(|it| *it != 0);
    limits
}

/// Removes what belongs to a run or a probe alone. What cannot be removed is said and tried again at the next start.
pub(super) async fn tidy(tools: &Tools, name: &str) {
    let checkout = tools.places.checkout(name);
    if checkout.exists() {
        tools.attic.put(checkout);
    }
    let directory = tools.places.execution(name);
    let removed = tokio::task::spawn_blocking(move || place::remove(&directory));
    if let Ok(Err(error)) = removed.await {
        tracing::warn!(name, %error, "files of a run that ended cannot be removed");
    }
}
