//! What Ansible tells while it runs, one event at a time.
//!
//! No arguments. What a result said (`msg`, `stdout`, `stderr`, diffs) is here only after redaction, and of a task
//! with `no_log` never: of that only status, module and `changed` are told.

use serde::{Deserialize, Serialize};

use super::{AskedPlay, HostName, HostStats, Timestamp};

/// The number of a task within one run, given by the order in which tasks begin. Results refer to it.
pub type TaskNumber = u32;

/// What identifies a task across runs, and, with the line, within one revision.
///
/// The uuid that Ansible gives a task is new in each run, and the line moves with each edit above it (measured,
/// `ansible-facts` F9), so neither is the identity alone.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct TaskIdentity {
    /// The file, relative to the checkout.
    pub path: String,
    /// The line in that file.
    pub line: u32,
    /// The role it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The module or action, as the playbook writes it.
    pub action: String,
    /// Its name before templating; empty if it has none.
    #[serde(default)]
    pub name: String,
    /// The how-manieth task with the same path, role, action and name in this run, from 0.
    #[serde(default)]
    pub occurrence: u32,
}

/// Which item of a loop. Items can hold secrets, so only their position and a keyed digest are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ItemId {
    /// Position in the loop, from 0.
    pub index: u32,
    /// Keyed digest of the item's value, hexadecimal; empty for `no_log`.
    #[serde(default)]
    pub digest: String,
}

/// How a task ended on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResultStatus {
    /// It succeeded; `changed` says whether it changed something.
    Ok,
    /// It failed.
    Failed,
    /// It failed and the playbook tolerates that (`ignore_errors`).
    Ignored,
    /// It was not executed.
    Skipped,
    /// The host did not answer.
    Unreachable,
    /// The host did not answer and the playbook tolerates that (`ignore_unreachable`).
    UnreachableIgnored,
}

/// One task on one host, or one item of its loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskResult {
    /// The host.
    pub host: HostName,
    /// The task, by its number in this run.
    pub task: TaskNumber,
    /// The loop item, where the result is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// How it ended.
    pub status: ResultStatus,
    /// Whether it changed something, or would have in check mode.
    #[serde(default)]
    pub changed: bool,
    /// Wall time in milliseconds, as far as it is known.
    #[serde(default)]
    pub duration_ms: u64,
    /// The module after resolution (`ansible.builtin.copy`); the one that was executed.
    #[serde(default)]
    pub module: String,
    /// Whether it was executed for real although the run is in check mode (`check_mode: false`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_real: bool,
    /// Whether check mode could not simulate it: skipped without a condition (`ansible-facts` F3).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blind: bool,
    /// Whether its content is hidden by `no_log`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_log: bool,
    /// The host that it was delegated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_to: Option<HostName>,
    /// How many items of a loop were told before this result of the whole; 0 for a task without a loop.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub items: u32,
    /// Whether it was skipped because it looked and found nothing to do (`creates`, `removes`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub satisfied: bool,
    /// Whether it rests on a result that check mode could not simulate, so that nothing it says can be believed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tainted: bool,
    /// Keyed digest of the content that a change wants; empty if the module told none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff_digest: String,
    /// What it said, redacted; only of results that people look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Detail>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde wants")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a result said. Everything in it went through redaction before it was written anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Detail {
    /// The message of the module.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub msg: String,
    /// Standard output of what it executed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// Standard error of what it executed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// Exit status of what it executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rc: Option<i64>,
    /// What it changes, or would change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<Diff>,
    /// Whether a text was too long and was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// One difference between what is and what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Diff {
    /// What it is about: a path on the host, in most cases.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// How it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// How it is wanted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub after: String,
    /// A difference that the module made itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prepared: String,
    /// Whether the texts are left out because of the path: only that they differ is known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// How a host is reached, as far as the inventory says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct HostAddress {
    /// Its name in the inventory.
    pub name: String,
    /// `ansible_host`; empty if it is its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// `ansible_port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `ansible_connection`: `local` is the control node.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// `ansible_user`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
}

/// One thing that Ansible told, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunEvent {
    /// When, by the clock of the control node; milliseconds since 1970 in its written form.
    #[serde(with = "jiff::fmt::serde::timestamp::millisecond::required")]
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: RunEventKind,
}

/// What Ansible told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEventKind {
    /// The callback is loaded: the first event of every run.
    Hello {
        /// Version of ansible-core.
        ansible: String,
        /// Version of Python.
        python: String,
    },
    /// The playbook begins.
    PlaybookStarted {
        /// How many plays it has, imported playbooks included.
        plays: u32,
    },
    /// A play (or one `serial` batch of it) begins.
    PlayStarted {
        /// Its name, or its host pattern.
        name: String,
        /// How many hosts it has.
        hosts: u32,
        /// Terms of its host pattern and of the limit that name no known host or group: a typo, most likely.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<String>,
        /// Whether an earlier task made hosts or groups, so that an unknown term may be right.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dynamic: bool,
    },
    /// A play matched no host.
    NoHostsMatched,
    /// Inventory and limit together leave no host: Ansible ends before its first play.
    NoHostsLeft {
        /// Terms of the limit that name no known host or group.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<String>,
    },
    /// All hosts of a play failed.
    NoHostsRemaining,
    /// The playbook asks a person for input, which a daemon cannot give.
    PromptRefused {
        /// The variable asked for.
        variable: String,
    },
    /// A task or handler begins.
    TaskStarted {
        /// Its number in this run.
        task: TaskNumber,
        /// What it is.
        #[serde(flatten)]
        identity: TaskIdentity,
        /// Whether it is a handler.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        handler: bool,
    },
    /// A file was included.
    Included {
        /// The file, relative to the checkout.
        path: String,
        /// For how many hosts.
        hosts: u32,
    },
    /// A changed task notified a handler.
    Notified {
        /// The host.
        host: HostName,
        /// The notification, as the task gave it.
        handler: String,
        /// The task that notified.
        #[serde(default)]
        task: TaskNumber,
        /// Which play of the playbook, from 0.
        #[serde(default)]
        play: u32,
        /// Which part of the play: 0 `pre_tasks`, 1 roles and tasks, 2 `post_tasks`.
        #[serde(default)]
        section: u32,
        /// Whether the task came from an include that need not be there again.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dynamic: bool,
    },
    /// All handlers that a notification stood for have run on a host.
    HandlerDone {
        /// The host.
        host: HostName,
        /// The notification.
        handler: String,
    },
    /// A notification named no handler that exists.
    HandlerOrphan {
        /// The host.
        host: HostName,
        /// The notification.
        handler: String,
    },
    /// A handler that an earlier run owed has run.
    DebtPaid {
        /// Its place in the debts that the run was given.
        debt: u32,
    },
    /// A handler that an earlier run owed does not exist any more.
    DebtOrphan {
        /// Its place in the debts that the run was given.
        debt: u32,
    },
    /// A part of the hosts of the next [`Self::HostsAsked`].
    HostsPart {
        /// The question that they belong to.
        question: u32,
        /// Some hosts.
        hosts: Vec<HostAddress>,
    },
    /// The run asks whether it may touch these hosts, and waits for the answer.
    HostsAsked {
        /// The number of the question in this run, from 1.
        question: u32,
        /// Which play is about to begin; absent at the start of the playbook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        play: Option<u32>,
        /// All plays, at the start.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        plays: Vec<AskedPlay>,
        /// How many hosts the inventory has.
        #[serde(default)]
        inventory: u32,
        /// The hosts that no part had.
        hosts: Vec<HostAddress>,
    },
    /// The run was not allowed to go on, and ends.
    Refused {
        /// The question that was answered with no.
        question: u32,
        /// Why.
        why: String,
    },
    /// Plaintexts of vaults cannot be announced by this Ansible, so results cannot be redacted.
    AnnouncementsMissing,
    /// A task failed and is tried again (`until`).
    Retried {
        /// The host.
        host: HostName,
        /// The task.
        task: TaskNumber,
        /// Which attempt failed, from 1.
        attempt: u32,
        /// How many are allowed.
        retries: u32,
    },
    /// A task ended on a host.
    TaskEnded(TaskResult),
    /// One item of a loop ended on a host.
    ItemEnded(TaskResult),
    /// Ansible could not go on: it did not parse, an inventory was not readable.
    Error {
        /// Ansible's class of error, for example `AnsibleParserError`.
        class: String,
        /// Where, relative to the checkout, as `file:line`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
        /// Its first line, only where it comes from parsing and so holds no result.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// An inventory source could not be read.
    InventoryUnparsed {
        /// The source, relative to the checkout.
        source: String,
    },
    /// A part of a recap that is too long for one line. [`Self::Stats`] comes after the last part.
    StatsPart {
        /// Counts for some hosts.
        hosts: Vec<(HostName, HostStats)>,
    },
    /// The end: Ansible's PLAY RECAP.
    Stats {
        /// Counts for each host that no part had.
        hosts: Vec<(HostName, HostStats)>,
    },
}
