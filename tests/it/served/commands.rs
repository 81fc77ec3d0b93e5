//! Commands from the arguments to what is printed, against a daemon in memory.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser;
use driftless::cli::{Arguments, Client, Command, Console, OutputWanted, perform};
use driftless::domain::{Span, Timestamp};

use super::Server;
use super::memory::Memory;

/// What was printed.
#[derive(Debug, Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the lock").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("the lock").clone()).expect("text")
    }
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + Span::from_secs(60)
}

/// Exit code, output and error output of a command line.
async fn driftless(socket: &Path, line: &str) -> (u8, String, String) {
    let arguments = Arguments::try_parse_from(format!("driftless {line}").split(' ')).expect("arguments");
    let Command::Client(command) = arguments.command else { panic!("not for the daemon: {line}") };
    let (out, err) = (Written::default(), Written::default());
    let json = arguments.global.output == OutputWanted::Json;
    let mut console = Console::to_writers(Box::new(out.clone()), Box::new(err.clone()), json, now);
    let code = perform(command, &Client::new(socket), &mut console).await;
    (code.number(), out.text(), err.text())
}

#[tokio::test]
async fn without_a_daemon_people_are_told_what_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("none.sock");
    let (code, out, err) = driftless(&socket, "status").await;
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.starts_with("error: the daemon is not running: there is no socket "), "{err}");
    assert!(err.contains("\n  -> start it with `systemctl start driftless` or `driftless serve`"), "{err}");

    drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
    let (code, _, err) = driftless(&socket, "stacks").await;
    assert_eq!(code, 3);
    assert!(err.contains("nobody answers on") && err.contains("journalctl -u driftless"), "{err}");
}

#[tokio::test]
async fn something_else_behind_the_socket_is_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("other.sock");
    let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
    let other = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "SSH-2.0-x\r\n"] {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _read = stream.read(&mut [0; 1024]).await.expect("a request");
            stream.write_all(answer.as_bytes()).await.expect("an answer");
        }
    });
    let (code, _, err) = driftless(&socket, "status").await;
    assert_eq!(code, 70);
    assert!(err.contains("is not understood") && err.contains("driftless --version"), "{err}");
    let (code, _, err) = driftless(&socket, "status").await;
    assert_eq!(code, 3);
    assert!(err.contains("the connection to the daemon broke") && err.contains("because:"), "{err}");
    other.await.expect("no panic");
}

#[tokio::test]
async fn looking_prints_text_or_json() {
    let server = Server::start();
    let (code, out, _) = driftless(&server.socket, "explain web").await;
    assert_eq!((code, out.as_str()), (0, "infra/web: it runs soon\n"));
    let (code, out, _) = driftless(&server.socket, "--output json explain web").await;
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &value["stack"]), (0, &serde_json::json!("infra/web")));
    let (code, out, _) = driftless(&server.socket, "status").await;
    assert_eq!(code, 0);
    assert!(out.starts_with("driftless 0.1.0, ready, up 1m\n  mode       one user\n"), "{out}");
    let (code, out, _) = driftless(&server.socket, "runs web --count 5 --before 9").await;
    assert_eq!(code, 0);
    assert!(out.contains("\n  7  infra/web  live"), "{out}");
    let (code, out, _) = driftless(&server.socket, "show 7").await;
    assert_eq!(code, 0);
    assert!(out.starts_with("run 7  infra/web  live\n"), "{out}");
    let (code, _, err) = driftless(&server.socket, "show 8").await;
    assert_eq!((code, err.as_str()), (5, "error: there is no run 8\n"));
}

#[tokio::test]
async fn logs_end_with_the_run() {
    let server = Server::start();
    server.backend.tell(2);
    server.backend.end();
    let (code, out, _) = driftless(&server.socket, "logs --follow 7").await;
    assert_eq!((code, out.as_str()), (0, "  no host matches this play\n  no host matches this play\n"));
    let (code, out, _) = driftless(&server.socket, "--output json logs 7").await;
    assert_eq!(code, 0);
    for line in out.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(event["event"], "no_hosts_matched");
    }
    assert_eq!(out.lines().count(), 2);
}

#[tokio::test]
async fn an_apply_waits_and_ends_as_its_run() {
    let server = Server::start();
    let backend = server.backend.clone();
    let run = tokio::spawn(async move {
        backend.acts(1).await;
        backend.tell(2);
        backend.end();
    });
    let (code, out, err) = driftless(&server.socket, "apply web --limit web1 --tags a").await;
    run.await.expect("no panic");
    assert_eq!(code, 1, "the run failed: {err}");
    assert!(out.starts_with("run 7  infra/web  failed\n"), "{out}");
    assert!(out.contains("it is retried with growing pauses"), "{out}");
    assert_eq!(server.backend.acted(), ["ann applies infra/web limit web1 tags a"]);
}

#[tokio::test]
async fn an_apply_that_is_not_waited_for_only_asks() {
    let server = Server::start();
    let (code, out, err) = driftless(&server.socket, "apply web --no-wait").await;
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out, "ann applies infra/web limit  tags \n");
}

#[tokio::test]
async fn what_waits_is_shown_and_only_that_is_approved() {
    let server = Server::start();
    let (code, out, _) = driftless(&server.socket, "approve infra").await;
    assert_eq!(code, 0);
    let waits = "cd".repeat(20);
    assert!(out.ends_with(&format!("  driftless approve infra {waits}\n")), "{out}");
    let (code, _, err) = driftless(&server.socket, &format!("approve infra {}", "ab".repeat(20))).await;
    assert_eq!(code, 7);
    assert!(err.contains("waits, not abab"), "{err}");
    let (code, _, err) = driftless(&server.socket, "approve lab").await;
    assert_eq!(code, 5);
    assert!(err.contains("there is no source `lab`") && err.contains("there are: infra"), "{err}");
    assert!(server.backend.acted().is_empty());
    let (code, _, _) = driftless(&server.socket, "approve infra cdcdcdc").await;
    assert_eq!(code, 0);
    assert_eq!(server.backend.acted(), [format!("ann approves {waits} of infra")]);
}

#[tokio::test]
async fn raw_output_is_shown_where_it_is_kept_without_what_terminals_would_do() {
    let server = Server::start();
    let (code, out, _) = driftless(&server.socket, "logs --raw 42").await;
    assert_eq!(code, 0);
    assert!(
        out.starts_with("PLAY [Web servers] ****\n\nTASK [web : Install nginx] ****\nok: [web01]\n"),
        "{out}"
    );
    assert!(!out.chars().any(|it| it.is_control() && it != '\n'), "{out:?}");
    let (code, _, err) = driftless(&server.socket, "logs --raw 44").await;
    assert_eq!(code, 5);
    assert!(err.contains("the raw output of run 44 is not kept") && err.contains("`raw_log: true`"), "{err}");
}

#[tokio::test]
async fn names_that_nothing_has_are_refused() {
    let server = Server::start();
    for (line, wanted) in [
        ("merge-requests nix", "error: there is no source `nix`\n  -> there are: infra\n"),
        ("approve nope/x", "error: there is no stack `nope/x`\n"),
        ("hosts nope/x", "error: there is no stack `nope/x`\n  -> no source `nope` declares a stack; "),
    ] {
        let (code, _, err) = driftless(&server.socket, line).await;
        assert_eq!(code, 5, "{line}: {err}");
        assert!(err.starts_with(wanted), "{line}: {err}");
    }
    let (code, out, _) = driftless(&server.socket, "hosts").await;
    assert!(code == 0 && out.contains("web1  drifted") && out.contains("web2  in sync"), "{code}: {out}");
}

#[tokio::test]
async fn a_stack_is_approved_of_by_its_short_name() {
    let server = Server::of(rustix::process::geteuid().as_raw(), Memory::with_foreign());
    let (code, out, err) = driftless(&server.socket, "approve web").await;
    assert_eq!((code, out.as_str()), (0, "nothing of infra/web waits for a person\n"), "{err}");
}
