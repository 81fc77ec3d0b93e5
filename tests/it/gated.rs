//! Runs with the real `ansible-playbook` that ask, announce and owe, on every environment that `scripts/test` made.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use driftless::ansible::clean::NotKept;
use driftless::ansible::command::Credential;
use driftless::domain::{
    Ending, Findings, Gathering, HostName, Mode, Outcome, PendingHandler, Reason, RunEvent, RunEventKind,
    RunId, Secret, TaskIdentity, Timestamp,
};

use crate::handshake::Announced;
use crate::room::{Room, limits, runtime_access};
use crate::world::ansible_environments;

/// A run, its events and its log.
fn ran(room: &Room, number: u64, environment: &Path) -> (Ending, Vec<RunEvent>, String) {
    let live = room.start(number, &runtime_access(environment), limits());
    let events = live.events.clone();
    let ending = live.end().ending(room.spec.mode);
    let events = events.lock().unwrap().clone();
    (ending, events, fs::read_to_string(room.path(&format!("{number}.log"))).unwrap_or_default())
}

fn found(room: &Room, events: &[RunEvent]) -> Findings {
    let mut gathering = Gathering::new(room.spec.run, room.spec.mode, room.spec.debts.clone());
    for event in events {
        gathering.add(event);
    }
    gathering.finish()
}

const TWO_PLAYS: &str = "
- hosts: one
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: x, dest: \"{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/one\", mode: '0600'}
- hosts: two
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: x, dest: \"{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/two\", mode: '0600'}
";
const TWO_HOSTS: &str =
    "one ansible_connection=local\ntwo ansible_connection=local ansible_host=10.0.0.2 ansible_port=2222\n";

#[test]
fn a_run_that_may_not_go_on_ends_before_the_play_that_it_asked_for() {
    for environment in ansible_environments() {
        for (refused, ran_before) in [(1, vec![]), (2, vec![]), (3, vec!["one"])] {
            let mut room = Room::new(&[("site.yml", TWO_PLAYS), ("hosts", TWO_HOSTS)]);
            room.refused = Some(refused);
            let (ending, events, log) = ran(&room, 1, &environment);
            let at = format!("{} question {refused}: {log}", environment.display());
            let reason = Reason::Refused { why: "the test says no".to_owned() };
            assert_eq!(ending, Ending::because(Outcome::Refused, reason), "{at}");
            let made = ["one", "two"].into_iter().filter(|it| room.path("state").join(it).exists());
            assert_eq!(made.collect::<Vec<_>>(), ran_before, "{at}");
            assert_eq!(found(&room, &events).begun, !ran_before.is_empty(), "{at}");
        }
    }
}

#[test]
fn a_run_asks_for_all_hosts_and_then_play_by_play() {
    for environment in ansible_environments() {
        let room = Room::new(&[("site.yml", TWO_PLAYS), ("hosts", TWO_HOSTS)]);
        let (ending, events, log) = ran(&room, 1, &environment);
        assert_eq!(ending, Ending::plain(Outcome::Changed), "{log}");
        let asked = events.iter().filter_map(|event| match &event.kind {
            RunEventKind::HostsAsked { question, play, inventory, hosts, .. } => {
                let hosts: Vec<_> =
                    hosts.iter().map(|it| (it.name.as_str(), it.port, it.connection.as_str())).collect();
                Some((*question, *play, *inventory, hosts))
            }
            _ => None,
        });
        let (one, two) = (("one", None, "local"), ("two", Some(2222), "local"));
        let expected = [(1, None, 2, vec![one, two]), (2, Some(0), 2, vec![one]), (3, Some(1), 2, vec![two])];
        assert_eq!(asked.collect::<Vec<_>>(), expected, "{}", environment.display());
    }
}

const OWES: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: Configure
      ansible.builtin.copy: {content: x, dest: \"{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/configuration\", mode: '0600'}
      notify: restart
    - ansible.builtin.command: test -e {{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/mended
      changed_when: false
  handlers:
    - name: restart
      ansible.builtin.copy: {content: x, dest: \"{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/restarted\", mode: '0600'}
";

#[test]
fn a_handler_that_did_not_run_is_owed_and_paid() {
    for environment in ansible_environments() {
        let at = environment.display();
        let mut room = Room::new(&[("site.yml", OWES)]);
        let (ending, events, log) = ran(&room, 1, &environment);
        assert_eq!(ending.outcome, Outcome::Failed, "{at}: {log}");
        let host = HostName::new("localhost");
        let owed = found(&room, &events).pending.remove(&host).expect("a debt");
        assert_eq!(
            (owed.len(), owed[0].handler.as_str(), owed[0].task.name.as_str()),
            (1, "restart", "Configure")
        );

        let gone = PendingHandler { handler: "nothing of that name".to_owned(), ..owed[0].clone() };
        room.spec.debts = vec![(host.clone(), owed[0].clone()), (host.clone(), gone.clone())];
        fs::write(room.path("state/mended"), "").unwrap();
        room.spec.mode = Mode::Check;
        let (_, events, _) = ran(&room, 2, &environment);
        let findings = found(&room, &events);
        assert_eq!((findings.paid, findings.pending.len()), (vec![], 0), "a check pays nothing: {at}");
        room.spec.mode = Mode::Apply;
        let (ending, events, log) = ran(&room, 3, &environment);
        assert_eq!(ending.outcome, Outcome::Changed, "{at}: {log}");
        let findings = found(&room, &events);
        assert_eq!(findings.paid, [(host.clone(), owed[0].clone())], "{at}");
        assert_eq!(findings.orphans, [(host.clone(), gone)], "{at}");
        assert!(room.path("state/restarted").exists());
        let unknown = PendingHandler {
            task: TaskIdentity::default(),
            run: RunId(9),
            since: Timestamp::UNIX_EPOCH,
            ..owed[0].clone()
        };
        assert_ne!(unknown, owed[0], "and it says of which run it is");
    }
}

const LEAKS: &str = r#"
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ whole }} and {{ inline }}"}
      changed_when: true
    - ansible.builtin.command: echo {{ inline }} {{ whole }}
      check_mode: false
    - ansible.builtin.copy:
        content: "{{ whole }}\n{{ inline }}\n"
        dest: "{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}/secret"
        mode: '0600'
    - ansible.builtin.fail: {msg: "{{ inline }}"}
      ignore_errors: true
    - ansible.builtin.add_host: {name: "host-{{ whole }}", ansible_host: "{{ inline }}"}
- hosts: all
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.debug: {msg: "{{ inventory_hostname }}"}
"#;
const CANARIES: [&str; 2] = ["canary-in-a-whole-file", "canary-in-a-single-value"];

fn vault(environment: &Path, room: &Room, args: &[&str]) -> String {
    let done = Command::new(environment.join("bin/ansible-vault"))
        .args(args)
        .arg(format!("--vault-id=prod@{}", room.path("password").display()))
        .env("HOME", room.path("home"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn plaintexts_of_vaults_are_taken_out_of_events_and_of_the_log() {
    let mut leaked = 0;
    for environment in ansible_environments() {
        let mut room = Room::new(&[("site.yml", LEAKS), ("ansible.cfg", "[defaults]\nverbosity = 1\n")]);
        fs::write(room.path("password"), "hunter2\n").unwrap();
        let file = room.path("whole.yml");
        fs::write(&file, format!("whole: {}\n", CANARIES[0])).unwrap();
        let encrypt = ["encrypt", "--encrypt-vault-id=prod", "--output=-", file.to_str().unwrap()];
        let whole = vault(&environment, &room, &encrypt);
        let inline = vault(
            &environment,
            &room,
            &["encrypt_string", "--encrypt-vault-id=prod", "--name=inline", CANARIES[1]],
        );
        room.add(&[("group_vars/all/whole.yml", &whole), ("host_vars/localhost.yml", &inline)]);
        room.access.vault_ids =
            vec![("prod".to_owned(), Credential::Text(Secret::new("hunter2\n".to_owned())))];
        room.spec.mode = Mode::Check;
        for (number, redacts) in [(1, true), (2, false)] {
            room.cleaner = if redacts { || Box::new(Announced::default()) } else { || Box::new(NotKept) };
            let (ending, events, log) = ran(&room, number, &environment);
            let told = serde_json::to_string(&events).unwrap();
            let at = format!("{}: {ending:?}\n{log}", environment.display());
            assert!(told.contains("stats") && told.contains("\"detail\""), "{at}");
            assert!(!events.iter().any(|it| it.kind == RunEventKind::AnnouncementsMissing), "{at}");
            let seen = CANARIES.iter().filter(|it| told.contains(**it) || log.contains(**it)).count();
            if redacts {
                assert_eq!(seen, 0, "{at}\n{told}");
            } else {
                leaked += seen;
            }
        }
    }
    assert_ne!(leaked, 0, "without it they are seen, on most versions");
}
