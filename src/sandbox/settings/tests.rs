//! Which settings hold, which do not, and that none slips through.

use super::*;

fn allowed(text: &str) -> AllowedConfig {
    allowed_config(text, Path::new("/tree"))
}

fn refused(text: &str) -> Vec<(String, u32, Refusal)> {
    allowed(text)
        .ignored
        .into_iter()
        .map(|it| (format!("{}.{}", it.section, it.key), it.line, it.why))
        .collect()
}

#[test]
fn what_only_chooses_among_what_ansible_does_holds() {
    let given = "\
# Ours
[defaults]
inventory = hosts.ini
roles_path = ./roles:vendor/roles ; both
forks: 20
HASH_BEHAVIOUR=merge
gathering = smart
strategy = free
ansible_managed = Ansible managed: do not edit
interpreter_python = auto_silent
remote_user = deploy

[privilege_escalation]
become = True
become_method = sudo

[ssh_connection]
pipelining = yes
[tags]
skip = slow, never
";
    let it = allowed(given);
    assert_eq!(
        it.text,
        "[defaults]\nansible_managed = Ansible managed: do not edit\nforks = 20\ngathering = smart\n\
         hash_behaviour = merge\ninterpreter_python = auto_silent\nremote_user = deploy\n\
         roles_path = /tree/roles:/tree/vendor/roles\nstrategy = free\n\
         [privilege_escalation]\nbecome = True\nbecome_method = sudo\n\
         [ssh_connection]\npipelining = yes\n[tags]\nskip = slow, never\n"
    );
    assert_eq!(it.roles_path, ["/tree/roles", "/tree/vendor/roles"]);
    let named: Vec<_> = it.ignored.iter().map(|it| (it.key.as_str(), it.line, it.why)).collect();
    assert_eq!(named, [("inventory", 3, Refusal::Unneeded)]);
}

#[test]
fn what_names_programs_plugins_files_and_secrets_does_not() {
    use Refusal::{Connection, Plugin, Program, Secret, Unknown, Writes};
    for (setting, why) in [
        ("[defaults]\nvault_password_file = ./v.sh", Secret),
        ("[defaults]\nvault_identity_list = a@./v.sh", Secret),
        ("[defaults]\nbecome_password_file = x", Secret),
        ("[defaults]\nprivate_key_file = k", Secret),
        ("[defaults]\nask_pass = true", Secret),
        ("[defaults]\ncallback_plugins = ./cb", Plugin),
        ("[defaults]\ncallbacks_enabled = evil", Plugin),
        ("[defaults]\nstdout_callback = evil", Plugin),
        ("[defaults]\nstrategy_plugins = ./s", Plugin),
        ("[defaults]\nstrategy = mitogen_linear", Plugin),
        ("[defaults]\naction_plugins = ./a", Plugin),
        ("[defaults]\nvars_plugins = ./a", Plugin),
        ("[defaults]\nvars_plugins_enabled = x.y.z", Plugin),
        ("[defaults]\nlibrary = ./library", Plugin),
        ("[defaults]\nmodule_utils = ./m", Plugin),
        ("[defaults]\njinja2_extensions = jinja2.ext.do", Plugin),
        ("[defaults]\nfact_caching = jsonfile", Plugin),
        ("[defaults]\ntransport = local", Plugin),
        ("[inventory]\nenable_plugins = ini, evil", Plugin),
        ("[defaults]\nfact_caching_connection = /tmp/x", Writes),
        ("[defaults]\nlog_path = ~/x.log", Writes),
        ("[defaults]\nlocal_tmp = /var/tmp", Writes),
        ("[defaults]\nhome = /root", Writes),
        ("[defaults]\ninterpreter_python = ./evil", Program),
        ("[defaults]\nexecutable = ./sh", Program),
        ("[defaults]\npager = ./sh", Program),
        ("[privilege_escalation]\nbecome_exe = ./sudo", Program),
        ("[ssh_connection]\nssh_executable = ./ssh", Program),
        ("[connection]\nssh_agent = auto", Program),
        ("[ssh_connection]\nssh_args = -o ProxyCommand=./x", Connection),
        ("[ssh_connection]\nssh_common_args = -o ProxyCommand=./x", Connection),
        ("[ssh_connection]\ncontrol_path = /tmp/%h", Writes),
        ("[defaults]\nhost_key_checking = False", Connection),
        ("[paramiko_connection]\nproxy_command = ./x", Connection),
        ("[DEFAULT]\nroles_path = roles", Unknown),
        ("[defaults]\nbrand_new = 1", Unknown),
        ("roles_path = before_any_section", Unknown),
        ("[defaults]\nnonsense", Unknown),
    ] {
        let it = allowed(setting);
        assert_eq!((it.text.as_str(), it.ignored.len()), ("", 1), "{setting}");
        assert_eq!(it.ignored[0].why, why, "{setting}");
    }
}

#[test]
fn paths_stay_in_the_repository() {
    for outside in [
        "/etc/ansible/roles",
        "~/.ansible/roles",
        "../roles",
        "a/../../b",
        "$HOME/r",
        "{{CWD}}/r",
        "r\n /etc",
    ] {
        let it = allowed(&format!("[defaults]\nroles_path = {outside}\n"));
        assert_eq!((it.text.as_str(), it.roles_path.len()), ("", 0), "{outside}");
        assert_eq!(it.ignored[0].why, Refusal::Outside, "{outside}");
    }
    let it = allowed("[defaults]\ncollections_paths = vendor:~/.ansible/collections\n");
    assert_eq!((it.text.as_str(), it.ignored.len()), ("[defaults]\ncollections_path = /tree/vendor\n", 1));
    assert_eq!(it.collections_path, ["/tree/vendor"]);
}

#[test]
fn no_value_brings_another_setting_with_it() {
    let it = allowed(
        "[defaults]\nforks = 5\n  [ssh_connection]\n  ssh_args = x\nansible_managed = {{ lookup('pipe', 'x') }}\n",
    );
    assert_eq!(it.text, "");
    for value in ["5\r\nssh_args = x", "5]", "5 # no comment to Ansible"] {
        assert_eq!(
            allowed(&format!("[defaults]\nforks = {value}")).text.matches("ssh").count(),
            0,
            "{value}"
        );
    }
    assert_eq!(
        refused("[defaults]\nforks = 5\nforks = 6"),
        [("defaults.forks".to_owned(), 3, Refusal::Twice)]
    );
    assert_eq!(allowed("[defaults]\nforks = 5 ; few\n;gathering = smart\n").text, "[defaults]\nforks = 5\n");
    // Names from outside are shown, so they are cleaned.
    assert_eq!(refused("[defa\u{1b}]\n\u{202e}x = 1")[0].0, "defa\\u{1b}.\\u{202e}x");
    let long = "[x]\n".to_owned() + &"k = 1\n".repeat(100_000);
    assert_eq!(allowed(&long).ignored.len(), MOST_NAMED);
}

#[test]
fn what_holds_is_documented() {
    let page = include_str!("../../../docs/preview-sandbox.md");
    for (section, key) in table::all() {
        assert!(key == "collections_paths" || page.contains(&format!("`{key}`")), "[{section}] {key}");
        assert!(page.contains(&format!("`[{section}]`")), "[{section}]");
    }
}
