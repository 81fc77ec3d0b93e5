//! What a commit needs before it is admitted, where the operator asks for more than a push.

use crate::domain::{
    AdmissionPolicy, CommitHash, Failure, Landing, Lineage, MergeRequestState, RewindPolicy, Tip,
};

/// Why a tip is not admitted; `None` if it may be.
pub(super) fn refusal(
    policy: AdmissionPolicy,
    rewinds: RewindPolicy,
    admitted: Option<&CommitHash>,
    tip: &Tip,
) -> Option<Failure> {
    let wanted = policy.approvals?;
    // A rewritten history waits for a person anyway, who then decides.
    if matches!(tip.lineage, Lineage::Rewound { .. }) && rewinds == RewindPolicy::Ask {
        return None;
    }
    // The commit with which following begins is the operator's choice, like the URL.
    admitted?;
    if admitted == Some(&tip.revision.commit) {
        return None;
    }
    if tip.line.is_empty() {
        return Some(Failure::soon(format!("nobody told how {} came to the branch", tip.revision.short())));
    }
    tip.line.iter().find_map(|it| lacks(it, wanted))
}

/// What one commit lacks.
fn lacks(landing: &Landing, wanted: u32) -> Option<Failure> {
    let short = landing.commit.short();
    let refused = |message: String| {
        Some(
            Failure::soon(message)
                .remedy("look who brought it; when the branch is back at the admitted commit, merge it as an approved merge request")
                .security(),
        )
    };
    let Some(request) = &landing.merge_request else {
        return refused(format!("{short} was not merged through a merge request"));
    };
    let number = request.number;
    if !matches!(request.state, MergeRequestState::Merged { .. }) {
        return refused(format!("{short} is said to be of merge request {number}, which is not merged"));
    }
    if !landing.as_proposed {
        return refused(format!("{short} is not what merging merge request {number} makes"));
    }
    let approved = request.others_who_approve().len();
    if approved < wanted as usize {
        return Some(
            Failure::soon(format!(
                "merge request {number} ({short}) has {approved} of {wanted} approvals of its last head"
            ))
            .remedy("approve of it on the forge; its author does not count"),
        );
    }
    None
}
