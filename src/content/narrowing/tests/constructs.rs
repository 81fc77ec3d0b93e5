//! One small tree for each construct.

use super::*;

/// The file replaced in the safe repository gives exactly these reasons.
fn refused(path: &str, text: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|it| it.replace('@', path)).collect();
    assert_eq!(with(&[(path, text)]), expected, "{text}");
}

const TASKS: &str = "roles/app/tasks/main.yml";
const TEMPLATE: &str = "roles/app/templates/app.conf.j2";

#[test]
fn variables_about_other_hosts() {
    for name in [
        "hostvars",
        "groups",
        "play_hosts",
        "ansible_play_hosts",
        "ansible_play_hosts_all",
        "ansible_play_batch",
        "ansible_play_name",
        "ansible_limit",
    ] {
        let reason = format!("{name} in @:2");
        refused(TEMPLATE, &format!("x\n{{{{ {name} | first }}}}\n"), &[&reason]);
        refused(TEMPLATE, &format!("x\n{{% for it in {name}['x'] %}}{{% endfor %}}\n"), &[&reason]);
        refused("group_vars/all.yml", &format!("a: 1\nb: \"{{{{ {name}['web'][0] }}}}\"\n"), &[&reason]);
        refused("host_vars/web1.yml", &format!("a: 1\n\"{{{{ {name} }}}}\": 1\n"), &[&reason]);
        refused("hosts.ini", &format!("[web]\nweb1 x=\"{{{{ {name} }}}}\"\n"), &[&reason]);
        refused(TASKS, &format!("- ping:\n  when: inventory_hostname in {name}\n"), &[&reason]);
        refused(TASKS, &format!("- ping:\n  when: [a, \"x in {name}\"]\n"), &[&reason]);
        refused(TASKS, &format!("- assert:\n    that: x in {name}\n"), &[&reason]);
        refused(TASKS, &format!("- debug:\n    var: {name}\n"), &[&reason]);
    }
    refused(TASKS, "- debug: var=hostvars['x']\n", &["hostvars in @:1"]);
    refused(TASKS, "- action: debug var=hostvars\n", &["hostvars in @:1"]);
    refused(
        TASKS,
        "- copy:\n    content: |\n      groups\n      a\n      {{ x }} {{ groups.web }}\n    dest: /x\n",
        &["groups in @:5"],
    );
    refused(
        TASKS,
        "- set_fact:\n    a: >-\n      {{ x\n      | map('extract', hostvars) }}\n",
        &["hostvars in @:4"],
    );
    refused(TASKS, "- set_fact:\n    a: \"{{ \\\"\\x67\\\" ~ \\x67roups }}\"\n", &["groups in @:2"]);
    refused(
        TASKS,
        "- ping:\n  until: x in groups\n  loop_control: {break_when: [hostvars]}\n",
        &["groups in @:2", "hostvars in @:3"],
    );
    refused(TEMPLATE, "{{ '{{ hostvars }}' }}", &["hostvars in @:1"]);
    refused(TEMPLATE, "{{ {'a': {'b': groups}}}}", &["groups in @:1"]);
    refused(TEMPLATE, "{%- if x %}\n{% raw %}{{ groups }}{%- endraw -%}\n{{groups}}", &["groups in @:3"]);
    refused(TEMPLATE, "{{ f(groups=1, x=groups) }}", &["groups in @:1"]);
    refused(TEMPLATE, "{{ f(groups == 1) }}", &["groups in @:1"]);
}

#[test]
fn all_variables_in_one() {
    refused(TEMPLATE, "{{ vars['groups'] }}", &["vars['groups'] in @:1"]);
    refused(TEMPLATE, "{{ vars.hostvars }}", &["vars['hostvars'] in @:1"]);
    refused(TEMPLATE, "{{ vars['gr\\x6fups'] }}", &["vars['gr\\x6fups'] in @:1"]);
    for text in
        ["{{ vars | to_json }}", "{{ vars[x] }}", "{{ vars.items() }}", "{% for it in vars %}{% endfor %}"]
    {
        refused(TEMPLATE, text, &["vars in @:1"]);
    }
    refused(TEMPLATE, "{{ lookup('vars', 'groups') }}", &["lookup('vars', 'groups') in @:1"]);
    refused(
        TEMPLATE,
        "{{ query('ansible.builtin.vars', 'a', 'hostvars', default=1) }}",
        &["lookup('vars', 'hostvars') in @:1"],
    );
    for text in [
        "{{ lookup('vars', x) }}",
        "{{ q('vars', 'gro' ~ x) }}",
        "{{ lookup('vars', *x) }}",
        "{{ lookup('vars', x ~ '_a') }}",
    ] {
        refused(TEMPLATE, text, &["lookup('vars') of a name that is not written out in @:1"]);
    }
    refused(TEMPLATE, "{{ lookup(x, 'a') }}", &["a lookup whose plugin is not written out in @:1"]);
    refused(TEMPLATE, "{{ query('inventory_hostnames', 'all') }}", &["lookup('inventory_hostnames') in @:1"]);
    refused(TASKS, "- ping:\n  with_inventory_hostnames: all\n", &["with_inventory_hostnames in @:2"]);
    refused(
        TEMPLATE,
        "{{ vars['x'] }}{{ vars.x }}{{ lookup('vars', 'x', default='') }}{{ lookup('vars', 'x_' + y) }}",
        &[],
    );
}

#[test]
fn keywords_of_plays() {
    for (line, reason) in [
        ("serial: 1", "serial"),
        ("strategy: host_pinned", "strategy"),
        ("strategy: \"{{ x }}\"", "strategy"),
        ("order: sorted", "order"),
        ("any_errors_fatal: true", "any_errors_fatal"),
        ("max_fail_percentage: 10", "max_fail_percentage"),
        ("run_once: true", "run_once"),
    ] {
        refused("site.yml", &format!("- hosts: all\n  {line}\n"), &[&format!("{reason} in @:2")]);
    }
    refused(
        "site.yml",
        "- hosts: all\n  strategy: ansible.builtin.free\n  order: inventory\n  any_errors_fatal: no\n",
        &[],
    );
    for pattern in ["web[0]", "web[1:]", "db:&web[0:1]", "[\"all\", \"web[-1]\"]"] {
        refused("site.yml", &format!("- hosts: {pattern}\n"), &["hosts with a subscript in @:1"]);
    }
    refused("site.yml", "- hosts: \"{{ x }}\"\n", &["templated hosts in @:1"]);
    refused("site.yml", "- hosts: [web, '~db[0-9]', 'a*:&b:!c']\n", &[]);
    refused("site.yml", "- hosts: localhost\n", &[]);
    refused("site.yml", "- hosts: web\n- hosts: localhost\n", &["a play on localhost beside others in @:2"]);
    refused("site.yml", "- roles: [base]\n", &["a play without hosts in @:1"]);
    refused("site.yml", "- <<: {serial: 1}\n  hosts: all\n", &["serial in @:1"]);
}

#[test]
fn keywords_of_tasks() {
    for (line, reason) in [
        ("run_once: true", "run_once"),
        ("run_once: \"{{ x }}\"", "run_once"),
        ("delegate_facts: yes", "delegate_facts"),
        ("any_errors_fatal: true", "any_errors_fatal"),
    ] {
        let reason = format!("{reason} in @:2");
        refused(TASKS, &format!("- ping:\n  {line}\n"), &[&reason]);
        refused(TASKS, &format!("- block: [{{ping: }}]\n  {line}\n"), &[&reason]);
        refused("roles/base/handlers/main.yml", &format!("- ping:\n  {line}\n"), &[&reason]);
    }
    refused(
        TASKS,
        "- include_tasks: {file: main.yml, apply: {x: 1}}\n  apply:\n    run_once: true\n",
        &["run_once in @:3"],
    );
    refused(
        "site.yml",
        "- hosts: all\n  vars: {x: &x {run_once: true}}\n  tasks:\n    - <<: *x\n      ping:\n",
        &["run_once in @:2"],
    );
    refused(TASKS, "- ping:\n  when: \"{{ x }}\"\n", &["a templated condition in @:2"]);
}

#[test]
fn modules_that_change_the_hosts_of_a_run() {
    for (task, reason) in [
        ("add_host: name=x", "add_host"),
        ("ansible.builtin.group_by: {key: x}", "group_by"),
        ("action: add_host name=x", "add_host"),
        ("local_action: {module: ansible.legacy.group_by, key: x}", "group_by"),
        ("meta: end_play", "meta: end_play"),
        ("ansible.builtin.meta: clear_facts", "meta: clear_facts"),
        ("action: \"{{ x }} a=b\"", "a templated action"),
        ("include: x.yml", "include"),
    ] {
        refused(TASKS, &format!("- ping:\n- block:\n    - {task}\n"), &[&format!("{reason} in @:3")]);
    }
    refused(TASKS, "- meta: end_host\n- action: ping\n- {local_action: {module: ping}}\n", &[]);
}

#[test]
fn names_that_cannot_be_followed() {
    for (task, reason) in [
        ("include_tasks: none.yml", "include_tasks none.yml cannot be found"),
        ("import_tasks: /etc/x.yml", "import_tasks /etc/x.yml cannot be found"),
        ("include_tasks: ../../../../x.yml", "include_tasks ../../../../x.yml cannot be found"),
        ("include_tasks: \"{{ x }}.yml\"", "include_tasks with a templated name"),
        ("include_tasks:", "include_tasks without a name"),
        ("include_role: {name: none}", "role none cannot be found"),
        ("import_role: name=a.b.none", "role a.b.none cannot be found"),
        ("include_role: {name: \"{{ x }}\"}", "a role with a templated name"),
        ("include_role: {name: base, tasks_from: ../../x}", "tasks_from outside of the role"),
        ("include_vars: none.yml", "include_vars none.yml cannot be found"),
        ("include_vars: {dir: none}", "include_vars: directory none cannot be found"),
        ("template: src=none.j2 dest=/x", "template none.j2 cannot be found"),
        ("template: dest=/x", "template without a name"),
        ("copy: {content: \"{{ lookup('template', 'none') }}\"}", "template none cannot be found"),
    ] {
        refused(TASKS, &format!("- ping:\n- {task}\n"), &[&format!("{reason} in @:2")]);
    }
    refused("site.yml", "- hosts: all\n  roles:\n    - none\n", &["role none cannot be found in @:3"]);
    refused(
        "site.yml",
        "- hosts: all\n  roles:\n    - \"{{ x }}\"\n",
        &["a role with a templated name in @:3"],
    );
    refused(
        "site.yml",
        "- hosts: all\n  vars_files:\n    - none.yml\n",
        &["variables none.yml cannot be found in @:3"],
    );
    refused("site.yml", "- import_playbook: none.yml\n", &["playbook none.yml cannot be found in @:1"]);
    refused(
        "site.yml",
        "- import_playbook: \"{{ x }}.yml\"\n",
        &["import_playbook with a templated name in @:1"],
    );
    refused("roles/base/meta/main.yml", "dependencies: [none]\n", &["role none cannot be found in @:1"]);
    refused(TEMPLATE, "x\n{% include 'none' %}\n", &["template none cannot be found in @:2"]);
}

#[test]
fn custom_plugins() {
    for name in ["action", "callback", "filter", "lookup", "strategy", "test", "vars"] {
        for directory in [format!("{name}_plugins"), format!("roles/app/{name}_plugins")] {
            refused(&format!("{directory}/x.py"), "", &["a custom plugin in @:1"]);
            refused(&format!("{directory}/README.md"), "", &[]);
        }
    }
    refused("roles/other/filter_plugins/x.py", "", &[]);
    refused("library/x.py", "hostvars", &[]);
    refused("module_utils/x.py", "hostvars", &[]);
    let plugin = "collections/ansible_collections/a/b/plugins/filter/x.py";
    refused(plugin, "", &[]);
    let uses = (TASKS, "- debug: msg=\"{{ x | a.b.x }}\"\n");
    assert_eq!(with(&[(plugin, ""), uses]), [format!("a custom plugin in {plugin}:1")]);
    assert_eq!(
        with(&[("collections/ansible_collections/a/b/plugins/modules/x.py", ""), uses]),
        Vec::<String>::new()
    );
}

#[test]
fn settings() {
    for (line, reason) in [
        ("strategy = mitogen_linear", "strategy"),
        ("any_errors_fatal=True", "any_errors_fatal"),
        ("filter_plugins = /opt/x", "a custom plugin"),
        ("lookup_plugins = ~/.ansible/plugins/lookup:./roles", "a custom plugin"),
    ] {
        refused("ansible.cfg", &format!("[defaults]\n{line}\n"), &[&format!("{reason} in @:2")]);
    }
    refused(
        "ansible.cfg",
        "[defaults]\nstrategy = free\n# filter_plugins = /x\naction_plugins = ~/.ansible/x:none\n[x]\nstrategy = x\n",
        &[],
    );
}

#[test]
fn files_that_cannot_be_understood() {
    refused(TASKS, "- ping:\n- a: [\n", &["a file that cannot be read as YAML in @:2"]);
    refused(TASKS, "a: b\n", &["tasks that are no list in @:1"]);
    refused(TASKS, "- ping\n", &["a task that is not understood in @:1"]);
    refused("site.yml", "hosts: all\n", &["a playbook that is no list in @:1"]);
    refused(TASKS, "$ANSIBLE_VAULT;1.1;AES256\n31\n", &["a vaulted file in @:1"]);
    refused("group_vars/all.yml", "$ANSIBLE_VAULT;1.1;AES256\n31\n", &[]);
    refused(
        "group_vars/all.yml",
        "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  31\nb: !unsafe \"{{ hostvars }}\"\n",
        &[],
    );
    refused("group_vars/all.yml", "a: b: c\n", &["a file that cannot be read as YAML in @:1"]);
    refused(
        TEMPLATE,
        "#jinja2: variable_start_string:'[%'\n[% hostvars %]\n",
        &["other delimiters of Jinja in @:1"],
    );
    refused(
        TASKS,
        "- template:\n    src: app.conf.j2\n    variable_start_string: '[['\n",
        &["other delimiters of Jinja in @:2"],
    );
}
