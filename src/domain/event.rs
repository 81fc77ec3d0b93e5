//! The language of the core: facts in ([`Event`]), orders out ([`Decision`]), and what must be kept ([`Fact`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    CommitHash, Ending, Failure, Findings, HostEnd, HostLedger, HostName, MergeRequest, MergeRequestFacts,
    MergeRequestNumber, PreviewLevel, Previewed, Question, RefusalCause, Request, RunId, RunPrediction,
    RunSpec, SourceFacts, SourceName, SourcePolicy, Span, StackFacts, StackId, StackPolicy, TaskFacts,
    TaskKey, Timestamp, Tip,
};

/// What the operator says of the whole daemon, as far as the core decides by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The followed repositories, by name.
    pub sources: Vec<SourcePolicy>,
    /// How many runs may be live at once; at least 1.
    pub max_live_runs: u32,
    /// Pause before the first retry of a failed apply; doubled for each further one.
    pub retry_base: Span,
    /// The longest pause before a retry.
    pub retry_max: Span,
    /// How long live applies may go on after a stop was asked for.
    pub drain_timeout: Span,
}

/// A fact about the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The timer fired.
    Tick,
    /// Something hinted that a source moved. Hints may be lost, repeated or wrong.
    Hinted {
        /// The source.
        source: SourceName,
    },
    /// A fetch succeeded.
    Fetched {
        /// The source.
        source: SourceName,
        /// What it brought.
        tip: Tip,
    },
    /// A fetch failed.
    FetchFailed {
        /// The source.
        source: SourceName,
        /// What it means.
        failure: Failure,
    },
    /// A person accepts a revision that waits because it does not descend from the admitted one.
    Approved {
        /// The source.
        source: SourceName,
        /// The commit that was shown to the person; another one is not accepted by this.
        commit: CommitHash,
        /// Who.
        by: String,
    },
    /// A person asks for a run.
    RunRequested {
        /// The stack.
        stack: StackId,
        /// What is asked for.
        request: Request,
    },
    /// A person wants a live run ended.
    CancelRequested {
        /// The run.
        run: RunId,
        /// Who.
        by: String,
        /// Whether the stack is to be suspended as well.
        suspend: bool,
    },
    /// Nothing of a run is left.
    RunFinished {
        /// The run.
        run: RunId,
        /// How it ended.
        ending: Ending,
        /// How it ended for each host that it had.
        hosts: BTreeMap<HostName, HostEnd>,
        /// What it found out.
        #[serde(default)]
        findings: Box<Findings>,
    },
    /// A run asks whether it may touch hosts, and waits for [`Decision::Answer`].
    HostsAsked {
        /// The run.
        run: RunId,
        /// What it asks.
        question: Question,
    },
    /// A probe of hosts came back.
    Probed {
        /// The stack whose hosts they are.
        stack: StackId,
        /// Those that answered.
        answered: BTreeSet<HostName>,
        /// Of these, those on which a task of an earlier run is still under way.
        busy: BTreeSet<HostName>,
    },
    /// A person accepts that the hosts of an apply, or its changes, are not what they were.
    AirbagApproved {
        /// The stack.
        stack: StackId,
        /// What was shown to the person; another hold is not accepted by this.
        digest: String,
        /// Who.
        by: String,
    },
    /// A person approves of what a revision would do.
    RevisionApproved {
        /// The stack.
        stack: StackId,
        /// What was shown to the person; anything else is not approved by this.
        digest: String,
        /// Who.
        by: String,
    },
    /// The forge told of merge requests.
    MergeRequestsSeen {
        /// The source.
        source: SourceName,
        /// All that are open, and those that were merged or closed lately.
        merge_requests: Vec<MergeRequest>,
    },
    /// The forge could not be asked.
    ForgeFailed {
        /// The source.
        source: SourceName,
        /// What it means.
        failure: Failure,
    },
    /// A preview without keys was made, or could not be.
    Previewed {
        /// The source.
        source: SourceName,
        /// The merge request.
        number: MergeRequestNumber,
        /// The head that it was made of.
        head: CommitHash,
        /// The commit that it was merged with.
        target: CommitHash,
        /// What it found.
        made: Result<Box<Previewed>, Failure>,
    },
    /// A person asks for a live preview.
    PreviewRequested {
        /// The source.
        source: SourceName,
        /// The merge request.
        number: MergeRequestNumber,
        /// The head that was shown to the person; another one is not previewed by this.
        head: CommitHash,
        /// Who.
        by: String,
    },
    /// The forge was told of a merge request, or could not be.
    Reported {
        /// The source.
        source: SourceName,
        /// The merge request.
        number: MergeRequestNumber,
        /// Which version of it.
        version: u64,
        /// Why it could not be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// A person wants no more runs of a stack. A live one goes on.
    Suspended {
        /// The stack.
        stack: StackId,
        /// Who.
        by: String,
    },
    /// A person wants runs again. Also ends a hold.
    Resumed {
        /// The stack.
        stack: StackId,
        /// Who.
        by: String,
    },
    /// The operator's configuration was read again.
    Reconfigured {
        /// What it says now.
        settings: Settings,
    },
    /// The state is that of a backup. Told before everything else.
    Restored {
        /// When the backup was made.
        made: Timestamp,
    },
    /// It was looked whether the disk has room for new runs.
    RoomSeen {
        /// Whether it has.
        enough: bool,
    },
    /// The daemon is to stop.
    ShutdownRequested,
}

/// An order to the daemon. It is recorded before it is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Decision {
    /// Fetch a source and compare its tip with the admitted commit.
    Fetch {
        /// The source.
        source: SourceName,
        /// The admitted commit.
        admitted: Option<CommitHash>,
    },
    /// Start a run.
    Start {
        /// All it needs.
        spec: Box<RunSpec>,
        /// Why, as a sentence.
        reason: String,
    },
    /// End a live run.
    Stop {
        /// The run.
        run: RunId,
        /// Whether a person wants it (`cancelled`) or the daemon stops (`interrupted`).
        cancelled: bool,
        /// Who and why, as a sentence.
        reason: String,
    },
    /// Let a run go on that asked, or end it.
    Answer {
        /// The run.
        run: RunId,
        /// The number of its question.
        question: u32,
        /// Why it may not go on; `None` if it may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<RefusalCause>,
    },
    /// Find out which hosts answer and whether something of an earlier run is left there, without touching them.
    Probe {
        /// A run of the stack with these hosts as its limit. Its playbook is not what is executed, and its number
        /// is of no run.
        spec: Box<RunSpec>,
        /// The hosts.
        hosts: BTreeSet<HostName>,
        /// Why, as a sentence.
        reason: String,
    },
    /// Ask the forge of a source for its merge requests.
    AskForge {
        /// The source.
        source: SourceName,
        /// Those that were open when it was last asked, and some that were merged and are not reported yet.
        known: Vec<MergeRequestNumber>,
        /// When it last answered.
        since: Option<Timestamp>,
    },
    /// Preview a merge request without keys.
    Preview {
        /// The source.
        source: SourceName,
        /// The merge request.
        number: MergeRequestNumber,
        /// Its head; another one is not previewed by this.
        head: CommitHash,
        /// The admitted commit that it is merged with.
        target: CommitHash,
        /// How far: `static` or `sandboxed`.
        level: PreviewLevel,
        /// The stacks that the target declares.
        stacks: Vec<StackPolicy>,
    },
    /// Tell the forge what is known of a merge request: the comment and the commit status.
    Report {
        /// The source.
        source: SourceName,
        /// The merge request.
        number: MergeRequestNumber,
        /// The version that is told.
        version: u64,
        /// What there is to tell.
        facts: Box<MergeRequestFacts>,
    },
    /// Nothing is live any more and a stop was asked for.
    Exit,
}

impl Decision {
    /// Whether it begins something. Such a decision is dropped when it cannot be recorded; one that ends
    /// something is carried out all the same.
    pub fn is_starting(&self) -> bool {
        match self {
            Self::Fetch { .. }
            | Self::Start { .. }
            | Self::Probe { .. }
            | Self::AskForge { .. }
            | Self::Preview { .. }
            | Self::Report { .. } => true,
            Self::Answer { refusal, .. } => refusal.is_none(),
            Self::Stop { .. } | Self::Exit => false,
        }
    }
}

/// Something that must survive the daemon. The core names what an event changed; the store keeps it in the same
/// transaction as the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// Of a source.
    Source {
        /// Which.
        name: SourceName,
        /// What.
        facts: SourceFacts,
    },
    /// Of a stack.
    Stack {
        /// Which.
        id: StackId,
        /// What.
        facts: Box<StackFacts>,
    },
    /// Of a host of a stack.
    Host {
        /// The stack.
        stack: StackId,
        /// The host.
        host: HostName,
        /// What.
        ledger: HostLedger,
    },
    /// Of a task of a stack.
    Task {
        /// The stack.
        stack: StackId,
        /// The task.
        task: TaskKey,
        /// What; `None` if there is nothing to say about it any more.
        facts: Option<TaskFacts>,
    },
    /// Of a merge request.
    MergeRequest {
        /// Its source.
        source: SourceName,
        /// Its number.
        number: MergeRequestNumber,
        /// What; `None` if nobody follows it any more.
        facts: Option<Box<MergeRequestFacts>>,
    },
    /// How a run compares with the preview of a merge request that it applied. Kept with the record of the run.
    RunPrediction {
        /// The run.
        run: RunId,
        /// What.
        prediction: Box<RunPrediction>,
    },
    /// A merge request that was followed has landed. Kept in the audit chain.
    Landed {
        /// Its source.
        source: SourceName,
        /// It, as its forge told it last.
        request: Box<MergeRequest>,
        /// The commit that brought it.
        commit: CommitHash,
    },
    /// The number that the next run gets.
    NextRun {
        /// It.
        run: RunId,
    },
}
