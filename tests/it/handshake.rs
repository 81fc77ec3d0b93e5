//! What a run asks and announces, seen from the daemon. The launcher is a script here; the guardian is real.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::borrow::Cow;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driftless::ansible::clean::{Cleaner, NotKept};
use driftless::ansible::command::Debt;
use driftless::ansible::execute::{Audience, Execution, Finished, StopReason};
use driftless::ansible::limits::Limits;
use driftless::ansible::place::Place;
use driftless::domain::{
    Detail, Exit, HostName, Mode, Outcome, RunEvent, RunEventKind, Secret, TaskIdentity,
};

use crate::execution::{guard, launch, limits, wait};

const ASK: &str = r#"IFS= read -r order <&3; ask() { echo "n {\"at\":1,\"event\":\"hosts_asked\",\"question\":$1,\"hosts\":[]}"; }; "#;
/// Tells what it read, as an error of Ansible's.
const TELL: &str = r#"tell() { echo "n {\"at\":1,\"event\":\"error\",\"class\":\"${1//\"/\'}\"}"; }; "#;

struct Asking {
    execution: Execution,
    events: Receiver<RunEvent>,
    _room: tempfile::TempDir,
}

fn start(script: &str, limits: Limits) -> Asking {
    start_with(script, limits, Vec::new())
}

fn start_with(script: &str, limits: Limits, debts: Vec<Debt>) -> Asking {
    let room = tempfile::tempdir().unwrap();
    let (sender, events) = sync_channel(100_000);
    let sink = Box::new(move |batch: &[RunEvent]| {
        for event in batch {
            sender.send(event.clone()).ok();
        }
    });
    let mut launch = launch(&format!("{ASK}{TELL}{script}"), room.path());
    launch.launcher_spec.debts = debts;
    let audience = Audience { sink, log: None, cleaner: Box::new(NotKept), announcements: None };
    let execution = Execution::spawn(&launch, &guard(room.path()), limits, audience).unwrap();
    Asking { execution, events, _room: room }
}

impl Asking {
    /// The number of the next question.
    fn asked(&self) -> u32 {
        match self.events.recv().unwrap().kind {
            RunEventKind::HostsAsked { question, .. } => question,
            other => panic!("{other:?}"),
        }
    }

    /// What the script tells next.
    fn told(&self) -> String {
        match self.events.recv().unwrap().kind {
            RunEventKind::Error { class, .. } => class,
            other => panic!("{other:?}"),
        }
    }

    fn end(self) -> Finished {
        wait(self.execution)
    }
}

#[test]
fn each_question_gets_its_answer() {
    let script = "for i in 1 2 3; do ask $i; IFS= read -r answer <&3; tell \"$answer\"; done";
    let run = start(script, limits());
    let answers = run.execution.answers();
    assert_eq!(run.asked(), 1);
    answers.answer(1, None);
    assert_eq!(run.told(), "{'go':true,'question':1}");
    assert_eq!(run.asked(), 2);
    answers.answer(2, Some("two\nlines"));
    assert_eq!(run.told(), "{'go':false,'question':2,'why':'two\nlines'}");
    assert_eq!(run.asked(), 3);
    answers.answer(3, None);
    assert_eq!(run.told(), "{'go':true,'question':3}");
    assert_eq!(run.end().exit, Exit::Code(0));
}

#[test]
fn waiting_for_an_answer_is_not_the_runs_silence() {
    let silence = Duration::from_millis(200);
    let limits = Limits { silence: Some(silence), ..limits() };
    let run = start("ask 1; IFS= read -r answer <&3; exec sleep 1000", limits);
    let answers = run.execution.answers();
    assert_eq!(run.asked(), 1);
    let nothing = run.events.recv_timeout(10 * silence);
    assert_eq!(nothing, Err(RecvTimeoutError::Timeout), "it is still there");
    answers.answer(1, None);
    let finished = run.end();
    assert_eq!(finished.stopped_by, Some(StopReason::Limit("it was silent for 200ms".to_owned())));
}

#[test]
fn a_run_that_is_to_end_gets_no_answer_any_more() {
    let script = "trap '' TERM; ask 1; IFS= read -r answer <&3 || tell closed";
    let run = start(script, Limits { grace: Duration::from_secs(60), ..limits() });
    let (stopper, answers) = (run.execution.stopper(), run.execution.answers());
    assert_eq!(run.asked(), 1);
    stopper.stop(StopReason::Cancelled("anna".to_owned()));
    answers.answer(1, None);
    assert_eq!(run.told(), "closed");
    assert_eq!(run.end().ending(Mode::Apply).outcome, Outcome::Cancelled);
}

#[test]
fn an_order_may_be_larger_than_a_pipe() {
    let debt = Debt {
        host: HostName::new("h1"),
        handler: "x".repeat(1000),
        play: 0,
        section: 1,
        dynamic: false,
        task: TaskIdentity::default(),
    };
    let debts = vec![debt; 3000];
    let run = start_with(
        "tell ${#order}; ask 1; IFS= read -r answer <&3; tell \"$answer\"",
        limits(),
        debts.clone(),
    );
    assert!(3_000_000 < run.told().parse::<u32>().unwrap());
    assert_eq!(run.asked(), 1);
    run.execution.answers().answer(1, None);
    assert_eq!(run.told(), "{'go':true,'question':1}");
    assert_eq!(run.end().exit, Exit::Code(0));

    // And a launcher that does not read keeps nobody from ending it.
    let room = tempfile::tempdir().unwrap();
    let mut launch = launch("exec sleep 1000", room.path());
    launch.launcher_spec.debts = debts;
    let audience =
        Audience { sink: Box::new(|_| {}), log: None, cleaner: Box::new(NotKept), announcements: None };
    let execution = Execution::spawn(&launch, &guard(room.path()), limits(), audience).unwrap();
    execution.stopper().stop(StopReason::Cancelled("anna".to_owned()));
    assert_eq!(wait(execution).ending(Mode::Apply).outcome, Outcome::Cancelled);
}

/// Takes out what was announced, and nothing else.
#[derive(Default)]
pub(crate) struct Announced(Vec<String>);

impl Cleaner for Announced {
    fn learn(&mut self, secret: &[u8]) {
        self.0.push(String::from_utf8_lossy(secret).into_owned());
    }
    fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        Cow::Owned(self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]")))
    }
    fn detail(&mut self, detail: &mut Detail) {
        let json = serde_json::to_string(detail).unwrap();
        *detail = serde_json::from_str(&self.text(&json)).unwrap();
    }
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.text(&String::from_utf8_lossy(bytes)).as_bytes().to_vec()
    }
    fn rest(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// Output that everybody can read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn place(dir: &Path) -> Place {
    Place {
        checkout: dir.join("checkout"),
        run_dir: dir.join("run"),
        state_dir: dir.join("state"),
        home: dir.join("home"),
        launcher: dir.join("launcher.py"),
        nonce: "n".to_owned(),
        item_key: Secret::new("k".to_owned()),
    }
}

/// Events, log and stray lines of a run that announces.
fn announcing(script: &str) -> (String, String, Finished) {
    let room = tempfile::tempdir().unwrap();
    let place = place(room.path());
    let announcements = place.make(&[], None).unwrap();
    let said = Arc::new(Mutex::new(String::new()));
    let sink = {
        let said = Arc::clone(&said);
        Box::new(move |batch: &[RunEvent]| {
            let lines = batch.iter().map(|it| format!("{}\n", serde_json::to_string(it).unwrap()));
            said.lock().unwrap().extend(lines);
        })
    };
    let log = Shared::default();
    let script = format!("exec 9>{}; {script}", place.announcements().display());
    let audience = Audience {
        sink,
        log: Some(Box::new(log.clone())),
        cleaner: Box::new(Announced::default()),
        announcements: Some(announcements),
    };
    let execution =
        Execution::spawn(&launch(&script, room.path()), &guard(&place.run_dir), limits(), audience).unwrap();
    let finished = wait(execution);
    let (said, log) = (said.lock().unwrap().clone(), log.0.lock().unwrap().clone());
    (said, String::from_utf8_lossy(&log).into_owned(), finished)
}

/// The number behind `secret`, in base64, so that a shell can announce it.
const LEAK: &str = r#"leak() {
    secret="canary-$1-$2"; piece=$(printf %s "$secret" | base64);
    printf '%08x 1 1 %s\n' $RANDOM "$piece" >&9;
    echo "$secret" >&2;
    echo "n {\"at\":1,\"event\":\"task_ended\",\"host\":\"h\",\"task\":0,\"status\":\"ok\",\"detail\":{\"msg\":\"$secret\"}}"; };"#;

#[test]
fn what_is_announced_before_it_is_said_is_never_seen() {
    let script =
        format!("{LEAK} for who in a b c d; do (for i in $(seq 100); do leak $who $i; done) & done; wait");
    let (said, log, finished) = announcing(&script);
    assert_eq!((finished.exit, finished.events, finished.stray_lines), (Exit::Code(0), 400, 0));
    assert_eq!(said.matches("[redacted]").count(), 400);
    assert_eq!(log.matches("[redacted]").count(), 400);
    assert!(!said.contains("canary") && !log.contains("canary"), "{log}");
}

#[test]
fn without_announcements_what_was_said_is_not_kept() {
    for broken in [
        r#"echo 'n {"at":1,"event":"announcements_missing"}'"#,
        "echo broken >&9",
        "printf '%08x 1 1 ====\\n' 1 >&9",
    ] {
        let harmless = r#"echo 'n {"at":1,"event":"task_ended","host":"h","task":0,"status":"ok","changed":true,"detail":{"msg":"harmless"}}'"#;
        let (said, log, finished) = announcing(&format!(
            "echo before >&2; IFS= read -r order <&3; {broken}; {harmless}; echo harmless >&2"
        ));
        assert_eq!(finished.exit, Exit::Code(0));
        assert!(said.contains(r#""changed":true"#) && !said.contains("harmless"), "{said}");
        assert!(log.contains("[redaction failed]") && !log.contains("harmless"), "{broken}: {log}");
    }
}
