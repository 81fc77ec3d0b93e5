//! Every way in which Ansible executes what a repository holds, measured on ansible-core 2.16 to 2.22.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// With what Ansible executes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Even when it only lists.
    Listing,
    /// In check mode.
    Check,
    /// In neither: check mode skips it.
    Apply,
}

/// One way.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    files: &'static [(&'static str, &'static str)],
}

pub(crate) const INVENTORY: &str = "hosts.ini";
pub(crate) const HERE: &str =
    "localhost ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n";
const DEBUG: &str = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - debug: { msg: x }\n";
const PING: &str = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ping:\n";
const RUN: &str = "import pathlib, runpy\nrunpy.run_path(str(pathlib.Path(__file__).parents[1] / 'attack.py'), {'VECTOR': 'NAME'})\n";
const PROGRAM: &str = "#!/bin/sh\ncd \"$(dirname \"$0\")\" && exec python3 attack.py NAME\n";

/// A play whose given key holds a lookup that executes.
macro_rules! play {
    ($text:literal) => {
        concat!("- hosts: localhost\n  gather_facts: false\n", $text)
    };
}

const fn plugin(name: &'static str, stage: Stage, files: &'static [(&'static str, &'static str)]) -> Vector {
    Vector { name, stage, files }
}

/// `LOOKUP` stands for a lookup that starts the attack, `NAME` for the name of the vector, `RUN` for Python that does.
pub(crate) const ALL: &[Vector] = &[
    plugin(
        "vars_plugin",
        Stage::Listing,
        &[(
            "vars_plugins/evil.py",
            "RUN\nfrom ansible.plugins.vars import BaseVarsPlugin\nclass VarsModule(BaseVarsPlugin):\n    pass\n",
        )],
    ),
    plugin("connection_plugin", Stage::Listing, &[("connection_plugins/evil.py", "RUN")]),
    plugin("shell_plugin", Stage::Listing, &[("shell_plugins/evil.py", "RUN")]),
    plugin("become_plugin", Stage::Listing, &[("become_plugins/evil.py", "RUN")]),
    plugin(
        "callback_plugin",
        Stage::Check,
        &[(
            "callback_plugins/evil.py",
            "RUN\nfrom ansible.plugins.callback import CallbackBase\nclass CallbackModule(CallbackBase):\n    CALLBACK_VERSION = 2.0\n    CALLBACK_TYPE = 'notification'\n    CALLBACK_NAME = 'evil'\n",
        )],
    ),
    plugin(
        "action_plugin",
        Stage::Check,
        &[(
            "action_plugins/debug.py",
            "RUN\nfrom ansible.plugins.action import ActionBase\nclass ActionModule(ActionBase):\n    pass\n",
        )],
    ),
    plugin(
        "vault_script",
        Stage::Listing,
        &[("ansible.cfg", "[defaults]\nvault_password_file = ./vault.sh\n"), ("vault.sh", "PROGRAM")],
    ),
    plugin(
        "config_callback",
        Stage::Check,
        &[
            ("ansible.cfg", "[defaults]\ncallback_plugins = ./cb\ncallbacks_enabled = evil\n"),
            (
                "cb/evil.py",
                "RUN\nfrom ansible.plugins.callback import CallbackBase\nclass CallbackModule(CallbackBase):\n    CALLBACK_VERSION = 2.0\n    CALLBACK_TYPE = 'notification'\n    CALLBACK_NAME = 'evil'\n    CALLBACK_NEEDS_ENABLED = True\n",
            ),
        ],
    ),
    plugin(
        "config_strategy",
        Stage::Check,
        &[
            ("ansible.cfg", "[defaults]\nstrategy_plugins = ./st\nstrategy = evil\n"),
            (
                "st/evil.py",
                "RUN\nfrom ansible.plugins.strategy.linear import StrategyModule as Linear\nclass StrategyModule(Linear):\n    pass\n",
            ),
        ],
    ),
    plugin("inventory_program", Stage::Listing, &[("hosts.ini", "PROGRAM")]),
    plugin(
        "hosts",
        Stage::Listing,
        &[("site.yml", "- hosts: \"{{ LOOKUP }}\"\n  gather_facts: false\n  tasks: []\n")],
    ),
    plugin("play_name", Stage::Listing, &[("site.yml", play!("  name: \"{{ LOOKUP }}\"\n  tasks: []\n"))]),
    plugin(
        "vars_files",
        Stage::Listing,
        &[("site.yml", play!("  vars_files: [\"{{ LOOKUP }}\"]\n  tasks: []\n"))],
    ),
    plugin("import_playbook", Stage::Listing, &[("site.yml", "- import_playbook: \"{{ LOOKUP }}\"\n")]),
    plugin(
        "import_tasks",
        Stage::Listing,
        &[("site.yml", play!("  tasks:\n    - import_tasks: \"{{ LOOKUP }}\"\n"))],
    ),
    plugin(
        "tags",
        Stage::Listing,
        &[("site.yml", play!("  tasks:\n    - debug: { msg: x }\n      tags: [\"{{ LOOKUP }}\"]\n"))],
    ),
    plugin(
        "task_name",
        Stage::Check,
        &[("site.yml", play!("  tasks:\n    - name: \"{{ LOOKUP }}\"\n      debug: { msg: x }\n"))],
    ),
    plugin(
        "when",
        Stage::Check,
        &[("site.yml", play!("  tasks:\n    - debug: { msg: x }\n      when: LOOKUP != ''\n"))],
    ),
    plugin(
        "environment",
        Stage::Check,
        &[("site.yml", play!("  tasks:\n    - ping:\n      environment: { A: \"{{ LOOKUP }}\" }\n"))],
    ),
    plugin(
        "group_vars",
        Stage::Check,
        &[
            ("group_vars/all.yml", "used: \"{{ LOOKUP }}\"\n"),
            ("site.yml", play!("  tasks:\n    - debug: { msg: \"{{ used }}\" }\n")),
        ],
    ),
    plugin(
        "ssh_common_args",
        Stage::Check,
        &[
            (
                "hosts.ini",
                "localhost ansible_connection=ssh ansible_ssh_common_args='-o ProxyCommand=\"python3 attack.py NAME\"'\n",
            ),
            ("site.yml", PING),
        ],
    ),
    plugin(
        "interpreter",
        Stage::Check,
        &[
            (
                "hosts.ini",
                "localhost ansible_connection=local ansible_python_interpreter='{{ playbook_dir }}/python.sh'\n",
            ),
            ("python.sh", "PROGRAM"),
            ("site.yml", PING),
        ],
    ),
    plugin(
        "check_mode_false",
        Stage::Check,
        &[(
            "site.yml",
            play!(
                "  tasks:\n    - command: python3 attack.py NAME\n      args: { chdir: \"{{ playbook_dir }}\" }\n      check_mode: false\n"
            ),
        )],
    ),
    plugin(
        "module",
        Stage::Check,
        &[
            (
                "library/evil.py",
                "#!/usr/bin/python3\n# WANT_JSON\nimport json, runpy, sys\nroot = json.load(open(sys.argv[1]))['root']\nrunpy.run_path(root + '/attack.py', {'VECTOR': 'NAME'})\nprint(json.dumps({'changed': False}))\n",
            ),
            ("site.yml", play!("  tasks:\n    - evil: { root: \"{{ playbook_dir }}\" }\n")),
        ],
    ),
    plugin(
        "module_program",
        Stage::Check,
        &[
            (
                "library/evil",
                "#!/bin/sh\n. \"$1\"\ncd \"$root\" && python3 attack.py NAME >&2\necho '{\"changed\": false}'\n",
            ),
            ("site.yml", play!("  tasks:\n    - evil: root={{ playbook_dir }}\n")),
        ],
    ),
    plugin(
        "command",
        Stage::Apply,
        &[(
            "site.yml",
            play!(
                "  tasks:\n    - command: python3 attack.py NAME\n      args: { chdir: \"{{ playbook_dir }}\" }\n"
            ),
        )],
    ),
    plugin(
        "raw",
        Stage::Apply,
        &[("site.yml", play!("  tasks:\n    - raw: cd {{ playbook_dir }} && python3 attack.py NAME\n"))],
    ),
    plugin(
        "script",
        Stage::Apply,
        &[("run.sh", "PROGRAM"), ("site.yml", play!("  tasks:\n    - script: run.sh\n"))],
    ),
];

impl Vector {
    /// The tree of a merge request that uses it, file by file. Of two with the same path the later one counts.
    pub(crate) fn files(&self, plan: &str) -> Vec<(&'static str, String)> {
        let attack = include_str!("../../fixtures/previews/attack.py");
        let around = [("attack.py", attack), ("attack.json", plan), ("site.yml", DEBUG), (INVENTORY, HERE)];
        let around = around.map(|(path, text)| (path, text.to_owned()));
        let own = self.files.iter().map(|(path, text)| {
            let text = text
                .replace("PROGRAM", PROGRAM)
                .replace("RUN", RUN)
                .replace("LOOKUP", "lookup('pipe', 'python3 attack.py NAME')");
            (*path, text.replace("NAME", self.name))
        });
        around.into_iter().chain(own).collect()
    }

    /// Writes it.
    pub(crate) fn write(&self, tree: &Path, plan: &str) {
        for (path, text) in self.files(plan) {
            put(tree, path, &text);
        }
    }
}

/// Writes a file; one that begins like a program is one.
pub(crate) fn put(tree: &Path, path: &str, text: &str) {
    let file = tree.join(path);
    std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
    std::fs::write(&file, text).expect("a file");
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
}
