//! Alerts of a real daemon: told once, across crashes and deaf receivers, and told when it is over.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::acceptance::{seed, writes};
use crate::world::{SOON, World, eventually};

const FAILS: &str =
    "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.fail: { msg: broken }\n";

/// The secret part of the webhook's address. It must not be seen anywhere.
const CANARY: &str = "canary-5d1c9ab37f604e28";

/// Somebody who is told things, unless they are deaf.
struct Chat {
    address: String,
    deaf: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Chat {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let chat = Self { address, deaf: Arc::default(), heard: Arc::default() };
        let (deaf, heard) = (Arc::clone(&chat.deaf), Arc::clone(&chat.heard));
        drop(std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                drop(answer(stream, &deaf, &heard));
            }
        }));
        chat
    }

    /// The texts of all messages so far.
    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }

    /// How many messages say this.
    fn count(&self, words: &str) -> usize {
        self.heard().iter().filter(|it| it.contains(words)).count()
    }
}

fn answer(stream: TcpStream, deaf: &AtomicBool, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut line, mut length, mut path) = (String::new(), 0, String::new());
    while stream.read_line(&mut line)? > 2 {
        if path.is_empty() {
            path.clone_from(&line);
        }
        if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = text.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let status = if deaf.load(Ordering::Relaxed) {
        "500 deaf"
    } else {
        assert!(path.contains(CANARY), "{path}");
        let json: serde_json::Value = serde_json::from_slice(&body)?;
        heard.lock().expect("no panic").push(json["text"].as_str().unwrap_or_default().to_owned());
        "200 fine"
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.get_mut().write_all(answer.as_bytes())
}

/// A world whose alerts go to this chat.
fn world(chat: &Chat) -> World {
    let mut world = World::new();
    let secret = world.path("chat");
    std::fs::write(&secret, format!("http://{}/hooks/{CANARY}\n", chat.address)).expect("a secret");
    world.configure(&format!(
        "public_url: https://driftless.example.org\nalerts:\n  settle: 1s\n  group: 1s\n  unreachable_longer_than: 2s\n  \
         receivers:\n    ops: {{ slack: {{ url: {{ file: {} }} }} }}",
        secret.display()
    ));
    world
}

/// A daemon whose first apply failed, which it cannot tell: the receiver does not take messages.
fn failed_unheard(chat: &Chat) -> World {
    let mut world = world(chat);
    seed(&world.repository, FAILS);
    let broken = world.repository.commit("Break it");
    chat.deaf.store(true, Ordering::Relaxed);
    world.start();
    world.run_of(&broken, "failed");
    eventually("it is tried and does not arrive", SOON, || {
        world
            .metric("driftless_notifications_total{receiver=\"ops\",result=\"failed\"} ")
            .filter(|it| *it > 0.0)
    });
    world
}

#[test]
fn a_failed_apply_is_told_once_whatever_happens_and_its_end_too() {
    let chat = Chat::start();
    let mut world = failed_unheard(&chat);
    let shown = world.text(&["alerts"]);
    assert!(
        shown.contains("the apply of") && shown.contains("waiting") && shown.contains("answered 500"),
        "{shown}"
    );
    assert!(world.metric("driftless_alerts_open{kind=\"apply_failed\"} ").is_some_and(|it| it > 0.0));

    world.kill();
    chat.deaf.store(false, Ordering::Relaxed);
    world.start();
    eventually("the next daemon gets it through", SOON, || (chat.count("the apply of") == 1).then_some(()));
    let told = chat.heard().into_iter().find(|it| it.contains("the apply of")).expect("it was told");
    assert!(told.starts_with("[critical] the apply of main@"), "{told}");
    assert!(
        told.contains("to infra/fleet failed") && told.contains("https://driftless.example.org/runs/"),
        "{told}"
    );

    world.kill();
    world.start();
    seed(&world.repository, &writes("one"));
    let mended = world.repository.commit("Mend it");
    world.run_of(&mended, "changed");
    eventually("its end is told", SOON, || (chat.count("[resolved] infra/fleet") == 1).then_some(()));
    assert_eq!(chat.count("[critical] the apply of"), 1, "{:?}", chat.heard());

    let said = world.text(&["alerts", "test", "ops"]);
    assert!(said.contains("the receiver ops has the message"), "{said}");
    assert_eq!(chat.count("[test] driftless can reach you"), 1, "{:?}", chat.heard());
    let nobody = world.cli(&["alerts", "test", "nobody"]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("there is `ops`"));
    assert!(world.text(&["audit", "show"]).contains("alert tested"));

    // Not in what is shown, nor in what is kept.
    let list = world.json(&["alerts"]).to_string();
    assert!(list.contains("apply_failed") && !list.contains(CANARY), "{list}");
    assert!(world.stop().success());
    assert!(!world.log().contains(CANARY));
    for file in ["driftless.db", "driftless.db-wal"] {
        let bytes = std::fs::read(world.path("state/store").join(file)).unwrap_or_default();
        assert!(!bytes.windows(CANARY.len()).any(|it| it == CANARY.as_bytes()), "{file}");
    }
}

#[test]
fn the_beginning_is_told_before_the_end_however_long_nobody_listened() {
    let chat = Chat::start();
    let mut world = failed_unheard(&chat);
    seed(&world.repository, &writes("one"));
    let mended = world.repository.commit("Mend it");
    world.run_of(&mended, "changed");
    eventually("its end waits, too", SOON, || {
        world.metric("driftless_notifications_pending{receiver=\"ops\"} ").filter(|it| *it > 1.0)
    });
    chat.deaf.store(false, Ordering::Relaxed);
    eventually("both arrive", SOON, || (chat.count("[resolved] infra/fleet") == 1).then_some(()));
    let heard = chat.heard();
    let place = |words: &str| heard.iter().position(|it| it.contains(words)).expect(words);
    assert!(place("[critical] the apply of") < place("[resolved] infra/fleet"), "{heard:?}");
    let end = &heard[place("[resolved] infra/fleet")];
    assert!(end.contains(&format!("{} succeeded", &mended[..10])), "{end}");
    assert!(world.stop().success());
}

#[test]
fn a_remote_that_is_gone_is_told_once_and_its_return_once() {
    let chat = Chat::start();
    let mut world = world(&chat);
    seed(&world.repository, &writes("one"));
    let commit = world.repository.commit("One");
    world.start();
    world.run_of(&commit, "changed");
    let (here, gone) = (world.repository.path.clone(), world.path("gone"));
    std::fs::rename(&here, &gone).expect("it is gone");
    eventually("it is told", SOON, || (chat.count("infra cannot be fetched") == 1).then_some(()));
    // Killed before it knows that a message arrived, a daemon sends it once more.
    eventually("that is recorded", SOON, || {
        let told = world.json(&["alerts"])["notifications"].as_array().cloned().unwrap_or_default();
        (!told.is_empty() && told.iter().all(|it| it["state"] == "sent")).then_some(())
    });
    world.kill();
    world.start();
    eventually("the next daemon cannot fetch it either", SOON, || {
        let status = world.json(&["status"]);
        status["sources"][0]["fetch_failures"].as_u64().filter(|it| *it > 0)
    });
    std::fs::rename(&gone, &here).expect("it is back");
    eventually("its return is told", SOON, || (chat.count("infra can be fetched again") == 1).then_some(()));
    assert_eq!(chat.count("infra cannot be fetched:"), 2, "once by itself, once in the words of its end");
    assert_eq!(chat.count("[warning] infra cannot be fetched"), 1, "{:?}", chat.heard());
}
