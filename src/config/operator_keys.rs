//! The keys of the operator's file. Checks, defaults, suggestions, schema and docs are all made from these tables.

use super::alert_keys::ALERTS;
use super::audit::AUDIT;
use super::forge::FORGE;
use super::limit_keys::{CHECKOUT, FETCH, RETENTION, RETRY, RUN};
use super::merge_requests::MERGE_REQUESTS;
use super::shape::{self, Key, Presence, Shape};
use super::sign_in::{PUBLIC_URL, SIGN_IN};
use super::signatures::SIGNATURES;
use super::stack_keys::{AIRBAG, DAILY_HEALS, MAX_TASK_TIME, STACK};
use super::tls::TLS;
use super::units::{DAY, MIB, SECOND, TIB};
use super::webhook::{WEBHOOK, WEBHOOKS};
use super::windows::{FREEZE, WINDOW};

pub(super) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, presence: Presence::Required, about }
}

pub(super) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, presence: Presence::Optional, about }
}

pub(super) const fn with_default(
    name: &'static str,
    shape: Shape,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key { name, shape, presence: Presence::Default(default), about }
}

pub(super) const PATH: Shape = Shape::Text(&shape::ABSOLUTE);

/// The top of the file.
pub(super) static OPERATOR: &[Key] = &[
    required(
        "sources",
        Shape::Named(&shape::SOURCE_NAME, &Shape::Group(SOURCE), false),
        "The Git repositories that are followed, by a name of your choice; `{}` follows none yet.",
    ),
    with_default(
        "listen",
        Shape::Text(&shape::LISTENER),
        "127.0.0.1:9847",
        "Where pages, the API, metrics and health are served over HTTP.",
    ),
    with_default(
        "listen_publicly",
        Shape::Switch,
        "false",
        "Allow `listen` to be an address that other machines reach although there is no `tls`, because of a proxy in front.",
    ),
    optional(
        "tls",
        Shape::Group(TLS),
        "The TLS that `listen` speaks. Absent: none, which is for this machine alone.",
    ),
    optional(
        "public_url",
        Shape::Text(&PUBLIC_URL),
        "Where browsers reach driftless, for example `https://fleet.example.org`; links in messages lead there. Requests of browsers must come from there; with `https`, cookies are for it alone. A change counts after a restart.",
    ),
    optional("sign_in", Shape::Group(SIGN_IN), "How people sign in, beside tokens and links."),
    with_default(
        "admin_group",
        Shape::Text(&shape::GROUP),
        "driftless-admin",
        "Members of this group, and root, may act through the command line.",
    ),
    optional("limits", Shape::Group(LIMITS), "What runs and fetches may use."),
    optional("retention", Shape::Group(RETENTION), "How long records are kept."),
    with_default(
        "raw_log",
        Shape::Switch,
        "false",
        "Keep what `ansible-playbook` printed. It may hold secrets that Ansible printed.",
    ),
    optional(
        "aliases",
        Shape::Named(&shape::HOST, &Shape::Text(&shape::MACHINE), false),
        "Machines that inventories call or reach in different ways, each with its one name. Two runs are never on one machine at once if one of them changes it.",
    ),
    optional("alerts", Shape::Group(ALERTS), "Who is told of what goes wrong, and of when it is over."),
    optional("audit", Shape::Group(AUDIT), "The audit chain and what vouches for it."),
    optional("redact", Shape::Group(REDACT), "What is kept out of records, beside what is always."),
    optional("metrics", Shape::Group(METRICS), "What Prometheus is told."),
    optional("webhooks", Shape::Group(WEBHOOKS), "What holds for the webhooks of all sources."),
    with_default(
        "state_dir",
        PATH,
        "/var/lib/driftless",
        "The database, the records of runs and what stacks keep between runs.",
    ),
    with_default(
        "run_dir",
        PATH,
        "/run/driftless",
        "The socket of the command line and what lives as long as a run.",
    ),
    with_default(
        "cache_dir",
        PATH,
        "/var/cache/driftless",
        "Copies of repositories and managed runtimes. Can be deleted while driftless is stopped.",
    ),
    optional(
        "system_ansible",
        PATH,
        "The `ansible-playbook` of the runtime `system`. Absent: the first one on the `PATH` of the daemon.",
    ),
    optional(
        "python",
        PATH,
        "The Python that managed runtimes are built with. Absent: `python3` on the `PATH` of the daemon.",
    ),
];

static SOURCE: &[Key] = &[
    required(
        "url",
        Shape::Text(&shape::URL),
        "Where the repository is: `https://…`, `ssh://…`, `user@host:path`, or a repository on this machine as an absolute path or `file:///…`. No password in it.",
    ),
    with_default(
        "reference",
        Shape::Text(&shape::REFERENCE),
        "main",
        "The branch that is followed, or a tag as `refs/tags/` and its name.",
    ),
    with_default(
        "poll",
        Shape::Duration(SECOND, DAY),
        "60s",
        "How long after a fetch the next one is due, with a little jitter. A repository on this machine is also watched, so that a push is seen at once.",
    ),
    with_default(
        "rewinds",
        Shape::Choice(&["ask", "follow"]),
        "ask",
        "What happens when the branch moves to something that does not descend from the last admitted commit: wait for a person (`driftless approve`), or follow.",
    ),
    optional("signatures", Shape::Group(SIGNATURES), "What has to be signed, and by whom."),
    optional(
        "windows",
        Shape::List(&Shape::Group(WINDOW)),
        "When applies may start: each with `cron`, `for` and `timezone`. Absent: at all times.",
    ),
    optional(
        "freezes",
        Shape::List(&Shape::Group(FREEZE)),
        "When no apply starts, whatever window is open: each with `from`, `to`, `timezone` and `reason`.",
    ),
    optional(
        "run_as",
        Shape::Text(&shape::USER),
        "The user on this machine that runs of this source belong to. Needed when driftless runs as a service; give each source its own.",
    ),
    optional(
        "merge_requests",
        Shape::Group(MERGE_REQUESTS),
        "How merge requests are previewed. Needs `forge`.",
    ),
    optional(
        "approvals",
        Shape::Count(1, 100),
        "Admit only commits that were merged through a merge request which so many people approved of, its author not counted. Needs `forge`. Absent: what is pushed is admitted.",
    ),
    optional("credentials", Shape::Group(CREDENTIALS), "How the repository is reached."),
    optional(
        "webhook",
        Shape::Group(WEBHOOK),
        "Who may tell that the repository moved, so that driftless looks at once.",
    ),
    optional("access", Shape::Group(ACCESS), "How the hosts are reached, for all stacks of this source."),
    optional(
        "forge",
        Shape::Group(FORGE),
        "Where the merge requests of the repository are. Absent: none are looked at.",
    ),
    optional(
        "stacks",
        Shape::Named(&shape::STACK_NAME, &Shape::Group(STACK), false),
        "What you say of single stacks. It outranks what the repository says.",
    ),
];

static CREDENTIALS: &[Key] = &[
    optional("ssh_key", Shape::Secret, "A private key without a passphrase."),
    optional("ssh_agent", PATH, "The socket of an ssh agent, for hardware keys and keys with a passphrase."),
    optional("known_hosts", PATH, "The host keys of the Git server. An unknown or changed key is refused."),
    optional(
        "ssh_config",
        PATH,
        "An ssh configuration, for jump hosts and certificates. Absent: none is read.",
    ),
    with_default(
        "https_user",
        Shape::Text(&shape::HTTPS_USER),
        "git",
        "The user name that goes with `https_token`.",
    ),
    optional("https_token", Shape::Secret, "A token or password for `https://`."),
    optional(
        "git_credentials",
        PATH,
        "A file of `git credential-store`, one URL with user and password a line.",
    ),
    optional(
        "ca_bundle",
        PATH,
        "Certificates that the Git server may be signed by, instead of those of the system.",
    ),
];

pub(super) static ACCESS: &[Key] = &[
    optional("ssh_key", Shape::Secret, "A private key without a passphrase."),
    optional("ssh_agent", PATH, "The socket of an ssh agent, for hardware keys and keys with a passphrase."),
    optional(
        "known_hosts",
        PATH,
        "The host keys of the hosts. An unknown or changed key makes a host unreachable.",
    ),
    optional(
        "ssh_config",
        PATH,
        "An ssh configuration, for jump hosts and certificates. Absent: none is read.",
    ),
    optional(
        "remote_user",
        Shape::Text(&shape::REMOTE_USER),
        "The user to log in as, where the inventory names none.",
    ),
    optional("become_password", Shape::Secret, "The password that `become` asks for."),
    optional(
        "vault",
        Shape::Named(&shape::VAULT_ID, &Shape::Secret, false),
        "Vault passwords by vault id; `default` is the one without an id.",
    ),
    optional(
        "environment",
        Shape::Named(&shape::VARIABLE_OF_PROCESS, &Shape::Secret, false),
        "Environment variables for the run, each from a file or a credential.",
    ),
    optional(
        "python",
        PATH,
        "The Python that managed runtimes of this source are built with, instead of the top-level `python`.",
    ),
];

static REDACT: &[Key] = &[
    optional(
        "paths",
        Shape::List(&Shape::Text(&shape::GLOB)),
        "Files on hosts of which only is kept that they differ, and no diff: `*`, `?` and `**` are understood. One that does not begin with `/` holds in any directory, one that ends with `/` for all that is below.",
    ),
    optional(
        "names",
        Shape::List(&Shape::Text(&shape::KEY)),
        "Further names whose value is a secret, wherever a result or a diff has them.",
    ),
];

static METRICS: &[Key] = &[with_default(
    "hosts",
    Shape::Count(0, 100_000),
    "500",
    "How many hosts have series of their own, over all stacks. Those that drifted or are owed something come first; how many were left out is told.",
)];

static LIMITS: &[Key] = &[
    with_default(
        "runs",
        Shape::Count(1, 256),
        "4",
        "How many runs may be live at once. One stack has at most one.",
    ),
    with_default(
        "timeout",
        Shape::Duration(SECOND, 7 * DAY),
        "1h",
        "A run that takes longer is ended. A repository may ask for less; more is given only under `sources.<source>.stacks.<stack>.timeout`.",
    ),
    with_default(
        "silence",
        Shape::Duration(10 * SECOND, 7 * DAY),
        "30m",
        "A run that says nothing for longer is ended.",
    ),
    with_default("output", Shape::Size(MIB, TIB), "256MiB", "A run that says more is ended."),
    with_default(
        "free_disk",
        Shape::Size(MIB, TIB),
        "256MiB",
        "With less free where `state_dir` and `cache_dir` are, no run starts; reading goes on.",
    ),
    with_default(
        "drain",
        Shape::Duration(SECOND, DAY),
        "10m",
        "How long applies may go on after driftless was told to stop. `TimeoutStopSec=` of the unit must be longer.",
    ),
    with_default(
        "daily_heals",
        DAILY_HEALS,
        "3",
        "How often in 24 hours one difference on one host is corrected at most. What comes back more often is reported.",
    ),
    optional("airbag", Shape::Group(AIRBAG), "What is held until a person approves it."),
    with_default(
        "max_task_time",
        MAX_TASK_TIME,
        "30m",
        "How long a task may go on at a host after its connection broke. So long the host stays locked, unless a look at it finds nothing left.",
    ),
    optional("retry", Shape::Group(RETRY), "The pauses before a failed apply is tried again."),
    optional("fetch", Shape::Group(FETCH), "How long talking to a Git server may take."),
    optional("checkout", Shape::Group(CHECKOUT), "How large the tree of a commit may be."),
    optional(
        "run",
        Shape::Group(RUN),
        "What the processes of one run may use. Absent: no limit beyond that of the unit.",
    ),
];
