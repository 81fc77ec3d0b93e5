//! Every setting that holds in a preview, with the form of its value, and why others do not.
//!
//! Decided key by key from what `ansible-config list` tells on ansible-core 2.16 and 2.22. What neither knows, or
//! what comes later, does not hold.

use serde::{Deserialize, Serialize};

/// Why a setting does not hold in a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It names a program, or its arguments.
    Program,
    /// It names plugins, or where they are.
    Plugin,
    /// It says where something is written or kept.
    Writes,
    /// It says how hosts are reached and known.
    Connection,
    /// It names secrets, or asks for them.
    Secret,
    /// A path of it leaves the repository; those that stay hold.
    Outside,
    /// Its value is not of the form that is allowed.
    Value,
    /// It is written more than once.
    Twice,
    /// It changes nothing that a preview shows, or the stack says it.
    Unneeded,
    /// It is not known.
    Unknown,
}

impl Refusal {
    /// The reason, as the end of a sentence that begins with the setting.
    pub fn words(self) -> &'static str {
        match self {
            Self::Program => "names a program or its arguments",
            Self::Plugin => "names plugins or where they are",
            Self::Writes => "says where something is written",
            Self::Connection => "says how hosts are reached, which is the operator's to say",
            Self::Secret => "names secrets or asks for them",
            Self::Outside => "has a path outside of the repository",
            Self::Value => "has a value that previews do not allow",
            Self::Twice => "is written twice",
            Self::Unneeded => "changes nothing in a preview",
            Self::Unknown => "is not known to driftless",
        }
    }
}

/// A value that holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Plain(String),
    Paths(Vec<String>),
}

/// The form that a value must have.
#[derive(Clone, Copy)]
enum Form {
    Switch,
    Number,
    /// One of these.
    Word(&'static [&'static str]),
    /// Some of these.
    Words(&'static [&'static str]),
    /// Any words.
    List,
    /// A name of a user.
    Name,
    /// A sentence without templates.
    Text,
    Paths,
}

use Form::{List, Name, Number, Paths, Switch, Text, Word, Words};

/// Section, key, form.
const HOLDS: &[(&str, &str, Form)] = &[
    ("connection", "pipelining", Switch),
    ("defaults", "allow_broken_conditionals", Switch),
    ("defaults", "allow_embedded_templates", Switch),
    ("defaults", "ansible_managed", Text), // It stands in most templates.
    ("defaults", "any_errors_fatal", Switch),
    ("defaults", "collections_on_ansible_version_mismatch", Word(&["error", "warning", "ignore"])),
    ("defaults", "collections_path", Paths),
    ("defaults", "collections_paths", Paths),
    ("defaults", "duplicate_dict_key", Word(&["error", "warn", "ignore"])),
    ("defaults", "error_on_missing_handler", Switch),
    ("defaults", "error_on_undefined_vars", Switch),
    ("defaults", "force_handlers", Switch),
    ("defaults", "force_valid_group_names", Word(&["always", "never", "ignore", "silently"])),
    ("defaults", "forks", Number),
    ("defaults", "gather_subset", List),
    ("defaults", "gather_timeout", Number),
    ("defaults", "gathering", Word(&["implicit", "explicit", "smart"])),
    ("defaults", "hash_behaviour", Word(&["replace", "merge"])),
    ("defaults", "inject_facts_as_vars", Switch),
    ("defaults", "interpreter_python", Word(&["auto", "auto_legacy", "auto_legacy_silent", "auto_silent"])),
    ("defaults", "invalid_task_attribute_failed", Switch),
    ("defaults", "inventory_ignore_extensions", List),
    ("defaults", "inventory_ignore_patterns", List),
    ("defaults", "jinja2_native", Switch),
    ("defaults", "max_diff_size", Number),
    ("defaults", "no_log", Switch),
    ("defaults", "pipelining", Switch),
    ("defaults", "playbook_vars_root", Word(&["top", "bottom", "all"])),
    ("defaults", "poll_interval", Number),
    (
        "defaults",
        "precedence",
        Words(&[
            "all_inventory",
            "all_plugins_inventory",
            "all_plugins_play",
            "groups_inventory",
            "groups_plugins_inventory",
            "groups_plugins_play",
        ]),
    ),
    ("defaults", "private_role_vars", Switch),
    ("defaults", "remote_port", Number),
    ("defaults", "remote_user", Name),
    ("defaults", "roles_path", Paths),
    ("defaults", "run_vars_plugins", Word(&["demand", "start"])),
    (
        "defaults",
        "strategy",
        Word(&[
            "ansible.builtin.free",
            "ansible.builtin.host_pinned",
            "ansible.builtin.linear",
            "free",
            "host_pinned",
            "linear",
        ]),
    ),
    ("defaults", "string_conversion_action", Word(&["error", "warn", "ignore"])),
    ("defaults", "task_timeout", Number),
    ("defaults", "timeout", Number),
    ("defaults", "transport", Word(&["smart", "ssh"])),
    ("defaults", "yaml_valid_extensions", List),
    ("diff", "context", Number),
    ("inventory", "any_unparsed_is_failed", Switch),
    (
        "inventory",
        "enable_plugins",
        Words(&[
            "advanced_host_list",
            "ansible.builtin.advanced_host_list",
            "ansible.builtin.auto",
            "ansible.builtin.constructed",
            "ansible.builtin.generator",
            "ansible.builtin.host_list",
            "ansible.builtin.ini",
            "ansible.builtin.script",
            "ansible.builtin.toml",
            "ansible.builtin.yaml",
            "auto",
            "constructed",
            "generator",
            "host_list",
            "ini",
            "script",
            "toml",
            "yaml",
        ]),
    ),
    ("inventory", "host_pattern_mismatch", Word(&["warning", "error", "ignore"])),
    ("inventory", "ignore_extensions", List),
    ("inventory", "ignore_patterns", List),
    ("inventory", "unparsed_is_failed", Switch),
    ("jinja2", "dont_type_filters", List),
    ("privilege_escalation", "become", Switch),
    ("privilege_escalation", "become_allow_same_user", Switch),
    (
        "privilege_escalation",
        "become_method",
        Word(&["ansible.builtin.su", "ansible.builtin.sudo", "doas", "su", "sudo"]),
    ),
    ("privilege_escalation", "become_user", Name),
    ("ssh_connection", "pipelining", Switch),
    ("ssh_connection", "retries", Number),
    ("tags", "run", List),
    ("tags", "skip", List),
];

/// Keys of any section that name a program, or its arguments.
const PROGRAMS: &[&str] = &[
    "ansible_connection_path",
    "become_exe",
    "become_flags",
    "cowpath",
    "editor",
    "executable",
    "interpreter_python",
    "module_args",
    "pager",
    "scp_executable",
    "sftp_executable",
    "ssh_agent",
    "ssh_agent_executable",
    "ssh_executable",
];

/// Keys that name plugins, besides those that end in `_plugins`.
const PLUGINS: &[&str] = &[
    "bin_ansible_callbacks",
    "cache_plugin",
    "callbacks_enabled",
    "callback_whitelist",
    "cow_selection",
    "enable_plugins",
    "fact_caching",
    "facts_modules",
    "jinja2_extensions",
    "library",
    "module_name",
    "module_utils",
    "network_group_modules",
    "plugin_filters_cfg",
    "stdout_callback",
    "strategy",
    "transport",
    "vars_plugins_enabled",
];

/// Keys that say where something is written or kept.
const WRITES: &[&str] = &[
    "cache",
    "cache_connection",
    "cache_dir",
    "control_path",
    "control_path_dir",
    "fact_caching_connection",
    "fact_caching_prefix",
    "fact_caching_timeout",
    "fact_path",
    "home",
    "keep_remote_files",
    "local_tmp",
    "log_path",
    "remote_tmp",
    "remote_tmpdir",
    "retry_files_enabled",
    "retry_files_save_path",
];

/// Keys about secrets, besides those that begin with `vault_` or `ask_`, or hold `password`.
const SECRETS: &[&str] = &["become_ask_pass", "private_key_file", "token", "token_path"];

/// Keys about how hosts are reached, besides all others of the sections below.
const CONNECTIONS: &[&str] =
    &["become_method", "host_key_checking", "record_host_keys", "remote_user", "remote_port"];

/// Sections about how hosts are reached.
const CONNECTION_SECTIONS: &[&str] =
    &["connection", "netconf_connection", "paramiko_connection", "persistent_connection", "ssh_connection"];

/// Sections without any effect on a preview.
const UNNEEDED_SECTIONS: &[&str] = &["colors", "diff", "galaxy", "inventory", "jinja2", "selinux"];

/// Judges one setting: where it stands, and the value that is written.
pub(super) fn judge(
    section: &str,
    key: &str,
    value: &str,
) -> Result<((&'static str, &'static str), Value), Refusal> {
    let Some((section, key, form)) = HOLDS.iter().find(|it| it.0 == section && it.1 == key) else {
        return Err(refusal(section, key));
    };
    // The old name, which newer versions have forgotten.
    let key = if *key == "collections_paths" { "collections_path" } else { *key };
    form.accept(value).map(|value| ((*section, key), value)).ok_or_else(|| {
        match refusal(section, key) {
            // A word that is none of the known ones is a program or a plugin here.
            why @ (Refusal::Program | Refusal::Plugin) => why,
            _ => Refusal::Value,
        }
    })
}

/// The settings that hold.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    HOLDS.iter().map(|it| (it.0, it.1))
}

fn refusal(section: &str, key: &str) -> Refusal {
    let ends = |end| key.ends_with(end);
    if PROGRAMS.contains(&key) || ends("_executable") {
        Refusal::Program
    } else if PLUGINS.contains(&key) || ends("_plugins") || section.starts_with("callback_") {
        Refusal::Plugin
    } else if WRITES.contains(&key) {
        Refusal::Writes
    } else if SECRETS.contains(&key)
        || key.starts_with("vault_")
        || key.starts_with("ask_")
        || key.contains("password")
    {
        Refusal::Secret
    } else if CONNECTIONS.contains(&key) || CONNECTION_SECTIONS.contains(&section) || key.starts_with("ssh_")
    {
        Refusal::Connection
    } else if UNNEEDED_SECTIONS.contains(&section) || UNNEEDED.contains(&key) {
        Refusal::Unneeded
    } else {
        Refusal::Unknown
    }
}

/// Keys of `[defaults]` and `[privilege_escalation]` about how Ansible talks to people, and what the stack says.
const UNNEEDED: &[&str] = &[
    "action_warnings",
    "agnostic_become_prompt",
    "allow_unsafe_lookups",
    "become_allow_same_user",
    "collections_scan_sys_path",
    "command_warnings",
    "cowsay_enabled_stencils",
    "debug",
    "deprecation_warnings",
    "devel_warning",
    "display_args_to_stdout",
    "display_failed_stderr",
    "display_ok_hosts",
    "display_skipped_hosts",
    "display_traceback",
    "docsite_root_url",
    "enable_task_debugger",
    "force_color",
    "inject_invocation",
    "internal_poll_interval",
    "inventory",
    "jinja2_native_warning",
    "localhost_warning",
    "log_filter",
    "log_verbosity",
    "module_compression",
    "module_ignore_exts",
    "module_strict_utf8_response",
    "no_target_syslog",
    "nocolor",
    "nocows",
    "null_representation",
    "old_plugin_cache_clear",
    "playbook_dir",
    "python_module_rlimit_nofile",
    "result_format",
    "show_custom_stats",
    "show_per_host_start",
    "su",
    "sudo",
    "syslog_facility",
    "system_warnings",
    "target_log_info",
    "task_debugger_ignore_errors",
    "use_persistent_connections",
    "validate_action_group_metadata",
    "verbose_to_stderr",
    "verbosity",
    "win_async_startup_timeout",
    "worker_session_isolation",
];

impl Form {
    fn accept(self, given: &str) -> Option<Value> {
        let given = given.trim();
        let bare = given.trim_matches(['"', '\'']).trim();
        let plain = |it: bool| it.then(|| Value::Plain(bare.to_owned()));
        let all = |extra: &str, of: &str| {
            !of.is_empty() && of.chars().all(|it| it.is_ascii_alphanumeric() || extra.contains(it))
        };
        let words = || bare.split(',').map(str::trim);
        match self {
            Switch => plain(SWITCHES.contains(&bare.to_ascii_lowercase().as_str())),
            Number => plain(bare.parse::<u32>().is_ok_and(|it| it <= 1_000_000)),
            Word(known) => plain(known.contains(&bare)),
            Words(known) => plain(words().all(|word| known.contains(&word))),
            List => plain(all("._-~*^$!: \t,", bare)),
            Name => plain(all("._-", bare) && !bare.starts_with('-')),
            Text => {
                plain(!bare.is_empty() && !bare.contains(['{', '\n']) && !bare.contains(char::is_control))
            }
            Paths => {
                let paths = bare.split(':').map(|it| it.trim().to_owned()).filter(|it| !it.is_empty());
                Some(Value::Paths(paths.collect()))
            }
        }
    }
}

/// What Ansible takes for yes and no.
const SWITCHES: &[&str] = &["0", "1", "f", "false", "n", "no", "off", "on", "t", "true", "y", "yes"];
