//! Row 11 under load: a thousand deliveries of 100 MiB at once, while a run goes on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use super::{Hooked, github, push_of, sign};
use crate::world::{SOON, eventually};

const SIZE: usize = 100 << 20;
const PIECE: usize = 64 * 1024;
/// What the daemon may hold in addition to what it held before, in KiB.
const MORE_KIB: u64 = 64 * 1024;

/// How many posts there are at once; `scripts/campaign webhooks N` repeats all of it.
fn rounds() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/campaign")]
    std::env::var("DRIFTLESS_FLOODS").ok().map_or(1, |it| it.parse().expect("a number"))
}

/// Some seconds of work on two hosts, twenty results.
const PLAYBOOK: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    \
     - ansible.builtin.command: sleep 0.2\n      loop: \"{{ range(10) | list }}\"\n      changed_when: false\n";

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the daemon lives");
    // A process that has just ended has none.
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// One post of 100 MiB, told beforehand or in chunks; the status, or nothing if the connection was cut.
async fn flood(address: SocketAddr, chunked: bool) -> Option<u16> {
    let socket = TcpSocket::new_v4().ok()?;
    // The kernel would hold megabytes for each of them.
    socket.set_send_buffer_size(64 * 1024).ok()?;
    let mut stream = socket.connect(address).await.ok()?;
    let length =
        if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {SIZE}") };
    let head = format!(
        "POST /webhooks/infra HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    let piece = vec![b'['; PIECE];
    for _ in 0..SIZE / PIECE {
        let sent = async {
            if chunked {
                stream.write_all(format!("{PIECE:x}\r\n").as_bytes()).await?;
            }
            stream.write_all(&piece).await?;
            if chunked { stream.write_all(b"\r\n").await } else { Ok(()) }
        };
        if sent.await.is_err() {
            break;
        }
    }
    let mut answer = [0; 64];
    let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut answer)).await.ok()?.ok()?;
    String::from_utf8_lossy(&answer[..read]).split(' ').nth(1)?.parse().ok()
}

#[test]
fn row_11_a_thousand_large_posts_at_once_cost_little_and_disturb_nothing() {
    let hooked = Hooked::start(PLAYBOOK, "in_sync");
    let world = &hooked.world;
    let (pid, address) = (world.pid(), hooked.address.parse().expect("an address"));
    let before = resident_kib(pid);
    let (most, done) = (Arc::new(AtomicU64::new(before)), Arc::new(AtomicBool::new(false)));
    let watching = {
        let (most, done) = (Arc::clone(&most), Arc::clone(&done));
        std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(resident_kib(pid), Ordering::Relaxed);
                std::thread::park_timeout(Duration::from_millis(5));
            }
        })
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    for round in 1..=rounds() {
        world.repository.write("README", &format!("{round}\n"));
        let commit = world.repository.commit("While it rains");
        assert_eq!(hooked.pushed(&format!("before {round}").replace(' ', "-"), &commit).0, 202);
        eventually("the run has begun", SOON, || {
            let runs = world.runs();
            let run = runs.first().filter(|it| it["revision"].to_string().contains(&commit))?;
            (run["started_at"].is_string() && run["ended_at"].is_null()).then_some(())
        });
        let begun = Instant::now();
        let answers = runtime.block_on(async {
            let mut posts = JoinSet::new();
            for number in 0..1000 {
                posts.spawn(flood(address, number % 2 == 0));
            }
            posts.join_all().await
        });
        let took = begun.elapsed();
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for answer in &answers {
            *told.entry(answer.map_or("cut off".to_owned(), |it| it.to_string())).or_default() += 1;
        }
        let more = most.load(Ordering::Relaxed) - before;
        println!("round {round}: {told:?} in {took:?}; {before} KiB before, at most {more} KiB more");
        assert!(answers.iter().flatten().all(|it| [413, 503].contains(it)), "{told:?}");
        let run = world.run_of(&commit, "in_sync");
        println!("the run went on from {} to {}", run["started_at"], run["ended_at"]);
        assert_eq!(run["hosts"], json!({"total": 2, "changed": 0, "failed": 0, "unreachable": 0}), "{run:#}");
        let view = world.json(&["show", &run["run"].to_string()]);
        assert_eq!(view["events_lost"].as_u64().unwrap_or_default(), 0, "{view:#}");
        assert!(more < MORE_KIB, "{more} KiB");
    }
    done.store(true, Ordering::Relaxed);
    watching.join().expect("it watched");
    // And it still takes in what is meant for it.
    let body = push_of(&"ab".repeat(20));
    let answer = hooked.post("infra", &github("push", "after", &sign(super::SECRET, &body)), &body);
    assert_eq!(answer.0, 202);
    assert!(hooked.counted("github", "unread", "infra") > Some(500.0));
    eventually("it is ready", SOON, || (world.http("/readyz") == "ok\n").then_some(()));
}
