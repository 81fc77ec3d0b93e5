//! What brought a revision: merge requests, who wrote, merged and approved of them, as their forge says.

use serde_json::{Value, json};

use super::{AuditAction, AuditContext, AuditDraft};
use crate::domain::{
    CommitHash, Event, Fact, Lineage, MergeRequest, MergeRequestState, RunId, SourceName, StackId, Tip,
};

/// A merge request that was followed and landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedRequest {
    /// Its source.
    pub source: SourceName,
    /// The merge request, as its forge told it when it had landed.
    pub request: MergeRequest,
    /// The commit that brought it.
    pub commit: CommitHash,
}

impl AuditContext {
    /// What the facts that an event changed tell of it. The runs are to be looked up.
    pub fn of(event: &Event, facts: &[Fact]) -> Self {
        let landed = facts.iter().filter_map(|it| match it {
            Fact::Landed { source, request, commit } => Some(LandedRequest {
                source: source.clone(),
                request: (**request).clone(),
                commit: commit.clone(),
            }),
            _ => None,
        });
        let approved = match event {
            Event::RevisionApproved { stack, digest, .. } => approved(stack, digest, facts),
            _ => None,
        };
        Self { admitted: admitted_by(event, facts), approved, landed: landed.collect(), ..Self::default() }
    }
}

/// The commit that an event made the admitted one of its source, told by the facts that it changed.
fn admitted_by(event: &Event, facts: &[Fact]) -> Option<CommitHash> {
    let Event::Fetched { source, tip } = event else { return None };
    let admits = |it: &Fact| match it {
        Fact::Source { name, facts } => {
            name == source && facts.admitted.as_ref() == Some(&tip.revision.commit)
        }
        _ => false,
    };
    (tip.lineage != Lineage::Same && facts.iter().any(admits)).then(|| tip.revision.commit.clone())
}

/// The commit that a person approved of, and the run that had shown what it would do.
fn approved(stack: &StackId, digest: &str, facts: &[Fact]) -> Option<(CommitHash, RunId)> {
    facts.iter().find_map(|it| match it {
        Fact::Stack { id, facts } if id == stack => {
            let shown = facts.approval.as_ref().filter(|it| it.digest == digest)?;
            Some((shown.revision.commit.clone(), shown.run))
        }
        _ => None,
    })
}

/// A revision, with the merge requests that brought it.
pub(super) fn admitted(source: &SourceName, tip: &Tip) -> AuditDraft {
    let mut draft = AuditDraft::new(AuditAction::RevisionAdmitted, source.to_string());
    let mut merged = Vec::new();
    for landing in &tip.line {
        let Some(request) = &landing.merge_request else { continue };
        let number = request.number;
        merged.push(json!({
            "number": number, "commit": landing.commit, "head": request.head, "as_proposed": landing.as_proposed,
        }));
        draft = people(draft, request, &format!(".{number}"));
    }
    let pushed = tip.line.len() - merged.len();
    draft.detail =
        json!({ "reference": tip.revision.reference, "merge_requests": merged, "commits_without": pushed });
    AuditDraft { commit: Some(tip.revision.commit.clone()), ..draft }
}

/// A merge request that landed. An approval names the head that it was given for, as far as the forge tells.
pub(super) fn landed(it: &LandedRequest) -> AuditDraft {
    let draft = AuditDraft::new(AuditAction::MergeRequestLanded, it.source.to_string());
    let mut draft = people(draft, &it.request, "");
    let approved: Value = it.request.approvals.iter().map(|it| json!(it.commit)).collect();
    draft.detail =
        json!({ "merge_request": it.request.number, "head": it.request.head, "approved_heads": approved });
    AuditDraft { commit: Some(it.commit.clone()), ..draft }
}

/// Adds who wrote, merged and approved of a merge request. Each name of a text ends with `suffix`.
fn people(mut draft: AuditDraft, request: &MergeRequest, suffix: &str) -> AuditDraft {
    draft = draft.personal(&format!("author{suffix}"), &request.author);
    if let MergeRequestState::Merged { by: Some(by), .. } = &request.state {
        draft = draft.personal(&format!("merged_by{suffix}"), by);
    }
    for (at, approval) in request.approvals.iter().enumerate() {
        draft = draft.personal(&format!("approved_by{suffix}.{}", at + 1), &approval.by);
    }
    draft
}
