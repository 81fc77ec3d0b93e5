//! What is read, and what is not.

use super::*;

const BAD: &str = "{{ hostvars }}\n";
const BAD_VARS: &str = "a: \"{{ hostvars }}\"\n";
const BAD_TASKS: &str = "- debug: {var: hostvars}\n";

/// With `files`, the bad ones are the only reasons.
fn reaches(files: &[(&str, &str)], bad: &[&str]) {
    let expected: Vec<String> = bad.iter().map(|it| format!("hostvars in {it}:1")).collect();
    assert_eq!(with(files), expected, "{files:?}");
}

#[test]
fn what_nothing_names_is_not_read() {
    for (path, text) in [
        ("other.yml", "- hosts: all\n  serial: 1\n"),
        ("roles/other/tasks/main.yml", BAD_TASKS),
        ("roles/other/templates/x.conf", BAD),
        ("roles/app/files/x.yml", BAD_VARS),
        ("roles/app/tests/x.yml", BAD_TASKS),
        ("roles/app/molecule/default/converge.yml", BAD_TASKS),
        ("roles/app/README.md", BAD),
        ("inventories/other/group_vars/all.yml", BAD_VARS),
        ("group_vars/README.md", BAD),
        ("docs/x.yml", BAD_TASKS),
        (".github/workflows/x.yml", BAD_VARS),
    ] {
        // The safe repository has a template with a name that is not known: it could be any template.
        if !path.contains("templates") {
            reaches(&[(path, text)], &[]);
        }
    }
}

#[test]
fn roles_are_read_as_a_whole() {
    for (path, text) in [
        ("roles/app/tasks/never_included.yml", BAD_TASKS),
        ("roles/app/handlers/main.yml", BAD_TASKS),
        ("roles/app/handlers/sub/x.yaml", BAD_TASKS),
        ("roles/app/defaults/main.yml", BAD_VARS),
        ("roles/app/defaults/main/x.yml", BAD_VARS),
        ("roles/app/vars/Debian.yml", BAD_VARS),
        ("roles/app/vars/main", BAD_VARS),
        ("roles/app/templates/x", BAD),
        ("roles/app/templates/sub/x.conf", BAD),
        ("roles/common/tasks/main.yml", BAD_TASKS),
        ("roles/app/meta/main.yml", BAD_VARS),
        ("group_vars/web", BAD_VARS),
        ("group_vars/web/x.yml", BAD_VARS),
        ("host_vars/web1.example.org", BAD_VARS),
    ] {
        reaches(&[(path, text)], &[path]);
    }
}

#[test]
fn names_are_followed() {
    let tasks = |task: &str| ("roles/app/tasks/main.yml", format!("- {task}\n"));
    for (task, path, text) in [
        ("include_tasks: ../../../shared/x.yml", "shared/x.yml", BAD_TASKS),
        ("include_tasks: file=x.yml", "tasks/x.yml", BAD_TASKS),
        ("import_tasks: {file: sub/x.yml}", "sub/x.yml", BAD_TASKS),
        ("include_tasks: \"{{ playbook_dir }}/shared/x.yml\"", "shared/x.yml", BAD_TASKS),
        (
            "include_tasks: \"{{ ansible_facts['os_family'] | lower }}-x.yml\"",
            "tasks/debian-x.yml",
            BAD_TASKS,
        ),
        ("include_vars: x.yml", "vars/x.yml", BAD_VARS),
        ("include_vars: {file: \"{{ role_path }}/files/x.yml\"}", "roles/app/files/x.yml", BAD_VARS),
        ("include_vars: {dir: more}", "roles/app/vars/more/x.yml", BAD_VARS),
        ("include_vars: {dir: more}", "more/x.yml", BAD_VARS),
        ("include_vars: \"{{ x }}.yml\"", "anywhere/x.yml", BAD_VARS),
        ("template: {src: x.conf, dest: /x}", "roles/app/x.conf", BAD),
        ("ansible.builtin.template: src=x.conf dest=/x", "templates/x.conf", BAD),
        ("template: {src: \"{{ x }}\", dest: /x}", "anywhere/x.conf", BAD),
        ("template: {src: \"{{ x }}.j2\", dest: /x}", "anywhere/x.j2", BAD),
        ("debug: {msg: \"{{ lookup('template', 'x.conf') }}\"}", "templates/x.conf", BAD),
        ("ping:\n  with_template: [x.conf]", "templates/x.conf", BAD),
        ("ios_config: {src: x.j2}", "roles/app/x.j2", BAD),
        ("kubernetes.core.k8s: {template: {path: x.conf}}", "roles/app/x.conf", BAD),
        ("include_role: {name: more}", "roles/more/tasks/main.yml", BAD_TASKS),
        ("import_role: name=more", "more/tasks/main.yml", BAD_TASKS),
        (
            "include_role: {name: a.b.more}",
            "collections/ansible_collections/a/b/roles/more/tasks/main.yml",
            BAD_TASKS,
        ),
    ] {
        let (main, text_of_task) = tasks(task);
        reaches(&[(main, &text_of_task), (path, text)], &[path]);
    }
    let play = "- hosts: all\n  vars_files: [[\"{{ ansible_os_family }}.yml\", x.yml]]\n  collections: [a.b]\n  roles: [more]\n";
    let role = "ansible_collections/a/b/roles/more/tasks/main.yml";
    reaches(
        &[("site.yml", play), ("vars/Debian.yml", BAD_VARS), ("x.yml", BAD_VARS), (role, BAD_TASKS)],
        &[role, "vars/Debian.yml", "x.yml"],
    );
    let imported = "- hosts: all\n  vars_files: [y.yml]\n";
    reaches(
        &[
            ("site.yml", "- import_playbook: sub/x.yml\n"),
            ("sub/x.yml", imported),
            ("sub/y.yml", BAD_VARS),
            ("sub/group_vars/all", BAD_VARS),
        ],
        &["sub/group_vars/all", "sub/y.yml"],
    );
}

/// A name that is made from variables can mean anything of its kind; nothing else is read for it.
#[test]
fn open_names_mean_everything_of_their_kind() {
    let main = "roles/app/tasks/main.yml";
    let template = "- template: {src: \"{{ x }}\", dest: /x}\n";
    reaches(&[(main, template)], &[]);
    reaches(
        &[(main, template), ("docs/x.md", BAD), ("other/x.yml", BAD_VARS), ("x.py", BAD), (".git/x", BAD)],
        &[],
    );
    reaches(&[(main, template), ("roles/other/templates/x.yml", BAD)], &["roles/other/templates/x.yml"]);
    let variables = "- include_vars: \"{{ x }}\"\n";
    reaches(&[(main, variables), ("other.yml", BAD_TASKS), ("other.j2", BAD)], &[]);
    reaches(&[(main, variables), ("other/x.json", "{\"a\": \"{{ hostvars }}\"}")], &["other/x.json"]);
}

#[test]
fn other_roots_hold_roles_and_collections() {
    let site = "- hosts: all\n  roles: [bob.nginx, a.b.more]\n";
    let files = Memory::of(&[("site.yml", site), ("hosts", "web1\n")]);
    let roles = Memory::of(&[
        ("bob.nginx/tasks/main.yml", "- include_vars: \"{{ ansible_os_family }}.yml\"\n"),
        ("bob.nginx/vars/Debian.yml", "a: 1\n"),
        ("bob.nginx/filter_plugins/x.py", ""),
        ("bob.other/tasks/main.yml", BAD_TASKS),
    ]);
    let of = |collections: &[(&str, &str)]| {
        shown(&refusals(&files, "site.yml", "hosts", &[&roles, &Memory::of(collections)]))
    };
    let path = "ansible_collections/a/b/roles/more/tasks/main.yml";
    assert_eq!(of(&[(path, "- ping:\n")]), Vec::<String>::new());
    assert_eq!(of(&[(path, BAD_TASKS)]), [format!("hostvars in {path}:1")]);
    assert_eq!(of(&[]), ["role a.b.more cannot be found in site.yml:2"]);
}

#[test]
fn settings_say_where_roles_are() {
    let files = [
        ("ansible.cfg", "[defaults]\nroles_path = ./x/roles:y\ncollections_path=z\n"),
        ("site.yml", "- hosts: all\n  roles: [one, two, a.b.three]\n"),
        ("x/roles/one/tasks/main.yml", BAD_TASKS),
        ("y/two/tasks/main.yml", BAD_TASKS),
        ("z/ansible_collections/a/b/roles/three/tasks/main.yml", BAD_TASKS),
    ];
    reaches(&files, &[files[2].0, files[3].0, files[4].0]);
}

#[test]
fn inventories_are_read() {
    let of = |inventory: &str, files: &[(&str, &str)]| {
        let mut all = vec![("site.yml", "- hosts: all\n")];
        all.extend_from_slice(files);
        shown(&refusals(&Memory::of(&all), "site.yml", inventory, &[]))
    };
    assert_eq!(of("a,b", &[]), Vec::<String>::new());
    assert_eq!(of("none", &[]), ["inventory none cannot be found in site.yml:1"]);
    assert_eq!(of("/etc/hosts", &[]), ["inventory /etc/hosts cannot be found in site.yml:1"]);
    let bad = "a:\n  vars:\n    x: \"{{ groups['web'][0] }}\"\n";
    assert_eq!(of("inv/p.yml", &[("inv/p.yml", bad), ("inv/other.yml", bad)]), ["groups in inv/p.yml:3"]);
    let files = [
        ("inv/p/hosts", "# {{ groups }}\nweb1 x={{ groups }}\n"),
        ("inv/p/x.yml", bad),
        ("inv/p/README.md", bad),
        ("inv/p/old.bak", bad),
        ("inv/p/group_vars/web/a.yml", BAD_VARS),
        ("inv/p/sub/host_vars/h.yml", BAD_VARS),
        ("inv/group_vars/all.yml", BAD_VARS),
    ];
    let reasons = [
        "hostvars in inv/p/group_vars/web/a.yml:1",
        "groups in inv/p/hosts:2",
        "hostvars in inv/p/sub/host_vars/h.yml:1",
        "groups in inv/p/x.yml:3",
    ];
    assert_eq!(of("inv/p", &files), reasons);
    assert_eq!(of("inv/p/", &files), reasons);
}
