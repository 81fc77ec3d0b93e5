//! Which events and decisions become records. Pure: what is to be known of runs is handed in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::merged::{self, LandedRequest};
use super::{AuditAction, AuditDraft, AuditHash, AuditKey, AuditPublicKey};
use crate::domain::{
    CommitHash, Decision, Ending, Event, HostEnd, HostName, Mode, Question, Recap, ReceiverName,
    RefusalCause, Request, RunId, RunSpec, Settings, StackId, Trigger,
};

/// What the daemon itself is called as the object of a record.
const DAEMON: &str = "daemon";

/// What is known of a run when something about it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedRun {
    /// Its stack.
    pub stack: StackId,
    /// The commit that it applies or checks.
    pub commit: CommitHash,
    /// Check or apply.
    pub mode: Mode,
    /// Why it was started.
    pub trigger: Trigger,
    /// What it did to each host so far.
    pub hosts: Recap,
    /// Whether its end was recorded before.
    pub ended: bool,
}

/// What records are made with, beside event and decisions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditContext {
    /// The runs of [`runs_of`], as far as they are recorded.
    pub runs: BTreeMap<RunId, AuditedRun>,
    /// The commit that the event made the admitted one of its source, if it did.
    pub admitted: Option<CommitHash>,
    /// The commit that the event approved of, and the run that had shown what it would do.
    pub approved: Option<(CommitHash, RunId)>,
    /// Merge requests that landed by it.
    pub landed: Vec<LandedRequest>,
}

/// The runs that must be known to tell [`records_of`] the same event and decisions.
pub fn runs_of(event: &Event, decisions: &[Decision]) -> BTreeSet<RunId> {
    let of_event = match event {
        Event::CancelRequested { run, .. } | Event::RunFinished { run, .. } => Some(*run),
        _ => None,
    };
    let of_decisions = decisions.iter().filter_map(|it| match it {
        Decision::Stop { run, .. } => Some(*run),
        Decision::Answer { run, refusal, .. } => {
            (refusal.is_some() || asked_first(event, *run).is_some()).then_some(*run)
        }
        _ => None,
    });
    of_event.into_iter().chain(of_decisions).collect()
}

/// What is to be recorded of an event and what was decided on it: each act of a person, and each decision that
/// touched hosts. Often nothing.
pub fn records_of(event: &Event, decisions: &[Decision], context: &AuditContext) -> Vec<AuditDraft> {
    let decided = decisions.iter().filter_map(|it| of_decision(event, it, context));
    let landed = context.landed.iter().map(merged::landed);
    of_event(event, context).into_iter().chain(landed).chain(decided).collect()
}

/// The daemon started, with these settings.
pub fn daemon_started(version: &str, settings: Option<&Settings>) -> AuditDraft {
    let mut draft = AuditDraft::new(AuditAction::DaemonStarted, DAEMON);
    draft.detail = settings.map_or_else(|| json!({}), configured);
    draft.detail["version"] = json!(version);
    draft
}

/// From here on checkpoints are signed by `new`. The key before it must vouch for it, in the chain that begins with
/// `first`; the first key of a chain has none before it.
pub fn key_used(first: Option<&AuditHash>, old: Option<&AuditKey>, new: &AuditPublicKey) -> AuditDraft {
    let mut draft = AuditDraft::new(AuditAction::KeyUsed, DAEMON);
    let signature = first.zip(old).map(|(first, old)| old.vouch(&super::checkpoint::origin_of(first), new));
    draft.detail = json!({ "key": new.to_string() });
    if let Some(signature) = signature {
        draft.detail["signature"] = Value::String(signature);
    }
    draft
}

/// A person had a message sent to a receiver of alerts.
pub fn alert_tested(receiver: &ReceiverName, by: &str) -> AuditDraft {
    let mut draft = AuditDraft::new(AuditAction::AlertTested, DAEMON).personal("actor", by);
    draft.detail = json!({ "receiver": receiver });
    draft
}

fn of_event(event: &Event, context: &AuditContext) -> Option<AuditDraft> {
    let act = |action, object: String, by: &str| AuditDraft::new(action, object).personal("actor", by);
    Some(match event {
        Event::Approved { source, commit, by } => {
            let draft = act(AuditAction::HistoryApproved, source.to_string(), by);
            AuditDraft { commit: Some(commit.clone()), ..draft }
        }
        Event::RunRequested { stack, request } => requested(stack, request),
        Event::CancelRequested { run, by, suspend } => {
            let mut draft = about_run(AuditAction::CancelRequested, *run, context).personal("actor", by);
            draft.detail = json!({ "suspend": suspend });
            draft
        }
        Event::RunFinished { run, ending, hosts, .. } => return ended(*run, ending, hosts, context),
        Event::AirbagApproved { stack, digest, by } => {
            let mut draft = act(AuditAction::HostsApproved, stack.to_string(), by);
            draft.detail = json!({ "digest": digest });
            draft
        }
        Event::RevisionApproved { stack, digest, by } => {
            let mut draft = act(AuditAction::RevisionApproved, stack.to_string(), by);
            draft.detail = json!({ "digest": digest });
            if let Some((commit, run)) = &context.approved {
                (draft.commit, draft.run) = (Some(commit.clone()), Some(*run));
            }
            draft
        }
        Event::PreviewRequested { source, number, head, by } => {
            let mut draft = act(AuditAction::PreviewRequested, source.to_string(), by);
            draft.detail = json!({ "merge_request": number });
            AuditDraft { commit: Some(head.clone()), ..draft }
        }
        Event::Fetched { source, tip } if context.admitted.as_ref() == Some(&tip.revision.commit) => {
            merged::admitted(source, tip)
        }
        Event::Suspended { stack, by } => act(AuditAction::Suspended, stack.to_string(), by),
        Event::Resumed { stack, by } => act(AuditAction::Resumed, stack.to_string(), by),
        Event::Reconfigured { settings } => reconfigured(settings),
        Event::Restored { made } => {
            let mut draft = AuditDraft::new(AuditAction::Restored, DAEMON);
            draft.detail = json!({ "backup_made": made });
            draft
        }
        Event::ShutdownRequested => AuditDraft::new(AuditAction::StopRequested, DAEMON),
        Event::Tick
        | Event::RoomSeen { .. }
        | Event::Hinted { .. }
        | Event::Fetched { .. }
        | Event::FetchFailed { .. }
        | Event::MergeRequestsSeen { .. }
        | Event::ForgeFailed { .. }
        | Event::Previewed { .. }
        | Event::Reported { .. }
        | Event::HostsAsked { .. }
        | Event::Probed { .. } => return None,
    })
}

fn of_decision(event: &Event, decision: &Decision, context: &AuditContext) -> Option<AuditDraft> {
    Some(match decision {
        Decision::Start { spec, reason } => started(spec, reason),
        Decision::Stop { run, cancelled, reason } => {
            let mut draft = about_run(AuditAction::RunStopped, *run, context).personal("why", reason);
            draft.detail = json!({ "cancelled": cancelled });
            draft
        }
        Decision::Answer { run, question, refusal: Some(why) } => {
            let mut draft = about_run(AuditAction::HostsRefused, *run, context);
            draft.detail = json!({ "question": question, "cause": cause(why) });
            draft.personal("why", why.to_string())
        }
        Decision::Answer { run, refusal: None, .. } => {
            let mut draft = about_run(AuditAction::HostsAllowed, *run, context);
            draft.detail = allowed(asked_first(event, *run)?, context.runs.get(run).map(|it| it.mode));
            draft
        }
        Decision::Exit => AuditDraft::new(AuditAction::DaemonStopped, DAEMON),
        // None of them touches a host: a probe only looks whether it answers, a preview without keys cannot.
        Decision::Fetch { .. }
        | Decision::Probe { .. }
        | Decision::AskForge { .. }
        | Decision::Preview { .. }
        | Decision::Report { .. } => return None,
    })
}

/// What a run asked before its first play. The questions of its plays are about the same hosts.
fn asked_first(event: &Event, asker: RunId) -> Option<&Question> {
    match event {
        Event::HostsAsked { run, question } if *run == asker && question.play.is_none() => Some(question),
        _ => None,
    }
}

/// An apply names its hosts: they are what it may change.
fn allowed(question: &Question, mode: Option<Mode>) -> Value {
    let mut detail = json!({ "hosts": question.hosts.len() });
    if mode == Some(Mode::Apply) {
        detail["names"] = question.hosts.keys().map(HostName::as_str).collect();
    }
    detail
}

fn cause(refusal: &RefusalCause) -> &'static str {
    match refusal {
        RefusalCause::Locked { .. } => "locked",
        RefusalCause::Airbag { .. } => "airbag",
        RefusalCause::Approval { .. } => "approval",
        RefusalCause::Superseded => "superseded",
        RefusalCause::Moot => "moot",
    }
}

fn about_run(action: AuditAction, run: RunId, context: &AuditContext) -> AuditDraft {
    let known = context.runs.get(&run);
    let object = known.map_or_else(|| format!("run {run}"), |it| it.stack.to_string());
    let draft = AuditDraft::new(action, object);
    AuditDraft { run: Some(run), commit: known.map(|it| it.commit.clone()), ..draft }
}

fn requested(stack: &StackId, request: &Request) -> AuditDraft {
    let action = match request.mode {
        Mode::Check => AuditAction::CheckRequested,
        Mode::Apply => AuditAction::ApplyRequested,
    };
    let mut draft = AuditDraft::new(action, stack.to_string()).personal("actor", &request.by);
    draft.commit = request.revision.as_ref().map(|it| it.commit.clone());
    draft.detail = selection(request.limit.as_deref(), &request.tags, &[]);
    if let Some(reason) = &request.outside_window {
        draft = draft.personal("outside_window", reason);
    }
    draft
}

/// What of its stack a run covers, where it is not all.
fn selection(limit: Option<&str>, tags: &[String], skip_tags: &[String]) -> Value {
    let mut detail = Map::new();
    if let Some(limit) = limit {
        detail.insert("limit".to_owned(), json!(limit));
    }
    for (name, tags) in [("tags", tags), ("skip_tags", skip_tags)] {
        if !tags.is_empty() {
            detail.insert(name.to_owned(), json!(tags));
        }
    }
    Value::Object(detail)
}

fn started(spec: &RunSpec, reason: &str) -> AuditDraft {
    let mut draft = AuditDraft::new(AuditAction::RunStarted, spec.stack.to_string()).personal("why", reason);
    if let Some(by) = &spec.requested_by {
        draft = draft.personal("actor", by);
    }
    (draft.run, draft.commit) = (Some(spec.run), Some(spec.revision.commit.clone()));
    draft.detail = selection(spec.limit.as_deref(), &spec.tags, &spec.skip_tags);
    let mut set = |name: &str, value: Value| draft.detail[name] = value;
    set("mode", json!(spec.mode));
    set("trigger", json!(spec.trigger));
    set("playbook", json!(spec.playbook));
    set("inventory", json!(spec.inventory));
    set("reference", json!(spec.revision.reference));
    if let Some(number) = spec.merge_request {
        set("merge_request", json!(number));
    }
    if !spec.extra_vars.is_empty() {
        // Names only: a repository may declare a password in the clear.
        set("variables", spec.extra_vars.keys().map(String::as_str).collect());
    }
    draft
}

fn reconfigured(settings: &Settings) -> AuditDraft {
    let mut draft = AuditDraft::new(AuditAction::Reconfigured, DAEMON);
    draft.detail = configured(settings);
    draft
}

/// Which sources, and a digest of all that the core decides by.
fn configured(settings: &Settings) -> Value {
    let sources: Value = settings.sources.iter().map(|it| it.name.as_str()).collect();
    let digest = AuditHash(Sha256::digest(json!(settings).to_string()).into());
    json!({ "sources": sources, "settings": digest })
}

/// The end of a run, with what changed where. A check lists what would change; an apply also hosts without a change,
/// by the record that let it at them.
fn ended(
    run: RunId,
    ending: &Ending,
    ends: &BTreeMap<HostName, HostEnd>,
    context: &AuditContext,
) -> Option<AuditDraft> {
    let known = context.runs.get(&run);
    if known.is_some_and(|it| it.ended) {
        return None;
    }
    let mut draft = about_run(AuditAction::RunEnded, run, context);
    let mut detail = json!({ "outcome": ending.outcome });
    if let Some(known) = known {
        detail["mode"] = json!(known.mode);
        detail["trigger"] = json!(known.trigger);
        detail["hosts"] = json!(known.hosts.len().max(ends.len()));
        let changed = known.hosts.iter().filter(|(_, it)| it.changed != 0);
        let changed: Map<_, _> = changed.map(|(host, it)| (host.to_string(), json!(it.changed))).collect();
        let word = if known.mode == Mode::Check { "would_change" } else { "changed" };
        detail[word] = Value::Object(changed);
    }
    for (end, word) in [
        (HostEnd::Failed, "failed"),
        (HostEnd::Unreachable, "unreachable"),
        (HostEnd::Unfinished, "unfinished"),
    ] {
        let hosts: Vec<&str> = ends.iter().filter(|(_, it)| **it == end).map(|(it, _)| it.as_str()).collect();
        if !hosts.is_empty() {
            detail[word] = json!(hosts);
        }
    }
    draft.detail = detail;
    if let Some(reason) = &ending.reason {
        draft = draft.personal("why", reason.to_string());
    }
    Some(draft)
}
