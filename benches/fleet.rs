//! What a large fleet costs: a check run of 5,000 hosts recorded and classified, and what is kept of it.
//!
//! Three runs of one stack go the way that the daemon takes with them: decided and journalled, their events decoded,
//! gathered and recorded block by block, their end told to the core, its facts journalled. First an apply, then a check
//! that finds drift on one host in fifty, then one in which nothing differs. The state directory can be kept, so that a
//! daemon can be started on it.

mod common;
mod memory;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftless::ansible::decode::{Decoder, Line};
use driftless::ansible::lines::{Lines, Piece};
use driftless::domain::{
    CheckSchedule, Decision, Declaration, Ending, Event, Lineage, Memory, Mode, Outcome, RunEvent,
    RunEventKind, RunSpec, Settings, SourcePolicy, Span, StackPolicy, Timestamp, Tip, later,
};
use driftless::reconciler::Reconciler;
use driftless::store::{Store, StoreSettings};
use serde_json::{Value, json};

const NONCE: &str = "0123456789abcdef0123456789abcdef";
const HOSTS: u32 = 5_000;

/// One host in so many differs, in one task in so many.
const DRIFTED_HOSTS: u32 = 50;
const DRIFTED_TASKS: u32 = 25;

/// A task that check mode cannot evaluate.
const BLIND_TASK: u32 = 7;

/// How often the daemon records the progress of a run.
const RECORD_EVERY: Duration = Duration::from_millis(250);

fn main() {
    let tasks = if common::is_quick() { 30 } else { 100 };
    let kept = std::env::args().skip_while(|it| it != "--keep").nth(1).map(PathBuf::from);
    let own = tempfile::tempdir().expect("a directory");
    let dir = kept.unwrap_or_else(|| own.path().to_owned()).join("store");
    let mut world = World::new(&dir);
    let apply = world.run(1, |_, _| Told::Changed);
    let check = world.run(tasks, |host, task| match task {
        BLIND_TASK => Told::Blind,
        _ if host % DRIFTED_HOSTS == 0 && task % DRIFTED_TASKS == 3 => Told::Changed,
        _ => Told::Ok,
    });
    assert_eq!((apply["mode"].as_str(), check["mode"].as_str()), (Some("apply"), Some("check")));
    let drifted = u64::from(HOSTS.div_ceil(DRIFTED_HOSTS) * (tasks - 3).div_ceil(DRIFTED_TASKS));
    assert_eq!(check["changes"], drifted, "each difference is found: {check:#}");
    assert_eq!(world.drifted_hosts(), HOSTS.div_ceil(DRIFTED_HOSTS), "each host that differs is known");
    world.ask_for_a_check();
    let calm = world.run(100_000 / HOSTS, |_, _| Told::Ok);
    let peak = memory::memory_kib("VmHWM:");
    // The last look is the one with drift, for those who look at it afterwards.
    world.ask_for_a_check();
    world.run(tasks, |host, task| {
        if host % DRIFTED_HOSTS == 0 && task % DRIFTED_TASKS == 3 { Told::Changed } else { Told::Ok }
    });
    world.close();
    common::print(&json!({ "hosts": HOSTS, "check": check, "unchanged": calm, "peak_kib": peak }));
}

/// What a host told of a task.
enum Told {
    Ok,
    Changed,
    Blind,
}

struct World {
    core: Reconciler,
    store: Store,
    dir: PathBuf,
    executor: tokio::runtime::Runtime,
    now: Timestamp,
    starts: Vec<RunSpec>,
}

impl World {
    fn new(dir: &Path) -> Self {
        let settings = StoreSettings { ballast_bytes: 0, free_floor_bytes: 0 };
        let (store, _) = Store::open(dir, settings).expect("a store");
        let source = SourcePolicy {
            poll_every: Span::from_hours(24),
            ..SourcePolicy::new("bench".parse().expect("a name"), "main".parse().expect("a branch"))
        };
        let settings = Settings {
            sources: vec![source],
            max_live_runs: 4,
            retry_base: Span::from_secs(30),
            retry_max: Span::from_hours(1),
            drain_timeout: Span::from_mins(10),
        };
        let now = driftless::daemon::clock::now();
        let executor =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor");
        let core = Reconciler::new(settings, Memory::default(), 1, now);
        let mut world = Self { core, store, dir: dir.to_owned(), executor, now, starts: Vec::new() };
        let stack = StackPolicy {
            timeout: Span::from_hours(1),
            check: CheckSchedule::default(),
            ..StackPolicy::new("bench/fleet".parse().expect("a stack"), "site.yml", "hosts.yml")
        };
        let declaration = Declaration { stacks: vec![stack], inferred: false, notes: Vec::new() };
        let revision = format!("main@sha1:{}", "a".repeat(40)).parse().expect("a revision");
        let tip = Tip {
            revision,
            lineage: Lineage::First,
            declaration: Ok(declaration),
            line: Vec::new(),
            tag: None,
            trust: Ok(()),
        };
        world.step(&Event::Tick);
        world.step(&Event::Fetched { source: "bench".parse().expect("a name"), tip });
        world
    }

    /// One step and its place in the journal.
    fn step(&mut self, event: &Event) -> Duration {
        self.now = later(self.now, Span::from_millis(1));
        let begun = Instant::now();
        let decisions = self.core.step(self.now, event.clone());
        let facts = self.core.take_facts();
        let took = begun.elapsed();
        let journal = self.store.journal(self.now, event, &decisions, &facts);
        self.executor.block_on(journal).expect("it is journalled");
        for decision in decisions {
            if let Decision::Start { spec, .. } = decision {
                self.starts.push(*spec);
            }
        }
        took
    }

    fn ask_for_a_check(&mut self) {
        while self.starts.is_empty() {
            self.now = self.core.next_wakeup(self.now).expect("a check is due some time");
            self.step(&Event::Tick);
        }
    }

    /// The run that is due, in which each host tells this of each task. What it took and left.
    fn run(&mut self, tasks: u32, told: impl Fn(u32, u32) -> Told) -> Value {
        let spec = self.starts.pop().expect("a run is due");
        let size = self.size();
        let begun = Instant::now();
        let mut recorder = self.store.recorder(&spec, None).expect("a recorder");
        let (decoder, mut lines, mut told_at) = (Decoder::new(NONCE), Lines::new(), Instant::now());
        let blocks = (0..tasks).map(|task| block(task, &told)).chain([recap(tasks, &told)]);
        for block in blocks {
            let mut batch: Vec<RunEvent> = Vec::new();
            lines.push(block.as_bytes(), |piece| {
                if let Piece::Whole(line) = piece
                    && let Line::Event(event) = decoder.decode(line)
                {
                    batch.push(event);
                }
            });
            recorder.record(&batch);
            if RECORD_EVERY <= told_at.elapsed() {
                told_at = Instant::now();
                recorder.flush();
                if let Some(progress) = recorder.take_progress() {
                    let written = self.store.progress(spec.run, Arc::new(progress));
                    self.executor.block_on(written).expect("the progress is recorded");
                }
            }
        }
        let done = recorder.finish();
        assert_eq!(done.progress.events_lost, 0, "each event is written");
        self.executor
            .block_on(self.store.progress(spec.run, Arc::new(done.progress)))
            .expect("the last of it is recorded");
        let (hosts, findings) = (done.tally.host_ends(), done.findings);
        let changes = findings.changes.len();
        let ending = Ending::plain(match (spec.mode, changes) {
            (Mode::Apply, 1..) => Outcome::Changed,
            (Mode::Check, 1..) => Outcome::Drifted,
            (_, 0) => Outcome::InSync,
        });
        let classified =
            self.step(&Event::RunFinished { run: spec.run, ending, hosts, findings: Box::new(findings) });
        let took = begun.elapsed();
        let results = self.kept(&spec);
        assert_eq!(results, u64::from(tasks * HOSTS), "none is lost");
        let now = self.size();
        json!({
            "mode": spec.mode.as_str(), "results": results, "changes": changes,
            "seconds": took.as_secs_f64(), "classified_ms": classified.as_secs_f64() * 1e3,
            "database_bytes": now.0.saturating_sub(size.0), "events_bytes": now.1.saturating_sub(size.1),
        })
    }

    /// How many results of a run can be read again.
    fn kept(&self, spec: &RunSpec) -> u64 {
        let mut reader = self.store.events(spec.run, 0).expect("it opens").expect("the run has events");
        let mut results = 0;
        while let Some(events) = reader.next_events().expect("it is whole") {
            results +=
                events.iter().filter(|it| matches!(it.kind, RunEventKind::TaskEnded(_))).count() as u64;
        }
        results
    }

    fn drifted_hosts(&self) -> u32 {
        self.core.drift_facts().iter().flat_map(|it| it.drifted_hosts.values()).sum()
    }

    /// Bytes of the database, as a copy of it without its log has, and of the files of events.
    fn size(&self) -> (u64, u64) {
        let of = |path: PathBuf| path.metadata().map_or(0, |it| it.len());
        let copy = self.dir.join("copy.db");
        self.executor.block_on(self.store.backup(copy.clone())).expect("it is copied");
        let database = of(copy.clone());
        std::fs::remove_file(copy).expect("it was made");
        let events = std::fs::read_dir(self.dir.join("events")).expect("a directory").flatten();
        (database, events.map(|it| of(it.path())).sum())
    }

    fn close(self) {
        self.executor.block_on(self.store.close());
    }
}

/// What a run tells of one task.
fn block(task: u32, told: &impl Fn(u32, u32) -> Told) -> String {
    let at = 1_700_000_000_000_u64 + u64::from(task) * 1000;
    let mut text = format!(
        r#"{NONCE} {{"at":{at},"event":"task_started","task":{task},"path":"roles/web/tasks/main.yml","line":{},"role":"web","action":"ansible.builtin.template","name":"Write the configuration {task}","occurrence":0}}"#,
        task * 6 + 1
    );
    text.push('\n');
    for host in 0..HOSTS {
        let rest = match told(host, task) {
            Told::Ok => r#""status":"ok""#.to_owned(),
            Told::Blind => r#""status":"skipped","blind":true"#.to_owned(),
            Told::Changed => format!(
                r#""status":"ok","changed":true,"diff_digest":"{host:08x}{task:08x}","detail":{{"diff":[{{"path":"/etc/web/{task}.conf","before":"listen 80;\nworkers 4;\n","after":"listen 8080;\nworkers {host};\n"}}]}}"#
            ),
        };
        writeln!(
            text,
            r#"{NONCE} {{"at":{at},"event":"task_ended","host":"host-{host:04}.example.org","task":{task},{rest},"duration_ms":{},"module":"ansible.builtin.template"}}"#,
            host % 977
        )
        .expect("writing to a text cannot fail");
    }
    text
}

/// What a run tells at its end: the counts of each host, in parts.
fn recap(tasks: u32, told: &impl Fn(u32, u32) -> Told) -> String {
    let of = |host: u32| {
        let blind = (0..tasks).filter(|task| matches!(told(host, *task), Told::Blind)).count();
        let changed = (0..tasks).filter(|task| matches!(told(host, *task), Told::Changed)).count();
        let counts = json!({ "ok": tasks as usize - blind, "changed": changed, "skipped": blind });
        json!([format!("host-{host:04}.example.org"), counts])
    };
    let hosts: Vec<Value> = (0..HOSTS).map(of).collect();
    let mut text = String::new();
    for part in hosts.chunks(500) {
        let told = json!({ "at": 1_800_000_000_000_u64, "event": "stats_part", "hosts": part });
        writeln!(text, "{NONCE} {told}").expect("writing to a text cannot fail");
    }
    let end = json!({ "at": 1_800_000_000_000_u64, "event": "stats", "hosts": [] });
    text + &format!("{NONCE} {end}\n")
}
