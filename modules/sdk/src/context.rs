//! What Ansible tells a module besides its arguments, and what a module tells besides its result.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::core::Core;
use crate::output::{self, Deprecation};
use crate::specification::Due;
use crate::value::{Map as Arguments, Value};

/// How a task was started, and a place for warnings, deprecations and facts.
///
/// It can be shared by threads.
#[derive(Debug)]
pub struct Context {
    /// The full name of the module, `driftless.core.tree`.
    pub module_name: String,
    /// Whether nothing may be changed.
    pub check_mode: bool,
    /// Whether `--diff` was given.
    pub diff: bool,
    /// How many `-v` were given.
    pub verbosity: u64,
    /// The version of ansible-core; the newest known if it does not say.
    pub core: Core,
    /// Whether the task is `no_log`.
    pub no_log: bool,
    /// Where temporary files may be made; Ansible removes it. Not set with `become` to an unprivileged user.
    pub temporary_directory: Option<PathBuf>,
    /// Where temporary files go if there is no such directory, `~` not expanded.
    pub remote_tmp: Option<String>,
    /// The shell for commands.
    pub shell: String,
    /// File systems on which contexts of `SELinux` cannot be set.
    pub selinux_special_filesystems: Vec<String>,
    pub(crate) inject_invocation: bool,
    pub(crate) ignore_unknown_options: bool,
    pub(crate) told: Mutex<Told>,
}

/// What the module told so far.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) warnings: Vec<String>,
    pub(crate) deprecations: Vec<Deprecation>,
    pub(crate) facts: Map<String, Json>,
    pub(crate) returned: Map<String, Json>,
    pub(crate) secrets: Vec<String>,
    pub(crate) changed: bool,
}

impl Context {
    /// Takes the `_ansible_` keys out of the arguments. Unknown ones are ignored: each version adds some.
    pub(crate) fn take(arguments: &mut Arguments, default_name: &str) -> Self {
        let text = |key: &str| arguments.get(key).and_then(Value::as_str).map(str::to_owned);
        let truth = |key: &str| matches!(arguments.get(key), Some(Value::Bool(true)));
        let context = Self {
            module_name: text("_ansible_module_name").unwrap_or_else(|| default_name.to_owned()),
            check_mode: truth("_ansible_check_mode"),
            diff: truth("_ansible_diff"),
            verbosity: match arguments.get("_ansible_verbosity") {
                Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
                _ => 0,
            },
            core: text("_ansible_version").map_or(Core::NEWEST, |it| Core::parse(&it)),
            no_log: truth("_ansible_no_log"),
            temporary_directory: text("_ansible_tmpdir").map(PathBuf::from),
            remote_tmp: text("_ansible_remote_tmp"),
            shell: text("_ansible_shell_executable").unwrap_or_else(|| "/bin/sh".to_owned()),
            selinux_special_filesystems: special_filesystems(arguments),
            // Before 2.21 there was no such key, and every module reported how it was called.
            inject_invocation: !arguments.contains("_ansible_inject_invocation")
                || truth("_ansible_inject_invocation"),
            ignore_unknown_options: truth("_ansible_ignore_unknown_opts"),
            told: Mutex::default(),
        };
        arguments.retain(|key| !key.starts_with("_ansible_"));
        context
    }

    /// Warns. The task does not fail of it.
    pub fn warn(&self, message: impl Into<String>) {
        let message = message.into();
        let mut told = self.told();
        if !told.warnings.contains(&message) {
            told.warnings.push(message);
        }
    }

    /// Says that something will go.
    pub fn deprecate(&self, message: impl Into<String>, due: Due, collection: &str) {
        let deprecation = Deprecation::new(message.into(), due, Some(collection.to_owned()));
        let mut told = self.told();
        if !told.deprecations.contains(&deprecation) {
            told.deprecations.push(deprecation);
        }
    }

    /// Sets a fact of the host. What cannot be JSON is left out.
    pub fn fact(&self, name: &str, value: impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            self.told().facts.insert(name.to_owned(), value);
        }
    }

    /// Adds a key to the result that only doing it can tell, such as the output of a command. What the plan knows belongs
    /// into what the module returns.
    pub fn add(&self, key: &str, value: impl Serialize) {
        if let Ok(value) = serde_json::to_value(value) {
            self.told().returned.insert(key.to_owned(), value);
        }
    }

    /// Says that an [`Action`](crate::Action) changed something. A [`Module`](crate::Module) has its plan for that.
    pub fn changed(&self) {
        self.told().changed = true;
    }

    /// Keeps a text out of the result, as the values of `no_log` parameters are.
    pub fn hide(&self, secret: impl Into<String>) {
        let secret = secret.into();
        if !secret.is_empty() {
            output::remember([secret.clone()]);
            self.told().secrets.push(secret);
        }
    }

    /// The temporary directory, or the system's.
    pub fn temporary(&self) -> &Path {
        self.temporary_directory.as_deref().unwrap_or_else(|| Path::new("/tmp"))
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        // What a panicking thread told before is still true.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn special_filesystems(arguments: &Arguments) -> Vec<String> {
    match arguments.get("_ansible_selinux_special_fs") {
        Some(Value::List(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"].map(str::to_owned).to_vec(),
    }
}
