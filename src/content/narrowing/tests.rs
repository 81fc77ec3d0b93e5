use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

mod constructs;
mod reach;
mod readers;

/// Files in memory.
pub(super) struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect())
    }
}

impl Files for Memory {
    fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.0.get(path).map(|it| Cow::Borrowed(it.as_slice()))
    }
}

/// Files of a directory.
struct Directory(PathBuf);

impl Files for Directory {
    fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.0.clone()];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path.strip_prefix(&self.0).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        found
    }

    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        std::fs::read(self.0.join(path)).ok().map(Cow::Owned)
    }
}

/// A repository that is safe, with what is added to it.
pub(super) const SAFE: [(&str, &str); 12] = [
    ("README.md", "Use `{{ groups['web'] }}` and hostvars, run_once: true.\n"),
    ("hosts.ini", "# {{ hostvars }}\n[web]\nweb1 peer={{ inventory_hostname }}\nweb2\n"),
    (
        "site.yml",
        "# hostvars, groups, serial: 1\n- hosts: web:!db\n  roles: [base, {role: app, when: x is defined}]\n",
    ),
    ("group_vars/all.yml", "groups_of_user: [a]\nusers: \"{{ group_names }} {{ item.groups }}\"\n"),
    ("host_vars/web1.yml", "port: 1\n"),
    (
        "roles/base/tasks/main.yml",
        "- name: Add the user to all groups, not hostvars\n  user: {name: bob, groups: \"{{ user.groups | join(',') }}\"}\n  \
         when: \"'web' in group_names\"\n- include_tasks: more.yml\n- include_tasks: \"{{ ansible_os_family }}.yml\"\n",
    ),
    (
        "roles/base/tasks/more.yml",
        "- block:\n    - shell: groups bob\n  rescue:\n    - debug: msg=\"all groups\"\n",
    ),
    ("roles/base/tasks/Debian.yml", "- meta: flush_handlers\n- run_once: false\n  ping:\n"),
    ("roles/base/meta/main.yml", "dependencies:\n  - role: common\n"),
    ("roles/common/defaults/main.yml", "---\n"),
    (
        "roles/app/tasks/main.yml",
        "- template: {src: app.conf.j2, dest: /etc/app.conf}\n- debug:\n    var: vars['port']\n",
    ),
    (
        "roles/app/templates/app.conf.j2",
        "[groups]\nhostvars = {# {{ hostvars }} #} {{ port }}\n{% raw %}{{ hostvars }}{% endraw %}\n\
         {% for it in users %}{{ it.groups }}{{ lookup('vars', 'app_' ~ it) }}{% endfor %}\n",
    ),
];

/// The safe repository with some files replaced or added.
pub(super) fn with(changes: &[(&str, &str)]) -> Vec<String> {
    let mut files = Memory::of(&SAFE);
    files.0.extend(Memory::of(changes).0);
    shown(&refusals(&files, "site.yml", "hosts.ini", &[]))
}

pub(super) fn shown(refusals: &[Refusal]) -> Vec<String> {
    refusals.iter().map(ToString::to_string).collect()
}

#[test]
fn a_usual_repository_is_safe() {
    assert_eq!(with(&[]), Vec::<String>::new());
}

#[test]
fn what_a_file_of_this_repository_says_is_read() {
    let playbooks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("playbooks");
    let demo = Directory(playbooks.join("demo"));
    assert_eq!(shown(&refusals(&demo, "site.yml", "inventory", &[])), Vec::<String>::new());
    let fixtures = Directory(playbooks.join("fixtures"));
    let of = |playbook: &str| -> Vec<String> {
        let all = shown(&refusals(&fixtures, playbook, "h1,h2", &[]));
        all.into_iter().filter(|it| !it.starts_with("a custom plugin")).collect()
    };
    assert_eq!(of("ok.yml"), Vec::<String>::new());
    assert_eq!(of("run-once.yml").len(), 1, "{:?}", of("run-once.yml"));
    assert!(of("serial.yml")[0].starts_with("serial in serial.yml:"), "{:?}", of("serial.yml"));
    assert!(of("dynamic.yml").iter().any(|it| it.starts_with("add_host in ")), "{:?}", of("dynamic.yml"));
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Pieces that the readers look for, among others.
    fn text() -> impl Strategy<Value = String> {
        let pieces = [
            "- ",
            "\n",
            "  ",
            ": ",
            "hosts",
            "all",
            "roles",
            "tasks",
            "block",
            "include_tasks",
            "include_role",
            "name",
            "template",
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "raw",
            "endraw",
            "hostvars",
            "vars",
            "[",
            "]",
            "{",
            "}",
            "'",
            "\"",
            "\\",
            "lookup(",
            "'vars'",
            ",",
            ")",
            "~",
            "groups",
            "=",
            "&a",
            "*a",
            "<<",
            "|",
            "a",
            "main.yml",
            "../",
            "when",
            "!vault",
            "é",
            "import_playbook",
            "site.yml",
            "ansible_x",
            "*",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|it| it.concat())
    }

    fn at_most(cases: u32) -> ProptestConfig {
        let asked = ProptestConfig::default();
        ProptestConfig { cases: asked.cases.min(cases), ..asked }
    }

    proptest! {
        #![proptest_config(at_most(20_000))]

        #[test]
        fn any_files_are_taken(first in text(), second in text(), bytes: Vec<u8>, names: [prop::sample::Index; 3]) {
            let paths = ["site.yml", "hosts.ini", "inventory.yml", "roles/a/tasks/main.yml", "roles/a/templates/a.j2",
                "roles/a/meta/main.yml", "group_vars/all.yml", "ansible.cfg", "main.yml"];
            let mut files = Memory::of(&SAFE);
            for (text, name) in [first.as_bytes(), second.as_bytes(), &bytes].into_iter().zip(names) {
                files.0.insert(paths[name.index(paths.len())].to_owned(), text.to_vec());
            }
            for it in refusals(&files, "site.yml", "hosts.ini", &[&Memory::of(&SAFE)]) {
                prop_assert!(0 < it.line && !it.path.is_empty());
            }
        }

        #[test]
        fn any_names_are_taken(playbook in "\\PC*", inventory in "\\PC*") {
            for it in refusals(&Memory::of(&SAFE), &playbook, &inventory, &[]) {
                prop_assert_ne!(it.construct, "");
            }
        }
    }
}
