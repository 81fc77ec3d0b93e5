//! A role that tries to get every secret into the record, in all the ways in which playbooks do it by accident.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::world::output;

/// Secrets that come from a vault, with where they stand.
const VAULTED: [&str; 5] = ["role", "inventory", "vars_files", "group_vars", "inline"];
/// Secrets that come in other ways: the daemon lends them, or their name says what they are.
const OTHERS: [&str; 3] = ["environment", "extra_password", "become"];
/// Secrets that nobody knows: only the place where they turn up, or `no_log`, tells that they are.
const UNKNOWN: [&str; 2] = ["url", "no_log"];

/// The secret of an origin: characters that encodings change, and nothing that stands anywhere else.
pub(super) fn canary(origin: &str) -> String {
    format!("canary-{origin}-Zq9/8+xY7=kW&3v")
}

/// All of them.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let origins = VAULTED.into_iter().chain(OTHERS).chain(UNKNOWN);
    origins.map(|it| (it, canary(it))).collect()
}

/// A text that evaluates to a secret, and does not have it in it.
fn made(origin: &str) -> String {
    format!("{{{{ ['canary', '{origin}', 'Zq9/8+xY7=kW&3v'] | join('-') }}}}")
}

fn vault(environment: &Path, password: &Path, args: &[&str]) -> String {
    output(
        Command::new(environment.join("bin/ansible-vault"))
            .args(args)
            .arg("--vault-password-file")
            .arg(password)
            .env("PATH", format!("{}/bin:/usr/bin:/bin", environment.display())),
    )
}

/// Writes the files of a repository whose secrets are encrypted.
pub(super) fn write(place: &Path, environment: &Path, beside: &Path) {
    let (password, room) = (&beside.join("vault"), beside.join("room"));
    let put = |path: &str, text: &str| {
        let path = place.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, text).expect("written");
        path
    };
    let encrypted = |path: &str, origin: &str| {
        let path = put(path, &format!("canary_{origin}: \"{}\"\n", canary(origin)));
        vault(environment, password, &["encrypt", &path.display().to_string()]);
    };
    let text = |origin: &str, indent: usize| {
        let told = vault(environment, password, &["encrypt_string", &canary(origin)]);
        let (first, rest) = told.split_once('\n').expect("several lines");
        let rest: Vec<&str> = rest.lines().map(str::trim).collect();
        let between = format!("\n{}", " ".repeat(indent));
        format!("{first}{between}{}\n", rest.join(&between))
    };
    encrypted("roles/leaky/vars/main.yml", "role");
    encrypted("secrets.yml", "vars_files");
    encrypted("group_vars/all/vault.yml", "group_vars");
    put(
        "hosts.yml",
        &format!(
            "all:\n  vars:\n    ansible_connection: local\n    ansible_python_interpreter: \"{{{{ ansible_playbook_python }}}}\"\n  \
             hosts:\n    h1:\n      canary_inventory: {}",
            text("inventory", 8)
        ),
    );
    put(
        "site.yml",
        &format!(
            "- hosts: all\n  gather_facts: false\n  vars_files: [secrets.yml]\n  vars:\n    canary_inline: {}    \
             room: {}\n    become_file: {}\n  roles: [leaky]\n",
            text("inline", 6),
            room.display(),
            beside.join("become").display()
        ),
    );
    put("roles/leaky/tasks/main.yml", &tasks());
    put("roles/leaky/tasks/rescued.yml", RESCUED);
    put("roles/leaky/templates/leak.j2", "one {{ canaries | join('\\n') }}\n");
    put("library/leak.py", MODULE);
}

fn tasks() -> String {
    let lists: Vec<String> = VAULTED.iter().map(|it| format!("canary_{it}")).collect();
    TASKS
        .replace("VAULTED", &lists.join(", "))
        .replace("MADE_URL", &made("url"))
        .replace("MADE_NO_LOG", &made("no_log"))
}

const TASKS: &str = r#"
- name: Gather them
  ansible.builtin.set_fact:
    canaries: "{{ [VAULTED, lookup('env', 'CANARY_ENVIRONMENT'), canary_extra_password | default('none'), lookup('file', become_file)] }}"
- name: Say them
  ansible.builtin.debug:
    msg: "{{ canaries | join(' ') }}"
- name: Show the variable
  ansible.builtin.debug:
    var: canaries
- name: Run with them
  ansible.builtin.command:
    argv: ["echo", "{{ canaries | join(' ') }}"]
  register: echoed
- name: Say what was registered, as JSON and YAML
  ansible.builtin.debug:
    msg: "{{ echoed | to_json }} {{ echoed | to_nice_yaml }}"
- name: Print them to the error output
  ansible.builtin.shell: "printf '%s\\n' '{{ canaries | join(' ') }}' >&2"
- name: Print them encoded
  ansible.builtin.shell: "printf '%s\\n' '{{ canaries | map('b64encode') | join(' ') }}' '{{ canaries | map('urlencode') | join(' ') }}'; printf '%s' '{{ canaries | join(' ') }}' | od -An -v -tx1 | tr -d ' \\n'"
- name: Fail with them
  ansible.builtin.fail:
    msg: "not {{ canaries | join(' ') }}"
  ignore_errors: true
- name: Insist on something else
  ansible.builtin.assert:
    that: canaries | length == 0
    fail_msg: "{{ canaries }}"
  ignore_errors: true
- name: Write them
  ansible.builtin.copy:
    content: "{{ canaries | join('\n') }}\n"
    dest: "{{ room }}/copied"
    mode: "0600"
- name: Write them by a template
  ansible.builtin.template:
    src: leak.j2
    dest: "{{ room }}/templated"
    mode: "0600"
- name: Put them into a line
  ansible.builtin.lineinfile:
    path: "{{ room }}/lines"
    line: "secrets = {{ canaries | join(' ') }}"
    create: true
    mode: "0600"
- name: Run what is not there
  ansible.builtin.command: "/nonexistent/'{{ canaries | join(' ') }}'"
  ignore_errors: true
- name: Use them as the wrong type
  ansible.builtin.debug:
    msg: "{{ (canaries | join(' ')) | from_json }}"
  ignore_errors: true
- name: Pass them in the environment
  ansible.builtin.shell: env | grep LEAKED
  environment:
    LEAKED: "{{ canaries | join(' ') }}"
- name: "Name the task {{ canaries | join(' ') }}"
  ansible.builtin.debug:
    msg: named
- name: Loop over them
  ansible.builtin.debug:
    msg: "one of them: {{ item }}"
  loop: "{{ canaries }}"
  loop_control:
    label: "labelled {{ item }}"
- name: Warn of them, and raise them
  leak:
    secret: "{{ canaries | join(' ') }}"
  ignore_errors: true
- name: Ask a server with a password
  ansible.builtin.uri:
    url: "https://deploy:MADE_URL@127.0.0.1:9/{{ canaries | map('urlencode') | join('/') }}"
    timeout: 2
  ignore_errors: true
- name: Clone with a password
  ansible.builtin.command: "git ls-remote https://deploy:MADE_URL@127.0.0.1:9/x.git"
  ignore_errors: true
- name: Hide a command
  ansible.builtin.command: "echo MADE_NO_LOG"
  no_log: true
- name: Hide a file
  ansible.builtin.copy:
    content: "MADE_NO_LOG\n"
    dest: "{{ room }}/hidden"
    mode: "0600"
  no_log: true
- name: Hide a failure
  ansible.builtin.fail:
    msg: "MADE_NO_LOG"
  no_log: true
  ignore_errors: true
- name: Rescue what fails
  block:
    - name: Include what is not there
      ansible.builtin.include_vars: "no-{{ canary_role }}.yml"
  rescue:
    - name: Go on
      ansible.builtin.include_tasks: rescued.yml
"#;

const RESCUED: &str = r#"
- name: Show why
  ansible.builtin.debug:
    msg: "{{ ansible_failed_result }}"
"#;

const MODULE: &str = r#"#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule

module = AnsibleModule(argument_spec={"secret": {"type": "str"}}, supports_check_mode=True)
module.warn("mind " + module.params["secret"])
module.deprecate("old: " + module.params["secret"], version="9.9", collection_name="a.b")
raise RuntimeError("broken by " + module.params["secret"])
"#;
