//! A live preview as the daemon starts it: under a guardian, through the launcher, with its events.

use std::path::Path;

use driftless::ansible::command::Launch;
use driftless::ansible::execute::StopReason;
use driftless::ansible::place::Place;
use driftless::ansible::runtime::Runtime;
use driftless::domain::{Ending, Mode, Outcome, RunEvent, RunEventKind};
use driftless::sandbox::{LivePlace, allowed_config, wrap_live};

use super::{newer, sandbox};
use crate::room::{Room, limits, runtime_access};
use crate::world::{SOON, eventually};

fn wrap(place: &Place, runtime: &Runtime, launch: Launch) -> Launch {
    let live = LivePlace {
        checkout: place.checkout.clone(),
        python: runtime.python.clone(),
        own: place.work(),
        home: place.home.clone(),
        empty: Vec::new(),
        readable: vec![
            place.launcher.parent().map(Path::to_owned).expect("a directory"),
            place.state_dir.clone(),
        ],
        temporary_bytes: 16 * 1024 * 1024,
    };
    let config = allowed_config("[defaults]\nforks = 3\nlog_path = log\n", &place.checkout).text;
    let wrapped = wrap_live(&sandbox(), &live, &launch.program, &launch.args).expect("a command");
    launch.in_sandbox(wrapped, &config)
}

const PLAY: &str = r#"
- hosts: all
  gather_facts: false
  vars:
    state: "{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}"
  tasks:
    - ansible.builtin.copy:
        content: "{{ lookup('file', state + '/known') }} and more"
        dest: "{{ state }}/known"
        mode: "0644"
    - ansible.builtin.command: touch {{ state }}/mark
      check_mode: false
      ignore_errors: true
    - ansible.builtin.command: touch {{ playbook_dir }}/mark /tmp/mark
      check_mode: false
      ignore_errors: true
    - ansible.builtin.command: cat /etc/shadow
      check_mode: false
      ignore_errors: true
"#;

#[test]
fn a_live_preview_is_a_check_with_events_that_leaves_no_mark() {
    for environment in newer() {
        let mut room = Room::new(&[("site.yml", PLAY)]);
        room.wrap = wrap;
        room.spec.mode = Mode::Check;
        std::fs::write(room.path("state/known"), "known").expect("a file");
        let live = room.start(1, &runtime_access(&environment), limits());
        let events = live.events.clone();
        let finished = live.end();
        let log = std::fs::read_to_string(room.path("1.log")).unwrap_or_default();
        let events = events.lock().expect("a lock");
        assert_eq!(finished.ending(Mode::Check), Ending::plain(Outcome::Drifted), "{log} {events:#?}");
        let ended = events.iter().filter(|it| matches!(it.kind, RunEventKind::TaskEnded(_))).count();
        assert_eq!(ended, 4, "{log}");
        assert_eq!(room.state("known"), "known");
        for mark in ["state/mark", "checkout/mark", "home/mark"] {
            assert!(!room.path(mark).exists(), "{mark}");
        }
        assert!(!Path::new("/tmp/mark").exists());
        // Three were refused by the file system.
        let text = format!("{events:?}{log}");
        assert!(text.contains("Read-only file system") && text.contains("No such file"), "{text}");
    }
}

#[test]
fn a_live_preview_that_is_cancelled_is_gone() {
    let environment = newer().pop().expect("an environment");
    let play = "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: sleep 600\n      \
                check_mode: false\n";
    let mut room = Room::new(&[("site.yml", play)]);
    room.wrap = wrap;
    room.spec.mode = Mode::Check;
    let live = room.start(1, &runtime_access(&environment), limits());
    let started = |it: &RunEvent| matches!(it.kind, RunEventKind::TaskStarted { .. });
    eventually("its first task", SOON, || {
        live.events.lock().expect("a lock").iter().any(started).then_some(())
    });
    live.execution.stopper().stop(StopReason::Cancelled("a new push".to_owned()));
    let finished = live.end();
    assert_eq!(finished.ending(Mode::Check).outcome, Outcome::Cancelled, "{finished:?}");
}
