//! Turns what a stack wants into a run that leaves nothing to choose.

use crate::domain::{Mode, RunId, RunSpec, Selection, StackPolicy};

use super::limit::intersect_limits;
use super::stack::{Stack, selection};
use super::wants::Want;

/// The run; `None` if a person's limit cannot be combined with the limit of the stack.
pub(super) fn spec(run: RunId, want: &Want<'_>, stack: &Stack, policy: &StackPolicy) -> Option<RunSpec> {
    let asked_limit = want.request.and_then(|it| it.limit.as_deref());
    let asked_tags = want.request.map(|it| &it.tags).filter(|it| !it.is_empty());
    let attempt = stack.facts.attempt.as_ref().filter(|it| it.revision.commit == want.revision.commit);
    Some(RunSpec {
        run,
        stack: policy.id.clone(),
        revision: want.revision.clone(),
        mode: want.mode,
        trigger: want.trigger,
        requested_by: want.request.map(|it| it.by.clone()),
        failures_before: attempt.filter(|_| want.mode == Mode::Apply).map_or(0, |it| it.failures),
        selection: want.request.map_or(Selection::Full, selection),
        playbook: policy.playbook.clone(),
        inventory: policy.inventory.clone(),
        limit: intersect_limits(policy.limit.as_deref(), asked_limit).ok()?,
        tags: asked_tags.unwrap_or(&policy.tags).clone(),
        skip_tags: policy.skip_tags.clone(),
        extra_vars: policy.extra_vars.clone(),
        forks: policy.forks,
        timeout: policy.timeout,
        runtime: policy.runtime.clone(),
    })
}
