//! Secrets that are watched for: no canary is found anywhere, and without the redactor all of them are.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use driftless::ansible::command::Credential;
use driftless::domain::{Mode, Secret};

use crate::room::Room;
use crate::world::{SOON, World, eventually, three_versions};

mod leaks;
pub(crate) mod traces;

use leaks::canary;
use traces::Traces;

/// The vault's password, and a directory that stands for the host.
struct Beside {
    dir: tempfile::TempDir,
}

impl Beside {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("beside-").tempdir().expect("a directory");
        fs::create_dir(dir.path().join("room")).expect("a directory");
        let it = Self { dir };
        for (name, text) in [
            ("vault", "vault-password-1"),
            ("environment", &canary("environment")),
            ("become", &canary("become")),
        ] {
            fs::write(it.path(name), format!("{text}\n")).expect("written");
            fs::set_permissions(it.path(name), fs::Permissions::from_mode(0o600)).expect("its mode");
        }
        it
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// A daemon that lends secrets, and a repository that leaks them and its own.
fn world(environment: &Path, beside: &Beside) -> World {
    let mut world = World::with_ansible(environment);
    let file = |name: &str| format!("{{ file: {} }}", beside.path(name).display());
    world.configure(&format!(
        "raw_log: true\nsources:\n  infra:\n    url: {}\n    access:\n      vault: {{ default: {} }}\n      \
         become_password: {}\n      environment: {{ CANARY_ENVIRONMENT: {} }}",
        world.repository.path.display(),
        file("vault"),
        file("become"),
        file("environment"),
    ));
    leaks::write(&world.repository.path, environment, beside.dir.path());
    world.repository.write(
        "driftless.yml",
        &format!(
            "version: 1\nstacks:\n  leaky:\n    playbook: site.yml\n    inventory: hosts.yml\n    extra_vars:\n      \
             canary_extra_password: \"{}\"\n",
            canary("extra_password")
        ),
    );
    world
}

/// All that the command line and the metrics say.
fn what_is_shown(world: &World, traces: &mut Traces) {
    for run in world.runs() {
        let run = run["run"].to_string();
        for args in [["show", &run], ["logs", &run]] {
            traces.look(&args.join(" "), world.text(&args).as_bytes());
            let json = world.cli(&[&["--output", "json"], args.as_slice()].concat());
            traces.look(&args.join(" "), &json.stdout);
        }
    }
    let commands: [&[&str]; 7] = [
        &["status"],
        &["stacks"],
        &["runs"],
        &["hosts", "leaky"],
        &["drift", "--diff"],
        &["explain", "leaky"],
        &["plan", "leaky"],
    ];
    for args in commands {
        traces.look(&args.join(" "), world.text(args).as_bytes());
    }
    traces.look("drift", world.json(&["drift"]).to_string().as_bytes());
    traces.look("/metrics", world.http("/metrics").as_bytes());
}

#[test]
fn no_secret_leaves_with_the_oldest() {
    no_secret_leaves(&three_versions()[0], &[4]);
}

#[test]
fn no_secret_leaves_with_one_between() {
    no_secret_leaves(three_versions().iter().rev().nth(1).expect("several versions"), &[2]);
}

#[test]
fn no_secret_leaves_with_the_newest() {
    no_secret_leaves(three_versions().last().expect("a version"), &[0, 1, 3]);
}

/// `verbosity`: how much Ansible is to say; all there is, where everything is tested.
fn no_secret_leaves(environment: &Path, verbosity: &[u32]) {
    let verbosity = if tests_everything() { &[0, 1, 2, 3, 4] } else { verbosity };
    let beside = Beside::new();
    let mut world = world(environment, &beside);
    let mut traces = Traces::new(leaks::all());
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let watch = scope.spawn(|| traces::watch_processes(&done));
        let ends = Ends(&done);
        for (run, verbosity) in verbosity.iter().enumerate() {
            world.repository.write(
                "ansible.cfg",
                &format!("[defaults]\nverbosity = {verbosity}\n[connection]\npipelining = True\n"),
            );
            let commit = world.repository.commit("Say more");
            if run == 0 {
                world.start();
            }
            eventually("it is applied", SOON * 3, || ended(&world, "apply", &commit));
            eventually("the apply is verified", SOON * 3, || ended(&world, "check", &commit));
        }
        drop(ends);
        watch.join().expect("it does not panic")
    });
    assert!(!seen.is_empty(), "processes were seen");
    for words in &seen {
        traces.look("a process", words.as_bytes());
    }
    what_is_shown(&world, &mut traces);
    // A variable that the repository declares in the clear is in the cache, which is a copy of the repository.
    let mut raw = traces.look_below(&world.path("state"));
    let mut others = Traces::new(leaks::all().into_iter().filter(|it| it.0 != "extra_password").collect());
    raw += others.look_below(&world.path("cache"));
    others.assert_none(&environment.display().to_string());
    traces.look("the daemon's log", world.log().as_bytes());
    assert!(20 < raw, "{raw} files were looked at");
    traces.assert_none(&environment.display().to_string());
    // What was said is there, without the secrets.
    let mut marks = Traces::new(vec![("mark", "[redacted]".to_owned())]);
    marks.look_below(&world.path("state"));
    assert!(marks.found(), "nothing was redacted");
}

/// The same, with everything as it was said: then the tasks do leak, each secret, through events and raw output.
#[test]
fn without_the_redactor_all_secrets_are_found() {
    for environment in three_versions() {
        let beside = Beside::new();
        let mut room = Room::new(&[]);
        leaks::write(&room.path("checkout"), &environment, beside.dir.path());
        room.spec.inventory = "hosts.yml".to_owned();
        room.spec.mode = Mode::Apply;
        room.spec.extra_vars.insert("canary_extra_password".to_owned(), canary("extra_password").into());
        room.access.vault_ids = vec![("default".to_owned(), Credential::File(beside.path("vault")))];
        room.access.become_password = Some(Credential::File(beside.path("become")));
        let name = "CANARY_ENVIRONMENT".parse().expect("a name");
        room.access.environment = [(name, Secret::new(canary("environment")))].into();
        let live = room.start(1, &crate::room::runtime_access(&environment), crate::room::limits());
        let events = std::sync::Arc::clone(&live.events);
        live.end();
        let events = serde_json::to_string(&*events.lock().expect("nobody panicked")).expect("JSON");
        let mut log = String::new();
        fs::File::open(room.path("1.log")).expect("a log").read_to_string(&mut log).expect("text");
        for (origin, secret) in leaks::all().into_iter().filter(|it| it.0 != "no_log") {
            let mut traces = Traces::new(vec![(origin, secret)]);
            traces.look("events", events.as_bytes());
            assert!(traces.found(), "{origin} is not in the events of {}: {events}", environment.display());
            let mut traces = Traces::new(vec![(origin, canary(origin))]);
            traces.look("raw output", log.as_bytes());
            assert!(traces.found(), "{origin} is not in the output of {}: {log}", environment.display());
        }
    }
}

/// Ends the watch, also where the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether a run of a commit has ended well.
fn ended(world: &World, mode: &str, commit: &str) -> Option<()> {
    let runs = world.runs();
    let mut of = runs
        .iter()
        .filter(|it| it["mode"] == mode && it["revision"].as_str().is_some_and(|it| it.ends_with(commit)));
    let run = of.find(|it| it["ending"].is_object())?;
    let outcome = &run["ending"]["outcome"];
    let well = ["changed", "drifted", "in_sync"].iter().any(|it| outcome == it);
    assert!(well, "{run:#}");
    Some(())
}

#[expect(clippy::disallowed_methods, reason = "how much is tested, as scripts/test says")]
pub(crate) fn tests_everything() -> bool {
    std::env::var_os("DRIFTLESS_TEST_FULL").is_some()
}

/// How often the list of processes is looked at.
const EVERY: Duration = Duration::from_millis(100);
