//! Runs with the real `ansible-playbook`, on every environment that `scripts/test` made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use driftless::ansible::command::Credential;
use driftless::ansible::execute::StopReason;
use driftless::ansible::place;
use driftless::domain::{Ending, Mode, Outcome, RunEventKind, Secret};
use serde_json::{Value, json};

use crate::guardian::{eventually, marked};
use crate::room::{Room, limits, runtime_access};
use crate::world::ansible_environments;

const WRITE: &str = r#"
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ greeting | default('hello') }}\n"
        dest: "{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/greeting"
        mode: "0644"
      tags: [always_wanted]
    - ansible.builtin.file:
        path: "{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/never"
        state: touch
        mode: "0644"
      tags: [unwanted]
"#;

#[test]
fn a_commit_is_applied_and_checked_as_declared() {
    for environment in ansible_environments() {
        let mut room =
            Room::new(&[("site.yml", WRITE), ("hosts", "localhost ansible_connection=local\nother\n")]);
        room.spec.limit = Some("localhost".to_owned());
        room.spec.skip_tags = vec!["unwanted".to_owned()];
        room.spec.forks = Some(2);
        room.spec.mode = Mode::Check;
        room.assert_ending(1, &environment, Outcome::Drifted);
        assert_eq!(room.state("greeting"), "");
        room.spec.mode = Mode::Apply;
        room.assert_ending(2, &environment, Outcome::Changed);
        assert_eq!(room.state("greeting"), "hello\n");
        assert!(!room.path("state/never").exists());
        room.assert_ending(3, &environment, Outcome::InSync);
        // It left nothing beside the playbook, and all of it can be removed.
        let left: Vec<_> =
            fs::read_dir(room.path("checkout")).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        place::remove(&room.path("runs/3")).unwrap();
        assert!(!room.path("runs/3").exists());
    }
}

/// What a repository says in `ansible.cfg` holds beside what driftless sets, and what it must not change does not.
#[test]
fn the_repositorys_own_configuration_goes_on_working() {
    let callback = r"
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'aggregate'
    CALLBACK_NAME = 'theirs'
    CALLBACK_NEEDS_ENABLED = True
    def v2_playbook_on_stats(self, stats):
        import os
        open(os.environ['DRIFTLESS_STATE_DIR'] + '/theirs', 'w').write('called')
";
    let config = "[defaults]\ncallbacks_enabled = theirs\ncallback_plugins = plugins\nroles_path = vendored\n\
                  host_key_checking = False\nask_pass = True\nforce_color = True\nretry_files_enabled = True\n";
    let role = "- ansible.builtin.copy: {content: x, dest: \"{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/role\", mode: '0644'}\n";
    let play = "- hosts: all\n  gather_facts: false\n  roles: [greet]\n";
    for environment in ansible_environments() {
        let room = Room::new(&[
            ("ansible.cfg", config),
            ("plugins/theirs.py", callback),
            ("vendored/greet/tasks/main.yml", role),
            ("site.yml", play),
        ]);
        room.assert_ending(1, &environment, Outcome::Changed);
        assert_eq!((room.state("theirs").as_str(), room.state("role").as_str()), ("called", "x"));
        assert!(!fs::read_to_string(room.path("1.log")).unwrap().contains('\u{1b}'), "no colours in the log");
        // Asked once, then known by its content, also by the next daemon.
        let kept = |it: &str| it.ends_with(".config");
        let names = || {
            fs::read_dir(room.path("runtimes"))
                .unwrap()
                .map(|it| it.unwrap().file_name().into_string().unwrap())
        };
        assert_eq!(names().filter(|it| kept(it)).count(), 1);
        assert!(names().all(|it| kept(&it)), "helpers leave nothing: {:?}", names().collect::<Vec<_>>());
    }
}

/// Strings that mean something to Jinja, YAML, JSON, Python or a shell, and many ordinary ones.
fn strings(marker: &Path) -> Vec<String> {
    let run = format!("lookup('pipe', 'touch {}')", marker.display());
    let parts = [
        format!("{{{{ {run} }}}}"),
        format!("{{% set x = {run} %}}"),
        format!("{{%- for i in [1] -%}}{{{{ {run} }}}}{{%- endfor -%}}"),
        "{{ undefined_variable }}".to_owned(),
        "{# comment #}".to_owned(),
        "{{".to_owned(),
        "%}".to_owned(),
        "!unsafe x".to_owned(),
        "!vault |".to_owned(),
        "@/etc/passwd".to_owned(),
        "--connection=local".to_owned(),
        "$(id)`id`;&|".to_owned(),
        "yes".to_owned(),
        "0o17".to_owned(),
        "\"quoted\" 'quoted' \\".to_owned(),
        "[1, 2]".to_owned(),
        "{'a': 1}".to_owned(),
        "line\nline\r\n\ttab".to_owned(),
        "\u{0}\u{7}\u{1b}[31m\u{202e}".to_owned(),
        "ünïcødé 漢字 😀".to_owned(),
        String::new(),
    ];
    let pairs = parts[..14].iter().flat_map(|left| parts.iter().map(move |right| format!("{left} {right}")));
    parts.iter().cloned().chain(pairs).collect()
}

#[test]
fn extra_variables_are_literal_whatever_they_look_like() {
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.copy:\n        content: \"{{ [wanted, text, \
                number, flag, nothing] | to_json | b64encode }}\"\n        dest: \"{{ lookup('env', 'DRIFTLESS_STATE_DIR') \
                }}/echo\"\n        mode: '0600'\n    - ansible.builtin.debug:\n        msg: \"{{ item }}\"\n      loop: \"{{ \
                wanted.list[:20] }}\"\n    - ansible.builtin.debug:\n        msg: \"{{ text }}\"\n      when: text is defined\n";
    for environment in ansible_environments() {
        let mut room = Room::new(&[("site.yml", play)]);
        let marker = room.path("marker");
        let list = strings(&marker);
        assert!(300 < list.len());
        let text = format!("{{{{ lookup('pipe', 'touch {}') }}}}", marker.display());
        let wanted = json!({"list": list, "deep": [{"key {{ 1 + 1 }}": [text, 1, null, true]}]});
        room.spec.extra_vars = BTreeMap::from([
            ("wanted".to_owned(), wanted.clone()),
            ("text".to_owned(), json!(text)),
            ("number".to_owned(), json!(2.5)),
            ("flag".to_owned(), json!(false)),
            ("nothing".to_owned(), Value::Null),
        ]);
        room.assert_ending(1, &environment, Outcome::Changed);
        let echo = room.state("echo");
        let decoded = std::process::Command::new(environment.join("bin/python"))
            .args(["-c", "import base64, sys; sys.stdout.buffer.write(base64.b64decode(sys.argv[1]))", &echo])
            .output()
            .unwrap();
        let echo: Value = serde_json::from_slice(&decoded.stdout).unwrap();
        assert_eq!(echo, json!([wanted, text, 2.5, false, null]), "{}", environment.display());
        assert!(!marker.exists(), "{}: a variable was executed", environment.display());
    }
}

#[test]
fn credentials_given_as_text_reach_ansible_and_nobody_else() {
    let environment = ansible_environments().pop().unwrap();
    let mut room = Room::new(&[("site.yml", "")]);
    let password = room.path("password");
    fs::write(&password, "hunter2\n").unwrap();
    let encrypted = std::process::Command::new(environment.join("bin/ansible-vault"))
        .args(["encrypt_string", "--encrypt-vault-id", "prod", "--name", "secret", "opensesame"])
        .arg(format!("--vault-id=prod@{}", password.display()))
        .env("HOME", room.path("home"))
        .output()
        .unwrap();
    let vaulted = String::from_utf8(encrypted.stdout).unwrap().replace('\n', "\n    ");
    // Its leader's command line and environment, as another user of the machine would look for them.
    let play = format!(
        "- hosts: all\n  gather_facts: false\n  vars:\n    {vaulted}\n  tasks:\n    - ansible.builtin.copy:\n        content: \
         \"{{{{ secret }}}} {{{{ lookup('env', 'API_TOKEN') }}}}\"\n        dest: \"{{{{ lookup('env', 'DRIFTLESS_STATE_DIR') \
         }}}}/secret\"\n        mode: '0600'\n    - ansible.builtin.copy:\n        content: \"{{{{ lookup('file', '/proc/' ~ \
         lookup('pipe', 'echo $PPID') ~ '/cmdline') }}}}\"\n        dest: \"{{{{ lookup('env', 'DRIFTLESS_STATE_DIR') \
         }}}}/cmdline\"\n        mode: '0600'\n"
    );
    room.add(&[("site.yml", &play)]);
    let secret = |text: &str| Credential::Text(Secret::new(text.to_owned()));
    room.access.vault_ids = vec![("prod".to_owned(), secret("hunter2\n"))];
    room.access.become_password = Some(secret("sudo-password"));
    room.access.ssh_key = Some(secret("-----BEGIN KEY-----"));
    room.access.environment =
        BTreeMap::from([("API_TOKEN".parse().unwrap(), Secret::new("t0ken".to_owned()))]);
    room.spec.extra_vars = BTreeMap::from([("unused".to_owned(), json!("extra-value"))]);
    room.assert_ending(1, &environment, Outcome::Changed);
    assert_eq!(room.state("secret"), "opensesame t0ken");
    let cmdline = room.state("cmdline");
    assert!(cmdline.contains("launcher.py"), "{cmdline}");
    for secret in ["hunter2", "sudo-password", "BEGIN KEY", "t0ken", "extra-value"] {
        assert!(!cmdline.contains(secret), "{cmdline}");
    }
    let work = room.path("runs/1/own");
    for file in ["vars.json", "become", "ssh-key", "vault-0"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(work.join(file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::read_to_string(work.join("ssh-key")).unwrap(), "-----BEGIN KEY-----\n");
}

/// Workers call `setsid` since 2.19, and before that they outlive a leader that gets SIGTERM.
#[test]
fn a_cancelled_run_with_sixteen_workers_leaves_nothing() {
    let hosts: String =
        (1..=16).map(|it| format!("h{it} ansible_connection=local\n")).collect::<Vec<_>>().concat();
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: sleep 987\n";
    let sleeping = |marker: &str| {
        let sleeps =
            |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| it == b"sleep\0987\0");
        marked(marker).iter().filter(|pid| sleeps(pid)).count()
    };
    for environment in ansible_environments() {
        let mut room = Room::new(&[("site.yml", play), ("hosts", &hosts)]);
        room.spec.forks = Some(16);
        let mut limits = limits();
        limits.grace = Duration::from_secs(2);
        let access = runtime_access(&environment);
        let run = room.start(1, &access, limits);
        let other = room.start(2, &access, limits);
        eventually("32 children sleep", || (sleeping(&run.marker), sleeping(&other.marker)) == (16, 16));
        let others = marked(&other.marker);

        let asked = Instant::now();
        run.execution.stopper().stop(StopReason::Cancelled("anna cancelled it".to_owned()));
        let events = Arc::clone(&run.events);
        let finished = run.end();
        let took = asked.elapsed();
        assert!(took < limits.grace + Duration::from_secs(2), "{}: {took:?}", environment.display());
        assert_eq!(finished.ending(Mode::Apply).outcome, Outcome::Cancelled);
        assert!(matches!(events.lock().unwrap()[0].kind, RunEventKind::Hello { .. }));

        assert_eq!(marked(&other.marker), others, "{}: the other run goes on", environment.display());
        other.execution.stopper().stop(StopReason::Interrupted("the test is over".to_owned()));
        assert_eq!(other.end().ending(Mode::Apply).outcome, Outcome::Interrupted);
    }
}

#[test]
fn a_task_that_nobody_waits_for_ends_with_its_run() {
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: sleep 986\n      async: 2000\n      \
                poll: 0\n    - ansible.builtin.wait_for: {timeout: 1}\n";
    let environment = ansible_environments().pop().unwrap();
    let room = Room::new(&[("site.yml", play)]);
    let finished = room.run(1, &environment);
    assert_eq!(finished.ending(Mode::Apply), Ending::plain(Outcome::Changed));
    assert_ne!(finished.report.unwrap().killed, 0);
}
