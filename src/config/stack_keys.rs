//! What the operator says of single stacks.

use super::operator_keys::{ACCESS, optional, with_default};
use super::shape::{self, Key, Shape};
use super::units::{DAY, MINUTE, SECOND};
use super::windows::{FREEZE, WINDOW};

/// The keys of one stack.
pub(super) static STACK: &[Key] = &[
    optional(
        "apply",
        Shape::Choice(&["on_commit", "manual"]),
        "When new revisions are applied: as soon as they are admitted, or when a person asks.",
    ),
    with_default(
        "approval",
        Shape::Choice(&["none", "person"]),
        "none",
        "Whether a person has to approve of a new revision, having seen what it would change on which hosts (`driftless approve`).",
    ),
    optional(
        "heal",
        Shape::Choice(&["never", "corrective"]),
        "Whether drift is corrected, or only reported.",
    ),
    optional("check", Shape::OneOf(OVERRIDDEN_CHECK), "When check mode looks for drift: `every` or `cron`."),
    optional(
        "windows",
        Shape::List(&Shape::Group(WINDOW)),
        "The windows of this stack, in the place of those of its source.",
    ),
    optional(
        "freezes",
        Shape::List(&Shape::Group(FREEZE)),
        "Freezes of this stack, beside those of its source.",
    ),
    optional("daily_heals", DAILY_HEALS, "As `limits.daily_heals`, for this stack."),
    optional(
        "airbag",
        Shape::Group(OVERRIDDEN_AIRBAG),
        "What of this stack is held. Key by key it outranks `limits.airbag`.",
    ),
    optional("max_task_time", MAX_TASK_TIME, "As `limits.max_task_time`, for this stack."),
    optional(
        "timeout",
        Shape::Duration(SECOND, 7 * DAY),
        "A run that takes longer is ended. May be longer than `limits.timeout`.",
    ),
    optional("forks", Shape::Count(1, 500), "How many hosts Ansible works on at once."),
    optional(
        "access",
        Shape::Group(ACCESS),
        "How the hosts of this stack are reached. Key by key it outranks the `access` of the source.",
    ),
];

static OVERRIDDEN_CHECK: &[Key] = &[
    optional(
        "every",
        Shape::Interval(MINUTE, 90 * DAY),
        "The time from one check to the next, with a little jitter; `never` checks only when somebody asks.",
    ),
    optional(
        "cron",
        Shape::Text(&shape::CRON),
        "The times of checks: minute, hour, day, month and weekday, in UTC.",
    ),
];

pub(super) const DAILY_HEALS: Shape = Shape::Count(0, 1000);
pub(super) const MAX_TASK_TIME: Shape = Shape::Duration(SECOND, 7 * DAY);
const MAX_HOSTS: Shape = Shape::Count(1, 1_000_000);
const MORE_CHANGES: Shape = Shape::Count(2, 1000);

/// The keys of `airbag`.
pub(super) static AIRBAG: &[Key] = &[
    with_default(
        "fewer",
        Shape::Percent,
        "30%",
        "An apply that has fewer hosts than the last one, by more than this; one host less is never held. `100%` holds only an apply without any host.",
    ),
    optional("max_hosts", MAX_HOSTS, "An apply to more hosts than this. Absent: there is no limit."),
    optional(
        "more_changes",
        MORE_CHANGES,
        "An apply after a check that predicts more than so many times the changes that are usual. Absent: none is held.",
    ),
];

static OVERRIDDEN_AIRBAG: &[Key] = &[
    optional("fewer", Shape::Percent, "As `limits.airbag.fewer`, for this stack."),
    optional("max_hosts", MAX_HOSTS, "As `limits.airbag.max_hosts`, for this stack."),
    optional("more_changes", MORE_CHANGES, "As `limits.airbag.more_changes`, for this stack."),
];
