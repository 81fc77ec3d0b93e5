//! What runs and fetches may use, as values.

use super::drift::AirbagOverride;
use super::value::Value;
use crate::domain::{AirbagPolicy, Span};

/// What runs and fetches may use. Retries, drain and the number of runs are in [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest run, and the default for stacks that declare none.
    pub timeout: Span,
    /// The longest silence of a run.
    pub silence: Span,
    /// The most output of a run, in bytes.
    pub output: u64,
    /// How often one difference is healed in 24 hours.
    pub daily_heals: u32,
    /// What is held until a person approves it.
    pub airbag: AirbagPolicy,
    /// How long a task may go on after its connection broke.
    pub max_task_time: Span,
    /// With less free where state and checkouts are, no run starts, in bytes.
    pub free_disk: u64,
    /// Talking to Git servers.
    pub fetch: FetchLimits,
    /// The tree of a commit.
    pub checkout: TreeLimits,
    /// The processes of a run.
    pub run: RunLimits,
}

/// How long talking to a Git server may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Until it answers.
    pub connect: Span,
    /// Without progress.
    pub stall: Span,
    /// All in all.
    pub total: Span,
}

/// How large the tree of a commit may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Files and directories.
    pub files: u64,
    /// All files together, in bytes.
    pub size: u64,
}

/// What the processes of a run may use; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunLimits {
    /// Address space of each process, in bytes.
    pub memory: Option<u64>,
    /// Processes and threads of the user.
    pub processes: Option<u64>,
    /// Open files of each process.
    pub open_files: Option<u64>,
    /// Size of each file that is written, in bytes.
    pub file_size: Option<u64>,
}

pub(super) fn build_limits(value: &Value) -> Option<Limits> {
    let (fetch, checkout, run) = (value.get("fetch")?, value.get("checkout")?, value.get("run")?);
    Some(Limits {
        timeout: value.duration("timeout")?,
        silence: value.duration("silence")?,
        output: value.size("output")?,
        daily_heals: value.count("daily_heals")?,
        airbag: AirbagOverride::of(value.get("airbag")?).over(AirbagPolicy::default()),
        max_task_time: value.duration("max_task_time")?,
        free_disk: value.size("free_disk")?,
        fetch: FetchLimits {
            connect: fetch.duration("connect")?,
            stall: fetch.duration("stall")?,
            total: fetch.duration("total")?,
        },
        checkout: TreeLimits { files: checkout.count("files")?, size: checkout.size("size")? },
        run: RunLimits {
            memory: run.size("memory"),
            processes: run.count("processes"),
            open_files: run.count("open_files"),
            file_size: run.size("file_size"),
        },
    })
}
