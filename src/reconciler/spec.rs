//! Turns what a stack wants into a run that leaves nothing to choose.

use crate::domain::{Mode, RunId, RunSpec, Selection, StackPolicy};

use super::heals::limit_of;
use super::limit::intersect_limits;
use super::stack::{Stack, selection};
use super::wants::Want;

/// The run; `None` if a person's limit cannot be combined with the limit of the stack.
pub(super) fn spec(run: RunId, want: &Want<'_>, stack: &Stack, policy: &StackPolicy) -> Option<RunSpec> {
    let asked_limit = want.request.and_then(|it| it.limit.as_deref());
    let limit = match &want.hosts {
        Some(hosts) => Some(limit_of(policy, hosts)?),
        None => intersect_limits(policy.limit.as_deref(), asked_limit).ok()?,
    };
    let selection = match &want.hosts {
        Some(_) => Selection::SomeHosts,
        None => want.request.map_or(Selection::Full, selection),
    };
    let pays = want.mode == Mode::Apply && selection != Selection::SomeTasks;
    let asked_tags = want.request.map(|it| &it.tags).filter(|it| !it.is_empty());
    let attempt = stack.facts.attempt.as_ref().filter(|it| it.revision.commit == want.revision.commit);
    Some(RunSpec {
        run,
        stack: policy.id.clone(),
        revision: want.revision.clone(),
        mode: want.mode,
        trigger: want.trigger,
        requested_by: want.request.map(|it| it.by.clone()),
        outside_window: want.request.and_then(|it| it.outside_window.clone()),
        merge_request: want.merge_request,
        failures_before: attempt.filter(|_| want.mode == Mode::Apply).map_or(0, |it| it.failures),
        selection,
        playbook: policy.playbook.clone(),
        inventory: policy.inventory.clone(),
        limit,
        tags: asked_tags.unwrap_or(&policy.tags).clone(),
        skip_tags: policy.skip_tags.clone(),
        extra_vars: policy.extra_vars.clone(),
        forks: policy.forks,
        debts: if pays { stack.ledger.debts(want.hosts.as_ref()) } else { Vec::new() },
        timeout: policy.timeout,
        runtime: policy.runtime.clone(),
    })
}
