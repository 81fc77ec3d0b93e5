//! The loop: listen, decide, remember, act. The only module that sees all others.
//!
//! What must never be: a decision carried out that was not recorded; a second owner of the core; policy in here.

mod access;
mod acting;
mod alert_desk;
mod alerting;
mod approving;
mod asked_commit;
mod asking;
mod attic;
mod auditing;
mod backing;
mod certifying;
mod cleaning;
pub mod clock;
mod comment_input;
mod confined;
mod desk;
mod examining;
mod fetching;
mod forging;
mod hands;
mod housekeeping;
mod inbox;
mod keeping;
mod leafing;
mod live;
pub mod logging;
mod narrowing;
mod places;
mod preparing;
mod previewing;
mod probing;
mod receiving;
mod record;
mod recovery;
mod reload;
mod reporting;
mod room;
mod running;
mod sandboxing;
mod scraping;
mod showing;
mod shown;
mod signatures;
mod telling;
mod trail;
mod turning;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use anyhow::Context as _;
use rustix::thread::CapabilitySet;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::ansible::collection::Collection;
use crate::ansible::place;
use crate::ansible::runtime::Runtimes;
use crate::api::ServiceMode;
use crate::config::{Config, Report};
use crate::domain::{Event, Run, Secret};
use crate::git::watch::Watcher;
use crate::git::{Git, GitSettings};
use crate::metrics::Metrics;
use crate::reconciler::Reconciler;
use crate::signals::{Asked, ServiceManager, Signals};
use crate::store::{Recovered, Store, StoreSettings};
use crate::web::{self, Accounts, SocketSettings, Tls};

use alert_desk::AlertDesk;
use alerting::Alerting;
use auditing::Auditing;
use desk::{Desk, Flags};
pub use examining::{
    BuiltRuntime, built_runtimes, examine_certificate, reach_sources, sandbox_available, system_ansible,
};
use forging::Forges;
use hands::{Hands, Tools};
use inbox::Inbox;
use keeping::Keeping;
use places::Places;
use receiving::Receiving;
use reload::Reloading;
use showing::Showing;
use telling::Board;
use turning::Loop;

/// How many hints of watched repositories may wait.
const HINTS: usize = 64;

/// What the daemon is started with.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The operator's configuration.
    pub config: PathBuf,
    /// Where systemd put this service's credentials, if it did.
    pub credentials: Option<PathBuf>,
    /// The `driftless` program itself, which is also the guardian of runs.
    pub program: PathBuf,
    /// Where bubblewrap is looked for, and `ansible-playbook` if the configuration names none; written like `PATH`.
    pub search_path: String,
}

/// Reads the operator's configuration, as the daemon would.
pub fn read_config(options: &ServeOptions) -> Result<Config, Report> {
    Config::load(&options.config, options.credentials.as_deref(), &access::CHECKS)
}

/// The newest checkpoint of the audit chain that was kept in a directory, if there is one.
pub fn newest_checkpoint(dir: &Path) -> Option<crate::domain::audit::Checkpoint> {
    auditing::newest_of(dir)
}

/// Follows, runs and records until it is told to stop and nothing is live any more.
pub async fn serve(options: ServeOptions, config: Config) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    if !config.warnings.is_empty() {
        tracing::warn!("{}", config.warnings);
    }
    let started = start(&options, config).await?;
    let Started { desk, accounts, socket, tcp, tls, main_loop, tools, live } = started;
    let (stop, _) = watch::channel(false);
    let mut servers = JoinSet::new();
    servers.spawn(web::serve_socket(socket, accounts, desk.clone(), stopped(stop.subscribe())));
    servers.spawn(serve_tcp(tcp, tls, Arc::clone(&tools), desk.clone(), stopped(stop.subscribe())));
    recovery::begin(&tools, live);
    drop(tokio::spawn(sandboxing::probe(Arc::clone(&tools))));
    let housekeeping = tokio::spawn(housekeeping::keep(Arc::clone(&tools)));
    let looking = tokio::spawn(room::keep(Arc::clone(&tools)));
    let mut auditing = Auditing::new(Arc::clone(&tools));
    if let Err(error) = auditing.begin().await {
        tracing::error!(error = &error as &dyn std::error::Error, "the start is not in the audit chain yet");
    }
    let auditing = tokio::spawn(auditing.keep(stop.subscribe()));
    let alerting = tokio::spawn(Alerting::new(Arc::clone(&tools)).keep(stop.subscribe()));
    let attic = Arc::clone(&tools.attic);
    let emptying = tokio::spawn(async move { attic.keep().await });
    desk.flags.ready.store(true, Ordering::Relaxed);
    ServiceManager.ready();
    tracing::info!(url = desk.url.as_deref(), "ready");
    let inbox = desk.inbox.clone();
    let flags = Arc::clone(&desk.flags);
    let listening = tokio::spawn(obey(signals, inbox, flags));
    main_loop.turn().await;
    listening.abort();
    housekeeping.abort();
    looking.abort();
    emptying.abort();
    stop.send_replace(true);
    servers.join_all().await;
    if let Err(error) = auditing.await {
        tracing::error!(%error, "the end of the audit chain is not signed");
    }
    if alerting.await.is_err() {
        tracing::warn!("nobody was told what happened last; the next daemon tells it");
    }
    tools.git.close_connections().await;
    tools.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Reloads and stops as the operating system asks.
async fn obey(mut signals: Signals, inbox: Inbox, flags: Arc<Flags>) {
    loop {
        match signals.next().await {
            Asked::Reload => inbox.reload().await,
            Asked::Stop => {
                flags.stopping.store(true, Ordering::Relaxed);
                ServiceManager.stopping();
                inbox.send(Event::ShutdownRequested).await;
            }
        }
    }
}

/// Everything that is made ready before the loop turns.
struct Started {
    desk: Desk,
    accounts: Accounts,
    socket: UnixListener,
    tcp: TcpListener,
    tls: Option<Arc<Tls>>,
    main_loop: Loop,
    tools: Arc<Tools>,
    live: Vec<Run>,
}

async fn start(options: &ServeOptions, config: Config) -> anyhow::Result<Started> {
    let paths = &config.paths;
    let places = Places::new(&paths.state_dir, &paths.cache_dir, &paths.run_dir);
    places
        .make()
        .context("failed to make the directories; look at `state_dir`, `cache_dir` and `run_dir`")?;
    let settings = StoreSettings { free_floor_bytes: config.limits.free_disk, ..StoreSettings::default() };
    let (store, recovered) = Store::open(&places.store(), settings)?;
    let Recovered { memory, live, seed, restored } = recovered;
    recovery::sweep(&places.runs(), &live, place::remove);
    let metrics = Arc::new(Metrics::new()?);
    let (inbox, messages) = Inbox::new();
    let flags = Arc::new(Flags::writable());
    let accounts = Accounts::new(rustix::process::geteuid().as_raw(), Some(config.admin_group.clone()));
    let socket = web::bind_socket(&SocketSettings { path: places.socket(), accounts: accounts.clone() })?;
    let tls = certifying::begin(config.tls.as_ref()).map_err(|it| anyhow::anyhow!("{it}"))?;
    let tcp = web::bind_tcp(config.listen, !config.listen.ip().is_loopback()).await?;
    let tools = tools(options, config, places, store.clone(), &metrics, &inbox, &flags, seed)?;
    let started_at = clock::now();
    let board = Arc::new(Board::new(started_at.as_microsecond().unsigned_abs()));
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = tcp.local_addr().ok().map(|it| format!("{scheme}://{it}"));
    let keeping = Keeping::begin(Arc::clone(&tools), url.clone()).await?;
    let desk = Desk {
        inbox: inbox.clone(),
        board: Arc::clone(&board),
        tls: tls.clone(),
        keeping: Arc::new(keeping),
        store: store.clone(),
        git: Arc::clone(&tools.git),
        receiving: Arc::clone(&tools.receiving),
        showing: Arc::new(Showing::new(Arc::clone(&tools))),
        alerts: AlertDesk::new(Arc::clone(&tools)),
        metrics,
        flags,
        started_at,
        mode: service_mode(&tools.config()),
        url,
        leaves: leafing::Leaves::new(&tools),
    };
    recovery::sweep(&tools.places.checkouts(), &live, |it| {
        tools.attic.put(it.to_owned());
        Ok(())
    });
    let core = Reconciler::new(tools.config().settings.clone(), memory, seed, clock::now());
    let main_loop = Loop {
        core,
        seed,
        store,
        hands: Hands::new(Arc::clone(&tools), watcher(&inbox)),
        inbox: messages,
        board,
        service: ServiceManager,
        reloading: Reloading { file: options.config.clone(), credentials: options.credentials.clone() },
        unrecorded: None,
        stopping: false,
        restored,
    };
    Ok(Started { desk, accounts, socket, tcp, tls, main_loop, tools, live })
}

#[expect(clippy::too_many_arguments, reason = "it only puts together what was made")]
fn tools(
    options: &ServeOptions,
    config: Config,
    places: Places,
    store: Store,
    metrics: &Arc<Metrics>,
    inbox: &Inbox,
    flags: &Arc<Flags>,
    seed: u64,
) -> anyhow::Result<Arc<Tools>> {
    let git = Git::new(GitSettings {
        cache_dir: places.git(),
        run_dir: places.git_sockets(),
        git_program: PathBuf::from("git"),
        home: places.git_home(),
    });
    let collection = Collection::install(&places.python(), &modules(&options.program))
        .context("failed to write launcher and collection")?;
    if !collection.has_modules() {
        tracing::info!("the Ansible modules of driftless are not installed; tasks that use one fail");
    }
    let runtimes = Runtimes::new(places.runtimes(), options.program.clone(), options.search_path.clone())?;
    metrics.limit_hosts(config.host_metrics);
    let receiving = Receiving::new(&config, inbox.clone(), store.clone(), Arc::clone(metrics))?;
    Ok(Arc::new(Tools {
        git: Arc::new(git),
        store,
        metrics: Arc::clone(metrics),
        runtimes,
        collection,
        inbox: inbox.clone(),
        receiving: Arc::new(receiving),
        flags: Arc::clone(flags),
        program: options.program.clone(),
        cgroup: housekeeping::delegated_cgroup(),
        attic: Arc::default(),
        item_key: Secret::new(format!("{seed:032x}")),
        config: RwLock::new(Arc::new(config)),
        live: Mutex::new(HashMap::new()),
        fetches: Semaphore::new(hands::FETCHES_AT_ONCE),
        previews: Semaphore::new(hands::PREVIEWS_AT_ONCE),
        forges: Forges::default(),
        sandboxes: sandboxing::Sandboxes::new(options.search_path.clone()),
        places,
    }))
}

/// Where the Ansible modules are that were installed with this program: `bin/driftless` and `lib/driftless/modules`.
fn modules(program: &Path) -> PathBuf {
    let prefix = program.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    prefix.join("lib/driftless/modules")
}

/// Runs as others if any source says so. With no source yet: whether it could.
fn service_mode(config: &Config) -> ServiceMode {
    let may =
        || rustix::thread::capabilities(None).is_ok_and(|it| it.effective.contains(CapabilitySet::SETUID));
    if config.sources.values().any(|it| it.run_as.is_some()) || config.sources.is_empty() && may() {
        ServiceMode::Service
    } else {
        ServiceMode::OneUser
    }
}

/// Watches repositories of this machine and turns what moves there into hints. Without it, polling still works.
fn watcher(inbox: &Inbox) -> Option<Arc<Watcher>> {
    let (hints, mut hinted) = mpsc::channel(HINTS);
    let inbox = inbox.clone();
    drop(tokio::spawn(async move {
        while let Some(source) = hinted.recv().await {
            inbox.send(Event::Hinted { source }).await;
        }
    }));
    match Watcher::new(hints) {
        Ok(watcher) => {
            let watcher = Arc::new(watcher);
            drop(tokio::spawn(housekeeping::rearm(Arc::clone(&watcher))));
            Some(watcher)
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "repositories of this machine are only polled"
            );
            None
        }
    }
}

/// Serves over TCP, and over TLS if there is a certificate.
async fn serve_tcp(
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    tools: Arc<Tools>,
    desk: Desk,
    stop: impl Future<Output = ()>,
) {
    let Some(tls) = tls else { return web::serve_tcp(listener, desk, stop).await };
    let renewing = tokio::spawn(certifying::keep(tools, Arc::clone(&tls)));
    web::serve_tls(listener, tls, desk, stop).await;
    renewing.abort();
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the daemon is gone, which is a stop as well.
    drop(stop.wait_for(|it| *it).await);
}

impl Flags {
    fn writable() -> Self {
        Self { writable: AtomicBool::new(true), ..Self::default() }
    }
}
