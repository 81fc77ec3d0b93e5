//! Server and command line together, against a daemon in memory, through real sockets.

mod commands;
mod deliveries;
mod described;
mod documented;
mod encrypted;
mod followed;
mod foreign;
mod kept_alive;
mod leafing;
mod leaves;
mod memory;
mod overviews;
mod recorded;
mod roles;
mod sign_in;
mod stage;
mod streams;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use driftless::api::{EventLine, EventPosition, PREFIX};
use driftless::cli::{Client, ClientError, EventStream};
use driftless::domain::RunId;
use driftless::web::{Accounts, BindError, SocketSettings, bind_socket, bind_tcp, serve_socket, serve_tcp};

use self::memory::Memory;
pub(super) use self::stage::Stage;

/// A server on a socket in a directory of its own.
pub(super) struct Server {
    backend: Memory,
    socket: PathBuf,
    _directory: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    /// A server whose daemon is this user, so that this user may act.
    fn start() -> Self {
        Self::with(rustix::process::geteuid().as_raw())
    }

    fn with(daemon_uid: u32) -> Self {
        Self::of(daemon_uid, Memory::default())
    }

    fn of(daemon_uid: u32, backend: Memory) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("driftless.sock");
        std::fs::write(directory.path().join("passwd"), format!("ann:x:{daemon_uid}:0::/:/bin/sh\n"))
            .expect("passwd");
        let accounts = Accounts::new(daemon_uid, None)
            .files(directory.path().join("passwd"), directory.path().join("group"));
        let settings = SocketSettings { path: socket.clone(), accounts: accounts.clone() };
        let listener = bind_socket(&settings).expect("a socket");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = serve_socket(listener, accounts, backend.clone(), async { drop(stopped.await) });
        let task = tokio::spawn(served);
        Self { backend, socket, _directory: directory, stop: Some(stop), task }
    }

    fn client(&self) -> Client {
        Client::new(&self.socket)
    }

    async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(Duration::from_secs(10), &mut self.task)
            .await
            .expect("it stops in time")
            .expect("it does not panic");
    }
}

/// Serves these metrics on a port of its own, as long as the runtime of the test lives.
pub(super) async fn serve_metrics(metrics: impl Fn() -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address"), false).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    drop(tokio::spawn(serve_tcp(listener, Memory::with_metrics(metrics), std::future::pending())));
    address
}

#[tokio::test]
async fn the_socket_is_closed_to_others_and_a_dead_one_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("driftless.sock");
    let settings = SocketSettings { path: path.clone(), accounts: Accounts::new(0, None) };
    let first = bind_socket(&settings).expect("a socket");
    let mode = std::fs::metadata(&path).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert!(matches!(bind_socket(&settings), Err(BindError::Answered { .. })), "the living one stays");
    drop(first);
    drop(bind_socket(&settings).expect("the dead one is replaced"));
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, "precious").expect("a file");
    assert!(matches!(bind_socket(&settings), Err(BindError::InTheWay { .. })));
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "precious");
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_word() {
    let public = "0.0.0.0:0".parse().expect("an address");
    assert!(matches!(bind_tcp(public, false).await, Err(BindError::Public { .. })));
    assert!(bind_tcp(public, true).await.is_ok());
    assert!(bind_tcp("[::1]:0".parse().expect("an address"), false).await.is_ok());
}

#[tokio::test]
async fn a_stack_is_found_by_its_short_name_and_near_misses_are_told() {
    let server = Server::start();
    let explanation: serde_json::Value = server.client().get("/stacks/-/web/explain").await.expect("it");
    assert_eq!(explanation["stack"], "infra/web");
    let error = server.client().get::<serde_json::Value>("/stacks/-/wbe/explain").await.expect_err("none");
    assert_eq!(error.remedy().as_deref(), Some("did you mean `infra/web`?"));
    let error = server.client().get::<serde_json::Value>("/runs?stack=wbe").await.expect_err("none");
    assert_eq!(error.exit_code().number(), 5);
    server.stop().await;
}

#[tokio::test]
async fn hosts_come_whole_or_chosen_and_in_pages() {
    let server = Server::start();
    let client = server.client();
    for (path, names, more) in [
        ("/hosts", vec!["web1", "web2"], false),
        ("/hosts?count=1", vec!["web1"], true),
        ("/hosts?count=1&after=web1", vec!["web2"], false),
        ("/hosts?stack=web&state=in_sync", vec!["web2"], false),
        ("/hosts?q=EB1", vec!["web1"], false),
        ("/hosts?state=owed", vec![], false),
    ] {
        let told: serde_json::Value = client.get(path).await.expect(path);
        let hosts =
            told["hosts"].as_array().expect("a list").iter().map(|it| it["host"].as_str().expect("a name"));
        assert_eq!((hosts.collect::<Vec<_>>(), &told["more"]), (names, &more.into()), "{path}");
    }
    for path in ["/hosts?count=0", "/hosts?count=1001", "/hosts?state=x", "/hosts?nonsense=1"] {
        let error = client.get::<serde_json::Value>(path).await.expect_err(path);
        assert_eq!(error.exit_code().number(), 2, "{path}: {error}");
    }
    let error = client.get::<serde_json::Value>("/hosts?stack=wbe").await.expect_err("no such stack");
    assert_eq!(error.exit_code().number(), 5);
    server.stop().await;
}

#[tokio::test]
async fn what_must_not_reach_a_command_line_does_not_reach_the_daemon() {
    let server = Server::start();
    for body in [
        serde_json::json!({"limit": "@/etc/passwd"}),
        serde_json::json!({"limit": "--connection=local"}),
        serde_json::json!({"limit": "a\nb"}),
        serde_json::json!({"limit": "a\u{0}b"}),
        serde_json::json!({"tags": ["-e"]}),
        serde_json::json!({"revision": "--upload-pack=x"}),
        serde_json::json!({"inventory": "evil"}),
        serde_json::json!([]),
        serde_json::json!("x"),
    ] {
        let error = server.client().post::<serde_json::Value>("/stacks/-/web/apply", &body).await;
        assert_eq!(error.expect_err("refused").exit_code().number(), 2, "{body}");
    }
    for path in [
        "/runs?count=0",
        "/runs?count=1001",
        "/runs?nonsense=1",
        "/runs/x",
        "/runs/-1",
        "/stacks/A/b/explain",
    ] {
        let error = server.client().get::<serde_json::Value>(path).await.expect_err(path);
        assert_eq!(error.exit_code().number(), 2, "{path}: {error}");
    }
    let large = serde_json::json!({"limit": "a".repeat(100_000)});
    let error = server.client().post::<serde_json::Value>("/stacks/-/web/apply", &large).await;
    assert_eq!(error.expect_err("refused").exit_code().number(), 2);
    assert_eq!(server.backend.acted(), Vec::<String>::new());
    server.stop().await;
}

#[tokio::test]
async fn actions_say_who_acted() {
    let server = Server::start();
    let client = server.client();
    let body = serde_json::json!({"limit": "web1", "tags": ["a"]});
    let reply: serde_json::Value = client.post("/stacks/infra/web/apply", &body).await.expect("a reply");
    assert_eq!(reply["by"], "ann");
    for path in ["/stacks/-/web/suspend", "/stacks/-/web/resume"] {
        let _reply: serde_json::Value = client.post(path, &()).await.expect("a reply");
    }
    let _reply: serde_json::Value =
        client.post("/runs/7/cancel", &serde_json::json!({"suspend": true})).await.expect("a reply");
    let commit = serde_json::json!({"commit": "ab".repeat(20)});
    let _reply: serde_json::Value = client.post("/sources/infra/approve", &commit).await.expect("a reply");
    assert_eq!(
        server.backend.acted(),
        [
            "ann applies infra/web limit web1 tags a".to_owned(),
            "ann suspends infra/web".to_owned(),
            "ann resumes infra/web".to_owned(),
            "ann cancels 7 and suspends".to_owned(),
            format!("ann approves {} of infra", "ab".repeat(20)),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn events_come_as_they_happen_and_end_with_the_run() {
    let server = Server::start();
    server.backend.tell(3);
    let mut stream = server.client().events(RunId(7), EventPosition(0), true).await.expect("a stream");
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(kind(&mut stream).await);
    }
    assert_eq!(seen, ["event", "event", "event", "position 300"]);
    server.backend.tell(1);
    assert_eq!([kind(&mut stream).await, kind(&mut stream).await], ["event", "position 400"]);
    server.backend.end();
    assert_eq!(kind(&mut stream).await, "end 400 over");
    assert!(stream.next().await.expect("the end").is_none());

    let mut again = server.client().events(RunId(7), EventPosition(300), false).await.expect("a stream");
    let rest = [kind(&mut again).await, kind(&mut again).await, kind(&mut again).await];
    assert_eq!(rest, ["event", "position 400", "end 400 over"]);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_is_not_followed_ends_while_the_run_is_live() {
    let server = Server::start();
    server.backend.tell(1);
    let mut stream = server.client().events(RunId(7), EventPosition(0), false).await.expect("a stream");
    let seen = [kind(&mut stream).await, kind(&mut stream).await, kind(&mut stream).await];
    assert_eq!(seen, ["event", "position 100", "end 100 live"]);
    let error = server.client().events(RunId(99), EventPosition(0), true).await.expect_err("no such run");
    assert_eq!(error.exit_code().number(), 5);
    server.stop().await;
}

async fn kind(stream: &mut EventStream) -> String {
    let line = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("in time");
    match line.expect("a line").expect("not the end") {
        EventLine::Event { .. } => "event".to_owned(),
        EventLine::Position { next } => format!("position {}", next.0),
        EventLine::End { next, over, .. } => format!("end {} {}", next.0, if over { "over" } else { "live" }),
        EventLine::Error { error } => error.to_string(),
    }
}

#[tokio::test]
async fn a_stop_ends_idle_and_streaming_connections() {
    let server = Server::start();
    let idle = UnixStream::connect(&server.socket).await.expect("a connection");
    server.backend.tell(1);
    let mut stream = server.client().events(RunId(7), EventPosition(0), true).await.expect("a stream");
    assert_eq!(kind(&mut stream).await, "event");
    let socket = server.socket.clone();
    server.stop().await;
    drop(idle);
    let error = Client::new(&socket).get::<serde_json::Value>("/status").await.expect_err("nobody");
    assert!(matches!(error, ClientError::Missing { .. } | ClientError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn tcp_serves_metrics_and_health_to_strangers_and_nothing_else() {
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address"), false).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let backend = Memory::default();
    let server = tokio::spawn(serve_tcp(listener, backend.clone(), std::future::pending()));
    let metrics = fetch(address, "GET /metrics HTTP/1.1").await;
    assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4"), "{metrics}");
    assert!(metrics.contains("driftless_up 1"), "{metrics}");
    assert!(fetch(address, "GET /healthz HTTP/1.1").await.starts_with("HTTP/1.1 200"));
    let not_ready = fetch(address, "GET /readyz HTTP/1.1").await;
    assert!(
        not_ready.starts_with("HTTP/1.1 503") && not_ready.contains("no source was fetched"),
        "{not_ready}"
    );
    let page = fetch(address, "GET / HTTP/1.1").await;
    assert!(page.starts_with("HTTP/1.1 303") && page.contains("location: /sign-in"), "{page}");
    for path in ["/../etc/passwd", "/metrics/x", "/%2e%2e"] {
        assert!(fetch(address, &format!("GET {path} HTTP/1.1")).await.starts_with("HTTP/1.1 404"), "{path}");
    }
    for path in ["/api/v1/status", "/api/v1/runs", "/api/v1/nonsense", "/api/v1"] {
        assert!(fetch(address, &format!("GET {path} HTTP/1.1")).await.starts_with("HTTP/1.1 401"), "{path}");
    }
    assert!(fetch(address, "POST /api/v1/stacks/-/web/apply HTTP/1.1").await.starts_with("HTTP/1.1 401"));
    assert!(fetch(address, "POST /metrics HTTP/1.1").await.starts_with("HTTP/1.1 405"));
    assert!(backend.acted().is_empty());
    server.abort();
}

/// The answer to a request on a connection of its own, headers in lower case as they come.
async fn fetch(address: SocketAddr, request: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    stream.write_all(format!("{request}\r\nHost: x\r\n\r\n").as_bytes()).await.expect("sent");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("in time").expect("text");
    answer
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let server = Server::start();
    let mut stream = UnixStream::connect(&server.socket).await.expect("a connection");
    let head = format!("GET {PREFIX}/status HTTP/1.1\r\nHost: x\r\nX-Long: {}", "a".repeat(64 * 1024));
    // The server may close the connection before it has read everything, which is what is wanted.
    let _sent = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    let _closed_or_reset = read.expect("it is cut off");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    server.stop().await;
}
