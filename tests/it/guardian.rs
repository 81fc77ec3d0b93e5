//! The guardian with real processes: whatever they do to escape, nothing is left when it says so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use driftless::ansible::guardian::{
    EndedBy, GuardianSpec, Leftovers, Report, ResourceLimits, RunAs, await_gone,
};
use rustix::process::{Pid, Signal, geteuid, kill_process};

const NONCE: &str = "0123abcd";
const PROGRAM: &str = env!("CARGO_BIN_EXE_driftless");
/// No test waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that leaves its parent, its session and its group, ignores SIGTERM, and says that it is there.
const ESCAPE: &str = r#"(setsid bash -c 'trap "" TERM HUP INT; echo ready; exec sleep 1000' &)"#;

/// A guardian and this test in the place of the daemon.
struct Guarded {
    child: Child,
    out: BufReader<ChildStdout>,
    stdin: Option<ChildStdin>,
    leftovers: Leftovers,
    _room: tempfile::TempDir,
}

fn spec(script: &str, room: &Path) -> GuardianSpec {
    let env = [("PATH", "/usr/bin:/bin".to_owned()), ("DRIFTLESS_RUN", room.display().to_string())];
    GuardianSpec {
        nonce: NONCE.to_owned(),
        program: PathBuf::from("/bin/bash"),
        args: ["--norc", "-c", script].map(str::to_owned).to_vec(),
        env: env.map(|(name, value)| (name.to_owned(), value)).into(),
        cwd: PathBuf::from("/"),
        run_as: None,
        launcher_spec: None,
        grace_ms: 300,
        lifeline_grace_ms: 300,
        wall_limit_ms: None,
        lock_file: room.join("lock"),
        cgroup: None,
        rlimits: ResourceLimits::default(),
    }
}

fn guard(script: &str) -> Guarded {
    guard_with(script, |_| {})
}

fn guard_with(script: &str, change: impl FnOnce(&mut GuardianSpec)) -> Guarded {
    let room = tempfile::tempdir().unwrap();
    let mut spec = spec(script, room.path());
    change(&mut spec);
    let mut child = Command::new(PROGRAM)
        .arg("guardian")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut order = serde_json::to_vec(&spec).unwrap();
    order.push(b'\n');
    stdin.write_all(&order).unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let marker = room.path().display().to_string();
    let leftovers = Leftovers { lock_file: spec.lock_file, marker, cgroup: None };
    Guarded { child, out, stdin: Some(stdin), leftovers, _room: room }
}

impl Guarded {
    /// The next line that its processes print.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn stop(&mut self) {
        self.stdin.as_mut().unwrap().write_all(b"stop\n").unwrap();
    }

    /// Waits for its end. When it has reported, nothing of its run may be there.
    fn report(mut self) -> (Report, String) {
        let mut said = String::new();
        self.out.read_to_string(&mut said).unwrap();
        assert_eq!(self.left(), Vec::<i32>::new(), "something is left: {said}");
        self.child.wait().unwrap();
        let (before, last) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim()));
        (Report::from_line(NONCE, last.as_bytes()).expect(last), before.to_owned())
    }

    fn left(&self) -> Vec<i32> {
        marked(&self.leftovers.marker)
    }
}

/// Processes with this mark in their environment.
pub(crate) fn marked(marker: &str) -> Vec<i32> {
    let entry = format!("DRIFTLESS_RUN={marker}");
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    let has = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|it| *it == 0).any(|it| it == entry.as_bytes())
    };
    processes.filter(has).collect()
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn what_a_run_leaves_behind_is_ended_with_it_and_another_run_is_not() {
    let mut other = guard(&format!("{ESCAPE}; sleep 1000"));
    assert_eq!(other.line(), "ready");
    let others = other.left();

    let mut run = guard(&format!("{ESCAPE}; read -r < <(sleep 0.2); exit 7"));
    assert_eq!(run.line(), "ready");
    let (report, _) = run.report();
    assert_eq!((report.exit, report.signal, report.ended_by), (Some(7), None, EndedBy::Itself));
    assert!(1 <= report.killed, "the escaped process: {report:?}");

    assert!(others.iter().all(|pid| other.left().contains(pid)), "the other run lives");
    other.stop();
    assert_eq!(other.report().0.ended_by, EndedBy::Stop);
}

#[test]
fn a_run_that_is_told_to_end_may_tidy_up_within_its_grace() {
    let mut run =
        guard_with("trap 'echo tidy; exit 143' TERM; echo ready; while :; do sleep 0.1; done", |spec| {
            spec.grace_ms = 60_000;
        });
    assert_eq!(run.line(), "ready");
    run.stop();
    let (report, said) = run.report();
    assert_eq!((report.exit, report.ended_by), (Some(143), EndedBy::Stop));
    assert!(said.contains("tidy"));
}

#[test]
fn a_run_that_will_not_end_is_killed_after_its_grace() {
    let mut run = guard(&format!("trap '' TERM INT HUP; {ESCAPE}; while :; do sleep 1; done"));
    assert_eq!(run.line(), "ready");
    let asked = Instant::now();
    run.stop();
    let (report, _) = run.report();
    assert_eq!((report.exit, report.signal, report.ended_by), (None, Some(9), EndedBy::Stop));
    let took = asked.elapsed();
    assert!(Duration::from_millis(300) <= took && took < Duration::from_millis(2300), "{took:?}");
}

#[test]
fn a_stopped_process_ends_too() {
    let mut run = guard("(setsid bash -c 'echo $BASHPID; kill -STOP $BASHPID' &); sleep 1000");
    let stopped: i32 = run.line().parse().unwrap();
    eventually("the process has stopped itself", || {
        fs::read_to_string(format!("/proc/{stopped}/stat")).is_ok_and(|it| it.contains(") T "))
    });
    run.stop();
    assert_eq!(run.report().0.ended_by, EndedBy::Stop);
}

#[test]
fn processes_that_fork_faster_than_one_can_look_are_ended() {
    let mut run = guard("trap '' TERM; echo ready; hop() { hop & }; for i in 1 2 3; do hop; done");
    assert_eq!(run.line(), "ready");
    let (report, _) = run.report();
    assert_eq!((report.exit, report.ended_by), (Some(0), EndedBy::Itself));
}

#[test]
fn a_run_does_not_survive_the_daemon() {
    let mut run = guard(&format!("trap '' TERM; {ESCAPE}; while :; do sleep 1; done"));
    assert_eq!(run.line(), "ready");
    drop(run.stdin.take());
    assert_eq!(run.report().0.ended_by, EndedBy::Lifeline);
}

#[test]
fn a_signal_to_the_guardian_is_a_wish_to_end() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut run = guard("echo ready; sleep 1000");
        assert_eq!(run.line(), "ready");
        kill_process(Pid::from_child(&run.child), signal).unwrap();
        assert_eq!(run.report().0.ended_by, EndedBy::Stop, "{signal:?}");
    }
}

#[test]
fn a_run_that_takes_too_long_is_ended_without_the_daemon() {
    let run = guard_with("sleep 1000", |spec| spec.wall_limit_ms = Some(100));
    let (report, _) = run.report();
    assert_eq!((report.signal, report.ended_by), (Some(15), EndedBy::Limit));
}

#[test]
fn what_a_killed_guardian_leaves_is_found_by_its_mark() {
    let mut other = guard("echo ready; sleep 1000");
    assert_eq!(other.line(), "ready");
    let mut run = guard(&format!("{ESCAPE}; sleep 1000"));
    assert_eq!(run.line(), "ready");

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let gone = |limit| runtime.block_on(await_gone(run.leftovers.clone(), limit));
    assert!(gone(Duration::from_millis(50)).is_err(), "a guardian that lives is left to do its work");
    assert!(!run.left().is_empty());

    kill_process(Pid::from_child(&run.child), Signal::KILL).unwrap();
    run.child.wait().unwrap();
    assert!(2 <= gone(PATIENCE).unwrap(), "the leader, and what escaped from it");
    assert_eq!(run.left(), Vec::<i32>::new());
    assert_eq!(gone(PATIENCE).unwrap(), 0);
    assert!(!other.left().is_empty());
    other.stop();
    other.report();
}

#[test]
fn one_run_has_one_guardian() {
    let mut run = guard("echo ready; sleep 1000");
    assert_eq!(run.line(), "ready");
    let lock_file = run.leftovers.lock_file.clone();
    let second = guard_with("echo never", |spec| spec.lock_file = lock_file);
    let (report, said) = second.report();
    assert!(report.error.expect("it did not start").contains("locked"));
    assert!(!said.contains("never"));
    run.stop();
    run.report();
}

#[test]
fn nothing_is_started_when_the_daemon_is_gone_already() {
    let room = tempfile::tempdir().unwrap();
    let mark = room.path().join("mark");
    // A file ends after the order, as a pipe does whose writer was killed.
    let order = room.path().join("order");
    let spec = spec(&format!("touch {}", mark.display()), room.path());
    fs::write(&order, format!("{}\n", serde_json::to_string(&spec).unwrap())).unwrap();
    for end in ["whole", "half"] {
        if end == "half" {
            let whole = fs::read(&order).unwrap();
            fs::write(&order, &whole[..whole.len() / 2]).unwrap();
        }
        let stdin = fs::File::open(&order).unwrap();
        let output = Command::new(PROGRAM).arg("guardian").stdin(stdin).output().unwrap();
        assert!(!output.status.success());
        assert!(!mark.exists());
    }
}

#[test]
fn a_run_gets_its_order_and_nothing_that_it_was_not_given() {
    let script = "IFS= read -r order <&3; echo \"$order\"; env -0 | tr '\\0' '\\n' | sort; cd /proc/$$/fd; echo fds *; readlink /proc/self/fd/0; \
                  umask; ulimit -c";
    // A daemon may have been started with descriptors that are open to its children.
    let leak = rustix::io::fcntl_dupfd_cloexec(fs::File::open("/dev/null").unwrap(), 50).unwrap();
    rustix::io::fcntl_setfd(&leak, rustix::io::FdFlags::empty()).unwrap();
    let mut run = guard_with(script, |spec| {
        spec.launcher_spec = Some(serde_json::json!({"nonce": "n", "argv": ["--check"]}));
        spec.env =
            BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into()), ("SECRET".into(), "a\nb".into())]);
        spec.rlimits.core_bytes = Some(0);
    });
    assert_eq!(run.line(), r#"{"argv":["--check"],"nonce":"n"}"#);
    let (_, said) = run.report();
    drop(leak);
    let own = ["PATH=", "PWD=", "SECRET=a", "SHLVL=", "_=", "b"]; // PWD, SHLVL and _ are bash's own.
    let lines: Vec<&str> = said.lines().collect();
    let (variables, rest) = lines.split_at(lines.iter().position(|it| it.starts_with("fds ")).expect(&said));
    assert!(variables.iter().all(|line| own.iter().any(|it| line.starts_with(it))), "{variables:?}");
    // bash opens 4 to list the directory.
    assert_eq!(rest, ["fds 0 1 2 3 4", "/dev/null", "0022", "0"]);
}

#[test]
fn a_program_that_is_not_there_is_told_of() {
    let run = guard_with("", |spec| spec.program = PathBuf::from("/nonexistent/python"));
    let (report, _) = run.report();
    let error = report.error.expect("it did not start");
    assert!(error.contains("/nonexistent/python") && error.contains("No such file"), "{error}");
}

const WHO: &str = "id -u; id -G; grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | sort -u";
const NOBODY: RunAs = RunAs { uid: 65534, gid: 65534 };

#[test]
fn a_run_as_another_user_has_none_of_the_daemons_rights() {
    let run = guard_with(WHO, |spec| spec.run_as = Some(NOBODY));
    let (report, said) = run.report();
    if geteuid().is_root() {
        assert_eq!(report.exit, Some(0));
        assert_eq!(said.trim(), "65534\n65534\n0000000000000000");
    } else {
        assert!(report.error.is_some(), "without the right to change users nothing runs: {report:?}");
    }
}

/// As the service does it: not root, with four capabilities that its children must not have.
#[test]
fn capabilities_of_the_service_do_not_reach_a_run() {
    if !geteuid().is_root() {
        return a_run_as_another_user_has_none_of_the_daemons_rights(); // Only root can make such a service.
    }
    let room = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(room.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let program = room.path().join("driftless");
    fs::copy(PROGRAM, &program).unwrap();
    let mut spec = spec(&format!("trap '' TERM; {WHO}; {ESCAPE}; read -r < <(sleep 0.2)"), room.path());
    spec.run_as = Some(NOBODY);
    let capabilities = "+setuid,+setgid,+chown,+kill";
    let mut child = Command::new("setpriv")
        .args(["--reuid=1", "--regid=1", "--groups=1,4"])
        .args([format!("--inh-caps=-all,{capabilities}"), format!("--ambient-caps=-all,{capabilities}")])
        .args([program.as_os_str(), "guardian".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{}\n", serde_json::to_string(&spec).unwrap()).as_bytes()).unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    assert!(said.starts_with("65534\n65534\n0000000000000000\n"), "{said}");
    assert_eq!(marked(&room.path().display().to_string()), Vec::<i32>::new(), "it may end another user's");
}
