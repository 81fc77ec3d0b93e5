//! Merge requests that mean harm, through the whole daemon: each way in which Ansible executes what a repository holds,
//! proposed by a stranger, who gets a static and a sandboxed preview, and by somebody whom the operator trusts with a
//! live one. The hosts are the control node itself, so that nothing that happens can be a host's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use driftless::domain::ForgeKind;
use serde_json::Value;

use crate::canary::tests_everything;
use crate::canary::traces::Traces;
use crate::forge::{BOT, Forge};
use crate::sandboxed::REFUSED;
use crate::sandboxed::outside::{Outside, SECRET};
use crate::sandboxed::vectors::{ALL, HERE, INVENTORY, Stage, Vector};
use crate::world::{SOON, World, ansible_environments, eventually, newest_ansible, output, some_ansible};

const DECLARATION: &str = "version: 1\nstacks:\n  web:\n    playbook: site.yml\n    inventory: hosts.ini\n";
const PLAYBOOK: &str =
    "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - debug: { msg: as it was }\n";

/// Nobody trusts the one, the operator trusts the other.
const STRANGER: &str = "mallory";
const TRUSTED: &str = "alice";

/// Secrets that the operator lends to the runs of the stack: a live preview may read them, nobody may see them.
const LENT: [&str; 3] = ["vault", "become", "environment"];
/// Secrets that no preview has anything to do with.
const KEPT: [&str; 2] = ["state", "daemon"];

fn canary(origin: &str) -> String {
    format!("canary-of-{origin}-Zq98xY7kWv")
}

/// A daemon that follows a forge, with secrets all around, and those who listen to what the two of them send.
struct Siege {
    forge: Forge,
    world: World,
    /// The private key for hosts, as the file has it.
    key: String,
    stranger: Outside,
    trusted: Outside,
    beside: tempfile::TempDir,
}

impl Siege {
    fn begin(ansible: &Path) -> Self {
        let forge = Forge::start(ForgeKind::Forgejo);
        let files = [("driftless.yml", DECLARATION), (INVENTORY, HERE), ("site.yml", PLAYBOOK)];
        let first = forge.push("main", &files);
        let beside = tempfile::Builder::new().prefix("beside-").tempdir().expect("a directory");
        let mut world = World::with_ansible(ansible);
        let at = |name: &str| beside.path().join(name);
        for name in LENT {
            secret(&at(name), &canary(name));
        }
        output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at("key")));
        let file = |name: &str| format!("{{ file: {} }}", at(name).display());
        let more = format!(
            "poll: 1s\naccess:\n  ssh_key: {}\n  vault: {{ default: {} }}\n  become_password: {}\n  environment: {{ \
             CANARY: {} }}\nmerge_requests: {{ previews: live, live_for: [{TRUSTED}] }}\n",
            file("key"),
            file("vault"),
            file("become"),
            file("environment")
        );
        // The daemon has a secret in its own environment, too.
        let (program, ours) = (at("daemon"), env!("CARGO_BIN_EXE_driftless"));
        let script = format!("#!/bin/sh\nCANARY_OF_DAEMON={} exec {ours} \"$@\"\n", canary("daemon"));
        fs::write(&program, script).expect("a program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
        world.with_program(program).configure(&format!("raw_log: true\n{}", forge.sources(&more))).start();
        secret(&world.path("state/canary"), &canary("state"));
        let key = fs::read_to_string(at("key")).expect("a key");
        let it = Self { forge, world, key, stranger: Outside::new(), trusted: Outside::new(), beside };
        eventually("the first commit is applied", SOON, || {
            let runs = it.world.runs();
            runs.iter().find(|run| {
                run["revision"].as_str().is_some_and(|of| of.ends_with(first.as_str()))
                    && run["ending"]["outcome"] == "in_sync"
            })?;
            Some(())
        });
        it
    }

    fn outside(&self, author: &str) -> &Outside {
        if author == TRUSTED { &self.trusted } else { &self.stranger }
    }

    /// What an attack tries: places of the daemon and of this machine, and the files of all secrets.
    fn plan(&self, author: &str) -> String {
        let places = ["", "state", "cache", "run"].map(|it| self.world.path(it));
        let mut places: Vec<&Path> = places.iter().map(PathBuf::as_path).collect();
        places.push(self.beside.path());
        let plan = self.outside(author).plan(false, &places);
        let mut plan: Value = serde_json::from_str(&plan).expect("JSON");
        let secrets = plan["secrets"].as_array_mut().expect("a list");
        for name in ["key", "vault", "become", "environment", "daemon"] {
            secrets.push(self.beside.path().join(name).display().to_string().into());
        }
        for path in [self.world.path("state/canary"), self.world.config_file()] {
            secrets.push(path.display().to_string().into());
        }
        secrets.push(format!("/proc/{}/environ", self.world.pid()).into());
        secrets.push(self.forge.ca_bundle().with_file_name("token").display().to_string().into());
        plan.to_string()
    }

    /// Proposes these files. The number of the merge request.
    fn propose(&self, author: &str, name: &str, files: &[(&str, String)]) -> u64 {
        let branch = format!("{author}-{name}");
        // Of two with the same path the later one counts.
        let files: BTreeMap<&str, &str> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        self.forge.push(&branch, &files.into_iter().collect::<Vec<_>>());
        self.forge.open(&branch, &format!("Improve {name}"), author)
    }

    /// Waits until the only comment of ours has these words.
    #[track_caller]
    fn comment_with(&self, number: u64, words: &str, within: Duration) -> String {
        let told = || self.forge.comments(number).into_iter().find(|it| it.by == BOT).map(|it| it.body);
        let begun = std::time::Instant::now();
        loop {
            let told = told().unwrap_or_default();
            if told.contains(words) {
                return told;
            }
            assert!(
                begun.elapsed() < within,
                "waited in vain for {words:?} in !{number}: {told}\n{}",
                self.world.text(&["merge-requests"])
            );
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// Marks anywhere below the directories of the daemon and of the secrets, besides where everybody may write.
    fn marks(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            [&self.stranger, &self.trusted].into_iter().flat_map(|it| it.marks(&[])).collect();
        let forge = self.forge.ca_bundle().parent().expect("a directory").to_owned();
        for place in [self.world.path(""), self.beside.path().to_owned(), forge] {
            marks_below(&place, &mut found);
        }
        found
    }

    /// Looks for each secret in all that is kept and shown.
    fn search(&self, ansible: &Path) {
        let mut secrets: Vec<(&'static str, String)> =
            LENT.iter().chain(&KEPT).map(|it| (*it, canary(it))).collect();
        // The last line of a key is the end of its secret part.
        let lines: Vec<&str> = self.key.lines().filter(|it| !it.starts_with('-')).collect();
        secrets.push(("key", lines[lines.len() - 2].to_owned()));
        secrets.push(("token", self.forge.token().to_owned()));
        secrets.push(("outside", SECRET.to_owned()));
        let mut traces = Traces::new(secrets);
        fs::remove_file(self.world.path("state/canary")).expect("it is still there");
        let files =
            traces.look_below(&self.world.path("state")) + traces.look_below(&self.world.path("cache"));
        assert!(20 < files, "{files} files were looked at");
        traces.look("the daemon's log", self.world.log().as_bytes());
        for request in self.world.json(&["merge-requests"])["merge_requests"].as_array().expect("a list") {
            let number = request["facts"]["seen"]["number"].as_u64().expect("a number");
            let place = format!("!{number}");
            for comment in self.forge.comments(number) {
                traces.look(&place, comment.body.as_bytes());
            }
            let head = self.forge.head(number);
            for status in self.forge.statuses(&head) {
                traces.look(&place, status.description.as_bytes());
            }
            traces.look(&place, request.to_string().as_bytes());
            let shown = self.world.text(&["preview", "infra", &number.to_string()]);
            traces.look(&place, shown.as_bytes());
        }
        for run in self.world.runs() {
            let run = run["run"].to_string();
            for args in [["show", &run], ["logs", &run]] {
                traces.look(&args.join(" "), self.world.text(&args).as_bytes());
                let json = self.world.cli(&[&["--output", "json"], args.as_slice()].concat());
                traces.look(&args.join(" "), &json.stdout);
            }
        }
        traces.look("/metrics", self.world.http("/metrics").as_bytes());
        traces.look("audit", self.world.text(&["audit", "show"]).as_bytes());
        traces.assert_none(&ansible.display().to_string());
        // What was lent was read and said by live previews, and kept without itself.
        let mut marks = Traces::new(vec![("mark", "[redacted]".to_owned())]);
        marks.look_below(&self.world.path("state"));
        assert!(marks.found(), "nothing was redacted");
    }
}

fn secret(path: &Path, text: &str) {
    fs::write(path, format!("{text}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("its mode");
}

fn marks_below(place: &Path, found: &mut Vec<PathBuf>) {
    // `driftless-PID-`: what tokens begin with.
    let token = format!("driftless-{}-", std::process::id());
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            marks_below(&path, found);
        } else if entry.file_name().to_string_lossy().starts_with(&token) {
            found.push(path);
        }
    }
}

/// What only changes the Ansible runtime, and would execute the attack when it is installed.
fn runtimes(plan: &str) -> [(&'static str, Vec<(&'static str, String)>); 3] {
    let attack = include_str!("../fixtures/previews/attack.py").to_owned();
    let base = |of: &str| {
        vec![
            ("attack.py", attack.clone()),
            ("attack.json", plan.to_owned()),
            ("site.yml", PLAYBOOK.replace("as it was", of)),
        ]
    };
    let setup = "import runpy\nrunpy.run_path('attack.py', {'VECTOR': 'requirements'})\n".to_owned();
    let declared = DECLARATION
        .replace("stacks:", "ansible:\n  core: \"2.19.14\"\n  requirements: requirements.txt\nstacks:");
    let mut packages = base("packages");
    packages.extend([
        ("driftless.yml", declared),
        ("requirements.txt", "file:.\n".to_owned()),
        ("setup.py", setup.clone()),
    ]);
    let mut alone = base("bare");
    alone.extend([("requirements.txt", "file:.\n".to_owned()), ("setup.py", setup)]);
    let mut collections = base("collections");
    collections.push(("requirements.yml", "collections: [{ name: ., type: dir }]\n".to_owned()));
    [("packages", packages), ("requirements", alone), ("collections", collections)]
}

/// The vectors that are tried, each by both.
fn besieged(ansible: &Path, vectors: &[&Vector]) {
    let siege = Siege::begin(ansible);
    let within = SOON * 10;
    let mut requests = Vec::new();
    for author in [STRANGER, TRUSTED] {
        let plan = siege.plan(author);
        for vector in vectors {
            let mut files = vector.files(&plan);
            if !files.iter().skip(4).any(|it| it.0 == "site.yml") {
                files[2].1 = files[2].1.replace("msg: x", &format!("msg: {}", vector.name));
            }
            requests.push((author, Some(*vector), siege.propose(author, vector.name, &files)));
        }
        for (name, files) in runtimes(&plan) {
            requests.push((author, None, siege.propose(author, name, &files)));
        }
    }
    for (author, vector, number) in &requests {
        let words = match (*author, vector) {
            (_, None) => "what the Ansible runtime is made of",
            (TRUSTED, _) => "Live preview of",
            _ => "Sandboxed preview of",
        };
        siege.comment_with(*number, words, within);
    }
    let context = ansible.display();
    assert_eq!(siege.marks(), Vec::<PathBuf>::new(), "{context}");
    assert_eq!(siege.stranger.heard(), "", "{context}");
    // A live preview has the network: that it was heard shows that there was an attack.
    let heard = siege.trusted.heard();
    let is_live = |it: &Vector| it.stage != Stage::Apply && !REFUSED.contains(&it.name);
    for vector in vectors {
        let said = format!("{} was here", vector.name);
        assert_eq!(heard.contains(&said), is_live(vector), "{} on {context}", vector.name);
    }
    assert!(!heard.contains("requirements was here"), "{heard}");
    siege.search(ansible);
    let live = siege.world.runs().iter().filter(|it| it["trigger"] == "merge_request").count();
    assert_eq!(live, vectors.len(), "a live preview of each of {TRUSTED}'s");
}

#[test]
fn no_merge_request_does_harm_or_learns_a_secret() {
    if !tests_everything() {
        // One of each kind: a plugin, a setting, a program, a lookup, an argument, a module.
        let some =
            ["vars_plugin", "config_strategy", "inventory_program", "hosts", "ssh_common_args", "module"];
        let some: Vec<&Vector> = ALL.iter().filter(|it| some.contains(&it.name)).collect();
        return besieged(&some_ansible(), &some);
    }
    let all = ansible_environments();
    let chosen = all.iter().filter(|it| it.ends_with("2.19") || **it == newest_ansible());
    for ansible in chosen {
        besieged(ansible, &ALL.iter().collect::<Vec<_>>());
    }
}
