//! The keys of `driftless.yml` in a repository. Checks, defaults, suggestions, schema and docs are all made from these
//! tables.

use super::shape::{self, Key, Presence, Shape};
use super::units::{DAY, MINUTE, SECOND};

const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, presence: Presence::Optional, about }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, presence: Presence::Required, about }
}

/// The top of the file.
pub(super) static REPOSITORY: &[Key] = &[
    required("version", Shape::Count(1, 1), "The version of this format."),
    optional(
        "ansible",
        Shape::Group(ANSIBLE),
        "The Ansible that runs the stacks. Absent: that of the control node.",
    ),
    required(
        "stacks",
        Shape::Named(&shape::STACK_NAME, &Shape::Group(STACK), true),
        "The stacks, by a name of your choice.",
    ),
];

static ANSIBLE: &[Key] = &[
    Key {
        name: "core",
        shape: Shape::Text(&shape::CORE),
        presence: Presence::Default("system"),
        about: "An exact version of ansible-core, which driftless installs and caches; or `system`, the one on the control node.",
    },
    optional(
        "requirements",
        Shape::Text(&shape::IN_TREE),
        "A file of Python requirements that are installed beside ansible-core.",
    ),
    optional(
        "galaxy",
        Shape::Text(&shape::IN_TREE),
        "A file of collections and roles that are installed, as for `ansible-galaxy install -r`.",
    ),
];

static STACK: &[Key] = &[
    required("playbook", Shape::Text(&shape::IN_TREE), "The playbook, from the root of the repository."),
    required(
        "inventory",
        Shape::Text(&shape::INVENTORY),
        "The inventory file or directory, from the root of the repository.",
    ),
    optional("limit", Shape::Text(&shape::LIMIT), "Only these hosts, as for `--limit`."),
    optional(
        "tags",
        Shape::List(&Shape::Text(&shape::TAG)),
        "Only tasks with one of these tags, as for `--tags`.",
    ),
    optional(
        "skip_tags",
        Shape::List(&Shape::Text(&shape::TAG)),
        "No tasks with one of these tags, as for `--skip-tags`.",
    ),
    optional(
        "extra_vars",
        Shape::Variables,
        "Extra variables. The values are literal: what looks like a template in them is not evaluated. Never put a secret here.",
    ),
    optional(
        "forks",
        Shape::Count(1, 500),
        "How many hosts Ansible works on at once. Absent: Ansible's own setting.",
    ),
    Key {
        name: "apply",
        shape: Shape::Choice(&["on_commit", "manual"]),
        presence: Presence::Default("on_commit"),
        about: "When a new revision is applied: as soon as it is admitted, or when a person asks (`driftless apply`).",
    },
    optional("check", Shape::OneOf(CHECK), "When check mode looks for drift: `every` or `cron`."),
    Key {
        name: "heal",
        shape: Shape::Choice(&["never", "corrective"]),
        presence: Presence::Default("never"),
        about: "Whether drift is corrected, at the revision that was attempted last, or only reported.",
    },
    optional(
        "timeout",
        Shape::Duration(SECOND, 7 * DAY),
        "A run that takes longer is ended. At most what the operator allows (`limits.timeout`), which is also the default.",
    ),
    optional(
        "depends_on",
        Shape::List(&Shape::Text(&shape::STACK_NAME)),
        "Stacks of this repository that must have attempted a revision, without a failed host, before this one applies it.",
    ),
];

static CHECK: &[Key] = &[
    Key {
        name: "every",
        shape: Shape::Interval(MINUTE, 90 * DAY),
        presence: Presence::Default("1h"),
        about: "The time from one check to the next, with a little jitter; `never` checks only when somebody asks.",
    },
    optional(
        "cron",
        Shape::Text(&shape::CRON),
        "The times of checks: minute, hour, day, month and weekday, in UTC.",
    ),
];
