//! A run seen from the daemon: events, limits, ends. The launcher is a script here; the guardian is real.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use driftless::ansible::clean::NotKept;
use driftless::ansible::command::{Launch, LauncherSpec};
use driftless::ansible::environment::Environment;
use driftless::ansible::execute::{Audience, Execution, Finished, Guard, Sink, StopReason};
use driftless::ansible::guardian::{EndedBy, ResourceLimits};
use driftless::ansible::limits::Limits;
use driftless::ansible::place;
use driftless::domain::{Ending, Exit, Mode, Outcome, Reason, RunEvent, RunEventKind};

use crate::guardian::{eventually, marked};

const HELLO: &str = r#"echo 'n {"at":1,"event":"hello","ansible":"2.19.14","python":"3.11.7"}';"#;
const STATS: &str = r#"echo 'n {"at":2,"event":"play_started","name":"all","hosts":1}';
    echo 'n {"at":2,"event":"task_ended","host":"h1","task":0,"status":"ok","changed":true}';
    echo 'n {"at":3,"event":"stats","hosts":[["h1",{"ok":1,"changed":1}]]}';"#;

struct Running {
    execution: Execution,
    events: Receiver<RunEvent>,
    room: tempfile::TempDir,
}

pub(crate) fn limits() -> Limits {
    let mut limits = Limits::with_wall(Duration::from_secs(60));
    limits.grace = Duration::from_millis(300);
    limits
}

pub(crate) fn launch(script: &str, room: &Path) -> Launch {
    let mut environment = Environment::basic(room, room, None);
    environment.set_path("DRIFTLESS_RUN", room);
    let launcher_spec = LauncherSpec {
        nonce: "n".to_owned(),
        argv: Vec::new(),
        checkout: room.to_owned(),
        item_key: "k".to_owned(),
        details: true,
        gate: true,
        announce: Some(room.join("announce")),
        debts: Vec::new(),
    };
    let args = ["--norc", "-c", script].map(str::to_owned).to_vec();
    let program = PathBuf::from("/bin/bash");
    Launch { program, args, environment, cwd: room.to_owned(), launcher_spec, files: Vec::new() }
}

pub(crate) fn guard(room: &Path) -> Guard {
    Guard {
        program: PathBuf::from(env!("CARGO_BIN_EXE_driftless")),
        leftovers: place::leftovers(room, None),
        run_as: None,
        rlimits: ResourceLimits::default(),
    }
}

fn start(script: &str, limits: Limits) -> Running {
    let room = tempfile::tempdir().unwrap();
    let (sender, events) = sync_channel(100_000);
    let sink = Box::new(move |batch: &[RunEvent]| {
        for event in batch {
            sender.send(event.clone()).ok();
        }
    });
    let launch = launch(script, room.path());
    let execution = Execution::spawn(&launch, &guard(room.path()), limits, audience(sink)).unwrap();
    Running { execution, events, room }
}

fn audience(sink: Sink) -> Audience {
    Audience { sink, log: None, cleaner: Box::new(NotKept), announcements: None }
}

impl Running {
    fn end(self) -> Finished {
        let finished = wait(self.execution);
        assert_eq!(marked(&self.room.path().display().to_string()), Vec::<i32>::new());
        finished
    }
}

pub(crate) fn wait(execution: Execution) -> Finished {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(execution.wait())
}

fn ending(finished: &Finished) -> Ending {
    finished.ending(Mode::Apply)
}

#[test]
fn events_come_in_order_and_everything_else_is_counted() {
    let noise = r#"echo 'PLAY RECAP ***'; echo 'x {"at":9,"event":"stats","hosts":[]}'; printf 'n {"at":2,'; sleep 0.1;
        echo '"event":"playbook_started","plays":1}'; printf 'a\0\377b\n'; echo warning >&2;
        head -c 10000000 /dev/zero | tr '\0' x; echo;"#;
    let run = start(&format!("{HELLO} {noise} {STATS} printf 'n {{\"cut off'; exit 0"), limits());
    let events: Vec<RunEvent> = run.events.iter().collect();
    let finished = run.end();
    let names: Vec<_> = events.iter().map(|it| serde_json::to_value(it).unwrap()["event"].clone()).collect();
    assert_eq!(names, ["hello", "playbook_started", "play_started", "task_ended", "stats"]);
    assert_eq!(finished.events, 5);
    assert_eq!(finished.stray_lines, 5, "a false recap, a false nonce, bytes, a long line, half an event");
    assert_eq!(finished.log_bytes, "warning\n".len() as u64);
    assert!(10_000_000 < finished.event_bytes);
    assert_eq!(finished.exit, Exit::Code(0));
    assert_eq!(ending(&finished), Ending::plain(Outcome::Changed));
}

#[test]
fn a_run_that_ends_badly_is_judged_by_its_events_and_its_status() {
    let run = start(&format!("{HELLO} exit 4"), limits());
    let exit = Exit::Code(4);
    assert_eq!(ending(&run.end()), Ending::because(Outcome::Failed, Reason::NoStats { exit }));
    let run = start("kill -SEGV $$", limits());
    let exit = Exit::Signal(11);
    assert_eq!(ending(&run.end()), Ending::because(Outcome::Errored, Reason::NoCallback { exit }));
}

#[test]
fn the_first_reason_to_stop_counts_and_is_told() {
    for (reason, outcome) in [
        (StopReason::Cancelled("anna".to_owned()), Outcome::Cancelled),
        (StopReason::Interrupted("anna".to_owned()), Outcome::Interrupted),
    ] {
        let run = start(&format!("trap '' TERM; {HELLO} while :; do sleep 1; done"), limits());
        run.events.recv().unwrap();
        let stopper = run.execution.stopper();
        stopper.stop(reason);
        stopper.stop(StopReason::Limit("too late".to_owned()));
        let finished = run.end();
        assert_eq!(finished.exit, Exit::Signal(9));
        assert_eq!(ending(&finished), Ending::because(outcome, Reason::Stopped { by: "anna".to_owned() }));
    }
}

#[test]
fn a_run_that_ended_by_itself_before_it_heard_that_it_should_is_what_it_is() {
    let run = start(&format!("{HELLO} {STATS} exit 0"), limits());
    let stopper = run.execution.stopper();
    assert_eq!(run.events.iter().count(), 4); // The sink is gone: so is the run.
    stopper.stop(StopReason::Cancelled("anna".to_owned()));
    assert_eq!(ending(&run.end()), Ending::plain(Outcome::Changed));
}

#[test]
fn each_limit_ends_a_run_as_timed_out() {
    let wall = Limits { wall: Duration::from_millis(200), ..limits() };
    let silence = Limits { silence: Some(Duration::from_millis(300)), ..limits() };
    let output = Limits { output_bytes: Some(100_000), ..limits() };
    let talk = "while :; do echo n; sleep 0.01; done";
    for (limits, script, says) in [
        (wall, talk, "it took longer than 200ms (`timeout`)"),
        (silence, "sleep 1000", "it was silent for 300ms"),
        (output, "yes >&2", "it said more than 100000 bytes"),
        (output, "yes", "it said more than 100000 bytes"),
    ] {
        let finished = start(script, limits).end();
        let reason = Reason::Limit { limit: says.to_owned() };
        assert_eq!(ending(&finished), Ending::because(Outcome::TimedOut, reason), "{script}");
    }
    // Who talks is not silent, on either stream.
    for script in [
        "for i in 1 2 3 4 5 6; do echo; sleep 0.1; done",
        "for i in 1 2 3 4 5 6; do echo >&2; sleep 0.1; done",
    ] {
        assert_eq!(start(script, silence).end().exit, Exit::Code(0));
    }
}

#[test]
fn a_run_whose_guardian_is_killed_ends_and_says_so() {
    let run =
        start(&format!("(setsid bash -c 'trap \"\" TERM; exec sleep 1000' &); {HELLO} sleep 1000"), limits());
    run.events.recv().unwrap();
    let marker = run.room.path().display().to_string();
    let parent_of = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, it)| it.split(' ').nth(1)?.parse::<i32>().ok())
    };
    // The leader's parent is the guardian, which has no mark itself.
    let family = marked(&marker);
    let guardian = family.iter().filter_map(parent_of).find(|it| !family.contains(it)).expect("a guardian");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(guardian).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let finished = run.end();
    assert_eq!((finished.exit, &finished.report), (Exit::Unknown, &None));
    assert_eq!(ending(&finished).outcome, Outcome::Errored);
}

#[test]
fn a_run_that_cannot_be_started_is_an_error_of_its_machinery() {
    let room = tempfile::tempdir().unwrap();
    let mut launch = launch("", room.path());
    launch.program = PathBuf::from("/nonexistent/python");
    let execution =
        Execution::spawn(&launch, &guard(room.path()), limits(), audience(Box::new(|_| {}))).unwrap();
    let finished = wait(execution);
    assert_eq!(finished.report.as_ref().map(|it| it.ended_by), Some(EndedBy::Itself));
    let Some(Reason::Setup { failure }) = ending(&finished).reason else { panic!("{finished:?}") };
    assert!(failure.message.contains("/nonexistent/python"), "{failure}");

    let mut guard = guard(room.path());
    guard.program = PathBuf::from("/nonexistent/driftless");
    assert!(Execution::spawn(&launch, &guard, limits(), audience(Box::new(|_| {}))).is_err());
}

#[test]
fn a_sink_that_cannot_keep_up_holds_the_run_back_and_loses_nothing() {
    const LINES: usize = 40_000;
    let room = tempfile::tempdir().unwrap();
    let progress = room.path().join("progress");
    let script = format!("for i in $(seq {LINES}); do {HELLO} done; touch {}; {STATS}", progress.display());
    let (open, gate) = sync_channel::<()>(0);
    let (sender, counted) = sync_channel(1);
    let mut count = 0;
    let sink = Box::new(move |batch: &[RunEvent]| {
        if count == 0 {
            gate.recv().ok();
        }
        count += batch.len();
        if matches!(batch.last(), Some(RunEvent { kind: RunEventKind::Stats { .. }, .. })) {
            sender.send(count).ok();
        }
    });
    let execution =
        Execution::spawn(&launch(&script, room.path()), &guard(room.path()), limits(), audience(sink))
            .unwrap();
    // 40,000 lines are 2.8 MB, and pipe and buffer hold less than half of them.
    let written = || {
        let pid = marked(&room.path().display().to_string()).first().copied()?;
        let io = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
        io.lines().find_map(|it| it.strip_prefix("wchar: ")?.parse::<usize>().ok())
    };
    eventually("the pipe is full", || written().is_some_and(|it| 1_000_000 < it));
    assert!(!progress.exists());
    let opened = Instant::now();
    open.send(()).unwrap();
    assert_eq!(counted.recv_timeout(Duration::from_secs(30)).unwrap(), LINES + 3);
    assert_eq!(ending(&wait(execution)), Ending::plain(Outcome::Changed));
    assert!(progress.exists() && opened.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_sink_that_panics_ends_the_run() {
    let room = tempfile::tempdir().unwrap();
    let script = format!("{HELLO} sleep 1000");
    let sink = Box::new(|_: &[RunEvent]| panic!("the disk is on fire"));
    let launch = launch(&script, room.path());
    let finished = wait(Execution::spawn(&launch, &guard(room.path()), limits(), audience(sink)).unwrap());
    assert_eq!(finished.report, None);
    assert_eq!(ending(&finished).outcome, Outcome::Interrupted);
    assert_eq!(marked(&room.path().display().to_string()), Vec::<i32>::new());
}
