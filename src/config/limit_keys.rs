//! The keys of limits and retention in the operator's file.

use super::operator_keys::{optional, with_default};
use super::shape::{Key, Shape};
use super::units::{DAY, HOUR, KIB, MIB, MINUTE, SECOND, TIB};

pub(super) static RETRY: &[Key] = &[
    with_default(
        "base",
        Shape::Duration(SECOND, DAY),
        "30s",
        "The pause before the first retry; it doubles with each further one.",
    ),
    with_default("max", Shape::Duration(SECOND, 7 * DAY), "1h", "The longest pause."),
];

pub(super) static FETCH: &[Key] = &[
    with_default("connect", Shape::Duration(SECOND, 10 * MINUTE), "10s", "Until the server answers."),
    with_default("stall", Shape::Duration(SECOND, HOUR), "30s", "Without any progress."),
    with_default("total", Shape::Duration(SECOND, DAY), "10m", "All in all."),
];

pub(super) static CHECKOUT: &[Key] = &[
    with_default("files", Shape::Count(1, 10_000_000), "200000", "Files and directories."),
    with_default("size", Shape::Size(KIB, TIB), "2GiB", "All files together."),
];

pub(super) static RUN: &[Key] = &[
    optional("memory", Shape::Size(64 * MIB, TIB), "Address space of each process."),
    optional(
        "processes",
        Shape::Count(16, 1_000_000),
        "Processes and threads of the user that the run belongs to.",
    ),
    optional("open_files", Shape::Count(64, 1_000_000), "Open files of each process."),
    optional("file_size", Shape::Size(MIB, TIB), "Size of each file that is written."),
];

pub(super) static RETENTION: &[Key] = &[
    with_default(
        "age",
        Shape::Duration(HOUR, 3650 * DAY),
        "90d",
        "Runs older than this are deleted. The last one of each stack is kept.",
    ),
    with_default(
        "size",
        Shape::Size(64 * MIB, 64 * TIB),
        "5GiB",
        "All records together; the oldest are deleted first.",
    ),
    with_default(
        "journal",
        Shape::Duration(HOUR, 3650 * DAY),
        "30d",
        "How long the journal of events and decisions goes back.",
    ),
    with_default(
        "events",
        Shape::Duration(HOUR, 3650 * DAY),
        "90d",
        "How long all that Ansible told is kept. What changed or failed stays with the record of its run.",
    ),
    with_default(
        "raw_log",
        Shape::Duration(HOUR, 3650 * DAY),
        "14d",
        "How long raw logs are kept, where `raw_log` is on.",
    ),
];
