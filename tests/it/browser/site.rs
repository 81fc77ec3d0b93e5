//! The real daemon with real Ansible, and somebody who signs in to its pages.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::chromium::Browser;
use crate::world::{SOON, World, eventually, newest_ansible};

/// The daemon with one stack, `infra/web`, of hosts that are directories.
pub(super) struct Site {
    pub(super) world: World,
}

impl Site {
    /// A site whose stack has these hosts and tasks. Nothing is committed yet.
    pub(super) fn new(hosts: &[&str], tasks: &str) -> Self {
        let mut world = World::with_ansible(&newest_ansible());
        world.configure("raw_log: true");
        let site = Self { world };
        site.hosts(hosts);
        site.tasks(tasks);
        site.declare("");
        site
    }

    /// One that is there already.
    pub(super) fn of(world: World) -> Self {
        Self { world }
    }

    /// Declares the stack with these lines of its own beside playbook and inventory.
    pub(super) fn declare(&self, lines: &str) {
        let text =
            format!("version: 1\nstacks:\n  web:\n    playbook: site.yml\n    inventory: hosts.ini\n{lines}");
        self.world.repository.write("driftless.yml", &text);
    }

    /// Writes the inventory.
    pub(super) fn hosts(&self, hosts: &[&str]) {
        let mut text = String::new();
        for host in hosts {
            fs::create_dir_all(self.room(host)).expect("a directory");
            writeln!(
                text,
                "{host} ansible_connection=local ansible_python_interpreter={{{{ansible_playbook_python}}}} room={}",
                self.room(host).display()
            )
            .expect("writing to a text");
        }
        self.world.repository.write("hosts.ini", &text);
    }

    /// Writes the playbook.
    pub(super) fn tasks(&self, tasks: &str) {
        let play = format!("- name: Web servers\n  hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
        self.world.repository.write("site.yml", &play);
    }

    /// What stands for the files of a host.
    pub(super) fn room(&self, host: &str) -> PathBuf {
        self.world.path(&format!("rooms/{host}"))
    }

    /// What a file of a host holds.
    pub(super) fn content(&self, host: &str, file: &str) -> String {
        fs::read_to_string(self.room(host).join(file)).unwrap_or_default()
    }

    /// Where the pages are.
    pub(super) fn url(&self) -> String {
        self.world.json(&["status"])["url"]
            .as_str()
            .expect("the address that the daemon listens on")
            .to_owned()
    }

    /// A browser of somebody who signed in with a token of this role.
    #[track_caller]
    pub(super) fn sign_in(&self, name: &str, role: &str) -> Browser {
        let made = self.world.json(&["tokens", "create", name, "--role", role, "--expires", "1d"]);
        let browser = Browser::open(&self.url());
        browser.goto("/");
        browser.shows("Sign in");
        browser.fill("input[name=token]", made["text"].as_str().expect("a token"));
        browser.press("Sign in");
        browser.shows(name);
        browser
    }

    /// The newest check or apply that fits.
    #[track_caller]
    pub(super) fn run_when(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, SOON, || self.world.runs().into_iter().find(&fits))
    }
}

/// A task that makes a file in the room of each host.
pub(super) fn file(name: &str, content: &str) -> String {
    format!(
        "    - name: Write {name}\n      ansible.builtin.copy:\n        content: \"{content}\\n\"\n        \
         dest: \"{{{{ room }}}}/{name}\"\n        mode: \"0644\"\n"
    )
}

/// A task that goes on once this file is there.
pub(super) fn wait(path: &std::path::Path) -> String {
    format!(
        "    - name: Wait for a person\n      ansible.builtin.wait_for:\n        path: {}\n        sleep: 1\n        \
         timeout: 120\n",
        path.display()
    )
}
