//! Webhooks, from the delivery of a forge to the run: the real daemon, a repository that it cannot watch and polls once
//! a day, real Ansible.

mod flood;
mod generic;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use crate::acceptance::{seed, writes};
use crate::https::Https;
use crate::world::{SOON, World, eventually};

const SECRET: &str = "It's a Secret to Everybody";

/// A daemon that learns of a push by webhook or never, and the server of its repository.
struct Hooked {
    world: World,
    _https: Https,
    address: String,
}

/// An answer: status and body.
type Answer = (u16, String);

impl Hooked {
    /// The first commit is applied, and nothing is due for a day.
    fn start(playbook: &str, outcome: &str) -> Self {
        Self::from("github", playbook, outcome)
    }

    /// The same with deliveries of another provider.
    fn from(provider: &str, playbook: &str, outcome: &str) -> Self {
        let mut world = World::new();
        seed(&world.repository, playbook);
        let first = world.repository.commit("Seed");
        let https = Https::serve(&world.path(""));
        std::fs::write(world.path("hook"), SECRET).expect("a secret");
        let lines = format!(
            "sources:\n  infra:\n    url: {}\n    poll: 1d\n    credentials: {{ ca_bundle: {} }}\n    \
             webhook: {{ provider: {provider}, secret: {{ file: {} }} }}",
            https.url("repository/.git"),
            https.certificate().display(),
            world.path("hook").display()
        );
        world.configure(&lines).start();
        world.run_of(&first, outcome);
        let address = address(&world);
        Self { world, _https: https, address }
    }

    fn post(&self, source: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        post(&self.address, &format!("/webhooks/{source}"), headers, body)
    }

    /// What GitHub sends when `main` was pushed.
    fn pushed(&self, id: &str, commit: &str) -> Answer {
        let body = push_of(commit);
        let signature = sign(SECRET, &body);
        self.post("infra", &github("push", id, &signature), &body)
    }

    fn fetches(&self) -> u64 {
        let series = r#"driftless_git_fetches_total{result="success",source="infra"} "#;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of few")]
        self.world.metric(series).map(|it| it as u64).expect("the counter is there")
    }

    fn counted(&self, provider: &str, result: &str, source: &str) -> Option<f64> {
        let labels = format!("{{provider=\"{provider}\",result=\"{result}\",source=\"{source}\"}} ");
        self.world.metric(&format!("driftless_webhook_deliveries_total{labels}"))
    }
}

fn address(world: &World) -> String {
    let status = world.json(&["status"]);
    status["url"].as_str().expect("an address").trim_start_matches("http://").to_owned()
}

fn push_of(commit: &str) -> String {
    let body = json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": commit, "marker": "m4rker-in-a-body",
        "repository": {"full_name": "acme/infra"},
    });
    body.to_string()
}

fn sign(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |text, it| format!("{text}{it:02x}"))
}

fn github<'a>(event: &'a str, id: &'a str, signature: &'a str) -> [(&'static str, &'a str); 3] {
    [("X-GitHub-Event", event), ("X-GitHub-Delivery", id), ("X-Hub-Signature-256", signature)]
}

/// A POST of JSON on a connection of its own.
#[track_caller]
fn post(address: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).expect("the listener answers");
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// Whether any file below a directory has these bytes.
fn holds(dir: &Path, wanted: &str) -> bool {
    std::fs::read_dir(dir).expect("a directory").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, wanted);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(wanted.len()).any(|it| it == wanted.as_bytes())
    })
}

#[test]
fn a_push_that_a_forge_tells_is_applied_and_only_what_is_on_the_branch() {
    let hooked = Hooked::start(&writes("one"), "changed");
    let world = &hooked.world;
    world.repository.write("site.yml", &writes("two"));
    let second = world.repository.commit("Second");
    assert_eq!(hooked.pushed("1", &second), (202, "the source is being looked at\n".to_owned()));
    world.run_of(&second, "changed");
    let (runs, fetches) = (world.runs().len(), hooked.fetches());

    // Sent again, it is answered and nothing else.
    assert_eq!(hooked.pushed("1", &second), (200, "this delivery was here before\n".to_owned()));
    // Whoever has not the secret, and whoever asks for what is not there, learn the same: nothing.
    let body = push_of(&second);
    let (good, wrong) = (sign(SECRET, &body), sign("guess", &body));
    let refused = hooked.post("infra", &github("push", "2", &wrong), &body);
    assert_eq!(refused.0, 401);
    for (source, headers) in [
        ("infra", &[][..]),
        ("infra", &github("ping", "2", &wrong)),
        ("infra", &[("X-GitHub-Event", "push"), ("X-Hub-Signature", "sha1=00")]),
        ("nothing", &github("push", "2", &good)),
        ("nothing", &github("push", "2", &wrong)),
        ("-", &github("push", "2", &good)),
        ("%ff%00", &github("push", "2", &good)),
    ] {
        assert_eq!(hooked.post(source, headers, &body), refused, "{source} {headers:?}");
    }
    // What concerns nothing here is kept and ignored, a ping first of all.
    let ping = json!({"zen": "Design for failure.", "hook_id": 1}).to_string();
    let answer = hooked.post("infra", &github("ping", "3", &sign(SECRET, &ping)), &ping);
    assert_eq!(answer, (200, "nothing is to be done for this event\n".to_owned()));
    let (list, signature) = ("[]", sign(SECRET, "[]"));
    assert_eq!(hooked.post("infra", &github("push", "4", &signature), list).0, 400);
    assert_eq!(hooked.fetches(), fetches, "none of it is a reason to fetch");

    // A payload names a commit that is not on the branch: it is only a reason to look.
    world.repository.git(&["checkout", "-q", "-b", "elsewhere"]);
    world.repository.write("site.yml", &writes("evil"));
    let elsewhere = world.repository.commit("Not for the branch");
    world.repository.git(&["checkout", "-q", "main"]);
    assert_eq!(hooked.pushed("5", &elsewhere).0, 202);
    assert_eq!(hooked.pushed("6", &"ab".repeat(20)).0, 202);
    eventually("the branch is looked at", SOON, || (fetches < hooked.fetches()).then_some(()));
    world.repository.write("README", "more\n");
    let third = world.repository.commit("Third");
    assert_eq!(hooked.pushed("7", &"0".repeat(40)).0, 202);
    world.run_of(&third, "in_sync");
    let revisions: Vec<String> = world.runs().iter().map(|it| it["revision"].to_string()).collect();
    assert!(runs < revisions.len() && !revisions.iter().any(|it| it.contains(&elsewhere)), "{revisions:?}");

    assert_eq!(hooked.counted("github", "accepted", "infra"), Some(4.0));
    assert_eq!(hooked.counted("github", "replayed", "infra"), Some(1.0));
    assert_eq!(hooked.counted("github", "ignored", "infra"), Some(1.0));
    assert_eq!(hooked.counted("github", "malformed", "infra"), Some(1.0));
    assert_eq!(hooked.counted("github", "refused", "infra"), Some(4.0));
    assert_eq!(hooked.counted("", "refused", ""), Some(4.0));
    let metrics = world.http("/metrics");
    assert!(!metrics.contains("nothing\"") && !metrics.contains("acme/infra"), "{metrics}");
    for kept_by_nobody in ["m4rker-in-a-body", good.trim_start_matches("sha256="), SECRET] {
        assert!(!holds(&world.path("state"), kept_by_nobody), "{kept_by_nobody} is in the state directory");
        assert!(!world.log().contains(kept_by_nobody), "{kept_by_nobody} is in the log");
    }
    assert!(holds(&world.path("state"), "acme/infra"), "what is kept is kept as it is");
}

#[test]
fn a_delivery_that_was_answered_is_known_after_a_crash_and_a_changed_secret_after_a_reload() {
    let mut hooked = Hooked::start(&writes("one"), "changed");
    let commit = hooked.world.repository.head();
    assert_eq!(hooked.pushed("1", &commit).0, 202);
    hooked.world.kill();
    hooked.world.start();
    hooked.address = address(&hooked.world);
    assert_eq!(hooked.pushed("1", &commit).0, 200);

    std::fs::write(hooked.world.path("hook"), "another secret").expect("a secret");
    assert_eq!(hooked.pushed("2", &commit).0, 202, "it counts after a reload");
    hooked.world.signal("HUP");
    let body = push_of(&commit);
    let signature = sign("another secret", &body);
    let mut id = 2;
    eventually("the new secret counts", SOON, || {
        id += 1;
        let answer = hooked.post("infra", &github("push", &id.to_string(), &signature), &body);
        (answer.0 == 202).then_some(())
    });
    assert_eq!(hooked.pushed("old", &commit).0, 401);

    // A reload without a secret is refused, and the old one stays.
    std::fs::write(hooked.world.path("hook"), "").expect("an empty file");
    hooked.world.signal("HUP");
    let refused = || hooked.world.text(&["status"]).contains("is empty").then_some(());
    eventually("the status says so", SOON, refused);
    assert_eq!(hooked.post("infra", &github("push", "last", &signature), &body).0, 202);
}

#[test]
fn a_receiver_without_a_secret_does_not_start() {
    let mut world = World::new();
    seed(&world.repository, &writes("one"));
    world.repository.commit("Seed");
    let (url, hook) = (world.path("repository"), world.path("hook"));
    let source =
        format!("sources:\n  infra:\n    url: {}\n    webhook: {{ provider: gitlab, secret: ", url.display());
    let program = env!("CARGO_BIN_EXE_driftless");
    for (secret, said) in [
        ("\"\"".to_owned(), "stands in the file itself"),
        (format!("{{ file: {} }}", hook.display()), "is empty"),
        ("{ file: /nowhere/hook }".to_owned(), "cannot be read"),
    ] {
        std::fs::write(&hook, "\n").expect("an empty secret");
        world.configure(&format!("{source}{secret} }}")).write_config();
        let text = std::fs::read_to_string(world.config_file()).expect("the configuration");
        let line = 1 + text.lines().position(|it| it.contains("webhook:")).expect("a line");
        for command in ["check-config", "serve"] {
            let config = world.config_file().display().to_string();
            let done = std::process::Command::new(program).args(["--config", &config, command]).output();
            let done = done.expect("it starts");
            let error = String::from_utf8_lossy(&done.stderr);
            let place = format!("config.yml:{line}:");
            assert!(!done.status.success() && error.contains(said) && error.contains(&place), "{error}");
        }
    }
    // A credential that nobody handed over can be written, and does not come up.
    world.configure(&format!("{source}{{ credential: hook }} }}")).write_config();
    let config = world.config_file().display().to_string();
    let run = |command: &str| {
        let mut program = std::process::Command::new(program);
        program.args(["--config", &config, command]).env_remove("CREDENTIALS_DIRECTORY");
        program.output().expect("it starts")
    };
    assert!(run("check-config").status.success());
    let done = run("serve");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && error.contains("the webhook of source infra has no secret"), "{error}");
}
