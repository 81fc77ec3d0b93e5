//! Previews of code that means harm, in real sandboxes with real Ansible. Each way in which Ansible executes what a
//! repository holds is tried outside first: a corpus that does no harm there would show nothing here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use driftless::sandbox::{
    Availability, LivePlace, RunAs, Sandbox, SandboxLimits, SandboxReport, SandboxRequest, SandboxRuntime,
    Syntax, allowed_config, wrap_live,
};

use crate::world::ansible_environments;

mod absent;
mod guarded;
mod limits;
pub(crate) mod outside;
pub(crate) mod vectors;

use outside::{Outside, SECRET};
use vectors::{INVENTORY, Stage, put};

const BWRAP: &str = "/usr/bin/bwrap";

fn sandbox() -> Sandbox {
    Sandbox { program: env!("CARGO_BIN_EXE_driftless").into(), bwrap: BWRAP.into(), run_as: None }
}

fn request(tree: &Path, ansible: &Path) -> SandboxRequest {
    SandboxRequest {
        checkout: tree.to_owned(),
        runtime: SandboxRuntime {
            python: ansible.join("bin/python"),
            version: "of the test".to_owned(),
            collections_path: None,
            roles_path: None,
        },
        playbook: "site.yml".to_owned(),
        inventory: INVENTORY.to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: None,
        limits: SandboxLimits::default(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn preview(request: &SandboxRequest) -> SandboxReport {
    block_on(sandbox().preview(request)).expect("a sandbox")
}

/// The oldest and the newest version, and 2.19, which changed the most.
fn versions() -> Vec<PathBuf> {
    let mut all = ansible_environments();
    all.sort();
    let middle = all.iter().position(|it| it.ends_with("2.19")).unwrap_or(all.len() / 2);
    let mut chosen = vec![all[0].clone(), all[middle].clone(), all[all.len() - 1].clone()];
    chosen.dedup();
    chosen
}

/// The two newer ones of them.
fn newer() -> Vec<PathBuf> {
    let all = versions();
    all[all.len().saturating_sub(2)..].to_vec()
}

/// Runs Ansible as if the repository were trusted.
fn unprotected(tree: &Path, ansible: &Path, home: &Path, how: &str) -> Output {
    let mut command = Command::new(ansible.join("bin/python"));
    command.args(ansible_args(tree, how)).env_clear().envs(environment(ansible, home)).current_dir(tree);
    command.output().expect("Ansible starts")
}

fn ansible_args(tree: &Path, how: &str) -> Vec<String> {
    let inventory = tree.join(INVENTORY).display().to_string();
    let playbook = tree.join("site.yml").display().to_string();
    ["-I", "-B", "-m", "ansible.cli.playbook", how, "-i", &inventory, &playbook].map(str::to_owned).into()
}

fn environment(ansible: &Path, home: &Path) -> BTreeMap<String, String> {
    let path = format!("{}:/usr/bin:/bin", ansible.join("bin").display());
    [("PATH", path), ("HOME", home.display().to_string()), ("LC_ALL", "C.UTF-8".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn sandboxes_can_be_made_here_and_their_absence_is_explained() {
    assert_eq!(block_on(sandbox().probe()), Availability::Available);
    let missing = |bwrap: &str| {
        let Availability::Missing { why, remedy } =
            block_on(Sandbox { bwrap: bwrap.into(), ..sandbox() }.probe())
        else {
            panic!("{bwrap} makes sandboxes")
        };
        (why, remedy)
    };
    let (why, remedy) = missing("/nonexistent/bwrap");
    assert!(why.contains("No such file") && remedy == "install bubblewrap", "{why}");
    let (why, _) = missing("/bin/false");
    assert!(why.contains("does not work"), "{why}");
    if rustix::process::geteuid().is_root() {
        // As the service does: another user, without any right.
        let other = Sandbox { run_as: Some(RunAs { uid: 65534, gid: 65534 }), ..sandbox() };
        assert_eq!(block_on(other.probe()), Availability::Available);
    }
}

#[test]
fn a_preview_lists_plays_hosts_and_tasks() {
    for ansible in versions() {
        let outside = Outside::new();
        let tree = outside.path("tree");
        put(&tree, INVENTORY, "[web]\nh1\nh2\n");
        put(&tree, "ansible.cfg", "[defaults]\nroles_path = shared\nlog_path = /tmp/x.log\n");
        put(&tree, "shared/base/tasks/main.yml", "- name: Say {{ word | default('it') }}\n  debug:\n");
        put(
            &tree,
            "site.yml",
            "- name: Web servers\n  hosts: web\n  roles: [base]\n  tasks:\n    - ping:\n      tags: [x]\n",
        );
        let report = preview(&request(&tree, &ansible));
        assert_eq!((&report.syntax, report.output_cut), (&Syntax::Ok, false), "{report:?}");
        let play = &report.plays[0];
        let mut hosts = play.hosts.clone();
        hosts.sort();
        assert_eq!(
            (play.name.as_str(), play.pattern.as_str(), hosts.join(" ").as_str()),
            ("Web servers", "web", "h1 h2")
        );
        let tasks: Vec<_> = play.tasks.iter().map(|it| (it.role.as_deref(), it.name.as_str())).collect();
        assert_eq!(tasks, [(Some("base"), "Say {{ word | default('it') }}"), (None, "ping")]);
        assert_eq!(play.tasks[1].tags, ["x"]);
        assert_eq!(report.ignored_settings.len(), 1, "{report:?}");

        let limited = SandboxRequest {
            limit: Some("h2".to_owned()),
            tags: vec!["x".to_owned()],
            ..request(&tree, &ansible)
        };
        let report = preview(&limited);
        assert_eq!((report.plays[0].hosts.len(), report.plays[0].tasks.len()), (1, 1), "{report:?}");

        put(&tree, "site.yml", "- hosts: web\n  tasks:\n    - community.general.foo: {}\n");
        let report = preview(&request(&tree, &ansible));
        assert!(
            matches!(&report.syntax, Syntax::Missing { what, .. } if what == "community.general.foo"),
            "{report:?}"
        );
        put(&tree, "site.yml", "- hosts: web\n  tasks: [\n");
        let report = preview(&request(&tree, &ansible));
        assert!(matches!(&report.syntax, Syntax::Error { text } if text.contains("site.yml")), "{report:?}");
        put(&tree, "secret.yml", &format!("$ANSIBLE_VAULT;1.1;AES256\n{}\n", "61".repeat(40)));
        put(&tree, "site.yml", "- hosts: web\n  vars_files: [secret.yml]\n  tasks: []\n");
        let report = preview(&request(&tree, &ansible));
        assert!(matches!(&report.syntax, Syntax::NeedsVault { .. }), "{report:?}");
    }
}

/// A plugin that says what it sees in the way of an error.
const TELL: &str = "\
import os, subprocess
look = os.path.join(os.path.dirname(os.path.dirname(__file__)), 'look.py')
done = subprocess.run(['python3', look, '/tmp/seen', 'SECRETS'], stderr=subprocess.STDOUT, stdout=subprocess.PIPE)
os.write(2, b'SEEN' + open('/tmp/seen', 'rb').read() + b'NEES' if done.returncode == 0 else done.stdout)
os._exit(3)
";

#[test]
fn code_in_a_sandbox_sees_nothing_and_can_do_nothing() {
    let outside = Outside::new();
    let tree = outside.path("tree");
    let ansible = versions().pop().expect("an environment");
    put(&tree, "look.py", include_str!("../fixtures/previews/look.py"));
    let mut secrets = outside.secrets();
    secrets
        .extend(["/etc/shadow", "/etc/machine-id", "/var/log", "/etc/ssh", "/proc/kcore"].map(str::to_owned));
    put(&tree, "vars_plugins/tell.py", &TELL.replace("SECRETS", &secrets.join(":")));
    put(&tree, "site.yml", "- hosts: localhost\n  tasks: []\n");
    put(&tree, INVENTORY, "localhost\n");
    let report = preview(&request(&tree, &ansible));
    let Syntax::Error { text } = &report.syntax else { panic!("{report:?}") };
    let seen =
        text.split_once("SEEN").and_then(|it| it.1.split_once("NEES")).unwrap_or_else(|| panic!("{text}")).0;
    let seen: serde_json::Value =
        serde_json::from_str(seen).unwrap_or_else(|error| panic!("{error}: {seen}"));
    assert_eq!(seen["user"], serde_json::json!([65534, 65534, []]), "{seen:#}");
    assert_eq!(
        seen["status"],
        serde_json::json!({"CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"})
    );
    let writable =
        seen["writable"].as_array().expect("places").iter().map(|it| it.as_str().expect("a place"));
    let others: Vec<&str> = writable.filter(|it| !it.starts_with("/tmp") && *it != "/dev/shm").collect();
    assert_eq!(others, Vec::<&str>::new());
    assert_eq!(seen["secrets"], serde_json::json!([]));
    assert_eq!((&seen["interfaces"], &seen["routes"]), (&serde_json::json!(["lo"]), &serde_json::json!([])));
    assert_eq!(seen["first"], "", "the environment of the first process");
    for call in seen["calls"].as_object().expect("calls") {
        assert_eq!(call.1, "ENOSYS", "{}", call.0);
    }
    for closed in ["kernel", "trigger"] {
        assert!(
            ["EROFS", "EACCES", "ENOENT"].contains(&seen[closed].as_str().expect("text")),
            "{closed}: {seen:#}"
        );
    }
    assert!(["ENOSPC", "EFBIG"].contains(&seen["full"].as_str().expect("text")), "{seen:#}");
    for absent in ["/home", "/run", "/sys", "/var"] {
        assert_eq!(seen["lists"][absent], serde_json::Value::Null, "{absent}");
    }
    assert!(seen["processes"].as_u64() <= Some(5), "{seen:#}");
    assert_eq!(seen["descriptors"], 3, "{seen:#}");
    assert!(!text.contains("CARGO"), "the environment of the daemon");
}

/// Runs the tests of a corpus on two processors.
fn for_each_vector(of: &(dyn Fn(&vectors::Vector) + Sync)) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        while let Some(vector) = vectors::ALL.get(next.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
            of(vector);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
}

#[test]
fn every_vector_does_harm_without_a_sandbox() {
    for ansible in newer() {
        for_each_vector(&|vector| {
            let outside = Outside::new();
            let (tree, home) = (outside.path("tree"), outside.path("home"));
            vector.write(&tree, &outside.plan(true, &[&home]));
            let how = if vector.stage == Stage::Listing { "--list-tasks" } else { "--check" };
            let said = text(&unprotected(&tree, &ansible, &home, how));
            let marks = outside.marks(&[&tree, &home]);
            if vector.stage == Stage::Apply {
                assert_eq!((marks.len(), outside.heard()), (0, String::new()), "{}: {said}", vector.name);
                return;
            }
            assert!(3 <= marks.len(), "{} on {}: {marks:?} {said}", vector.name, ansible.display());
            outside.hears(vector.name);
        });
    }
}

/// What the list of allowed settings keeps from being executed at all.
pub(crate) const REFUSED: [&str; 3] = ["vault_script", "config_callback", "config_strategy"];

#[test]
fn no_vector_leaves_a_sandboxed_preview() {
    for ansible in versions() {
        for_each_vector(&|vector| {
            let outside = Outside::new();
            let tree = outside.path("tree");
            vector.write(&tree, &outside.plan(false, &[]));
            let report = preview(&request(&tree, &ansible));
            let said = format!("{} on {}: {report:?}", vector.name, ansible.display());
            assert_eq!(outside.marks(&[&tree]), Vec::<PathBuf>::new(), "{said}");
            assert_eq!(outside.heard(), "", "{said}");
            for secret in [SECRET, "root:", "CARGO_"] {
                assert!(!said.contains(secret), "{said}");
            }
            let refused = REFUSED.contains(&vector.name);
            assert_eq!(report.ignored_settings.is_empty(), !refused, "{said}");
        });
    }
}

/// The command of a live preview, as a guardian would start it.
fn live(outside: &Outside, tree: &Path, ansible: &Path, how: &str) -> Output {
    let own = outside.path("own");
    for directory in ["tmp", "ansible"] {
        std::fs::create_dir_all(own.join(directory)).expect("a directory");
    }
    let given = std::fs::read_to_string(tree.join("ansible.cfg")).unwrap_or_default();
    put(&own, "ansible.cfg", &allowed_config(&given, tree).text);
    let home = outside.path("home");
    let place = LivePlace {
        checkout: tree.to_owned(),
        python: ansible.join("bin/python"),
        own: own.clone(),
        home: home.clone(),
        empty: Vec::new(),
        readable: vec![outside.path("keys").join("id_ed25519")],
        temporary_bytes: 64 * 1024 * 1024,
    };
    let (program, args) =
        wrap_live(&sandbox(), &place, &ansible.join("bin/python"), &ansible_args(tree, how))
            .expect("a command");
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(environment(ansible, &home)).current_dir(tree);
    command.env("ANSIBLE_CONFIG", own.join("ansible.cfg")).env("ANSIBLE_HOME", own.join("ansible"));
    command.env("ANSIBLE_LOCAL_TEMP", own.join("tmp")).output().expect("the sandbox starts")
}

#[test]
fn no_vector_leaves_a_mark_outside_of_a_live_preview() {
    for ansible in newer() {
        for_each_vector(&|vector| {
            let outside = Outside::new();
            let (tree, own) = (outside.path("tree"), outside.path("own"));
            vector.write(&tree, &outside.plan(false, &[&own]));
            let done = live(&outside, &tree, &ansible, "--check");
            let said = format!("{} on {}: {}", vector.name, ansible.display(), text(&done));
            // In the directory of its run it may: that it did shows that it was executed.
            let refused = REFUSED.contains(&vector.name);
            let executed = !refused && vector.stage != Stage::Apply;
            let marks = std::fs::read_dir(&own).expect("a directory").flatten();
            let marks = marks.filter(|it| it.file_name().to_string_lossy().ends_with(vector.name)).count();
            assert_eq!(marks, usize::from(executed), "{said}");
            assert_eq!(outside.marks(&[&tree, &outside.path("home")]), Vec::<PathBuf>::new(), "{said}");
            assert!(!said.contains("root:*") && !said.contains("root:!"), "{said}");
            // The key that the operator gives to the run can be read, and no other secret.
            for (number, secret) in outside.secrets().iter().enumerate() {
                let read = said.contains(secret) && said.contains(SECRET);
                assert!(number == 1 || !read || !executed, "{said}");
            }
        });
    }
}
