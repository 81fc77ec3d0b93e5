//! Servers that say nothing, or never stop: each fetch ends in time, with everything it started.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use super::support::{Workshop, eventually, remote_at};
use crate::domain::{Failure, Retry};
use crate::git::{GitError, Limits, Phase};

fn short() -> Limits {
    let (connect, stall, total) = (Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(3));
    Limits { connect, stall, total }
}

/// A server that takes connections, sends `greeting` and then nothing for ever.
fn silent_server(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for connection in listener.incoming().flatten() {
            let mut connection = connection;
            connection.write_all(greeting).expect("sent");
            kept.push(connection);
        }
    });
    port
}

/// Whether any process has this in its command line.
fn runs(word: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes");
    processes.flatten().any(|it| {
        let line = std::fs::read(it.path().join("cmdline")).unwrap_or_default();
        memchr::memmem::find(&line, word.as_bytes()).is_some()
    })
}

#[tokio::test]
async fn a_silent_server_ends_a_fetch_in_time() {
    for (scheme, greeting) in [("https", &b""[..]), ("ssh", b""), ("ssh", b"SSH-2.0-Silence\r\n")] {
        let workshop = Workshop::new();
        let port = silent_server(greeting);
        let mut remote = remote_at(&format!("{scheme}://127.0.0.1:{port}/x"));
        remote.limits = short();
        let began = Instant::now();
        let error = workshop.git.fetch(&remote, None).await.expect_err("nobody answers");
        assert!(began.elapsed() < Duration::from_secs(10), "{scheme}: {:?}", began.elapsed());
        assert!(matches!(error, GitError::Timeout { .. } | GitError::Unreachable(_)), "{scheme}: {error:?}");
        assert_eq!(Failure::from(error).retry, Retry::Soon);
        let word = format!("{port}");
        eventually("nothing is left", || !runs(&word)).await;
    }
}

#[tokio::test]
async fn nobody_there_is_said_at_once() {
    let workshop = Workshop::new();
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    for scheme in ["https", "ssh"] {
        let error = workshop.git.fetch(&remote_at(&format!("{scheme}://127.0.0.1:{port}/x")), None).await;
        assert!(matches!(error, Err(GitError::Unreachable(_))), "{error:?}");
    }
}

/// A git that does what the script says.
fn scripted(workshop: &mut Workshop, script: &str) {
    let program = workshop.path("fake-git");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    workshop.use_program(&program);
}

#[tokio::test]
async fn a_stall_and_an_endless_fetch_are_told_apart_and_leave_nothing() {
    for (script, phase) in [
        ("echo one >&2; trap '' TERM; sleep 1234.5 & wait; wait", Phase::Stall),
        ("trap '' TERM; while sleep 0.1; do echo more >&2; done", Phase::Total),
        ("exec sleep 1234.5", Phase::Connect),
    ] {
        let mut workshop = Workshop::new();
        let pids = workshop.path("pid");
        scripted(&mut workshop, &format!("echo $$ >{}; {script}", pids.display()));
        let mut remote = remote_at("https://example.org/x");
        remote.limits = short();
        let error = workshop.git.fetch(&remote, None).await.expect_err("too slow");
        assert!(matches!(error, GitError::Timeout { phase: it, .. } if it == phase), "{phase:?}: {error:?}");
        let group = std::fs::read_to_string(&pids).expect("a pid");
        let group: i32 = group.trim().parse().expect("a number");
        let group = rustix::process::Pid::from_raw(group).expect("a pid");
        eventually("the group is gone", || rustix::process::test_kill_process_group(group).is_err()).await;
    }
}

#[tokio::test]
async fn a_fetch_that_is_given_up_leaves_nothing() {
    let mut workshop = Workshop::new();
    let pids = workshop.path("pid");
    scripted(&mut workshop, &format!("sleep 1234.5 & echo $$ >{}; wait", pids.display()));
    let remote = remote_at("https://example.org/x");
    let git = workshop.git.clone();
    let fetch = tokio::spawn(async move { git.fetch(&remote, None).await });
    eventually("it runs", || std::fs::read_to_string(&pids).is_ok_and(|it| it.ends_with('\n'))).await;
    fetch.abort();
    let group: i32 = std::fs::read_to_string(&pids).expect("a pid").trim().parse().expect("a number");
    let group = rustix::process::Pid::from_raw(group).expect("a pid");
    eventually("the group is gone", || rustix::process::test_kill_process_group(group).is_err()).await;
}

#[tokio::test]
async fn failures_without_a_name_are_cured_once_by_a_new_cache() {
    let mut workshop = Workshop::new();
    let calls = workshop.path("calls");
    scripted(&mut workshop, &format!("echo x >>{}; echo 'fatal: sorry' >&2; exit 128", calls.display()));
    let remote = remote_at("https://example.org/x");
    for expected in [1, 3, 4, 5] {
        let error = workshop.git.fetch(&remote, None).await.expect_err("it fails");
        assert!(matches!(&error, GitError::Other(it) if it == "sorry"), "{error:?}");
        assert_eq!(std::fs::read_to_string(&calls).expect("calls").lines().count(), expected);
    }
}
