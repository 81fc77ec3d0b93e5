//! What is rendered anew from the snapshot at each scrape.

use std::collections::BTreeSet;

use prometheus::proto::MetricFamily;

use crate::domain::{
    Applied, LastEnd, Mode, Outcome, Revision, SourceStatus, StackId, StackStatus, SyncStatus, Total, Trigger,
};

use super::page::Page;
use super::{AuditFacts, Snapshot, alerts, drift, flag, requests, seconds};

/// The outcomes that are shown as zero before the first of them: a counter that appears only with its first increment
/// hides that increment from `increase()`.
const EXPECTED: [(Mode, Trigger, [Outcome; 3]); 2] = [
    (Mode::Apply, Trigger::NewRevision, [Outcome::Changed, Outcome::InSync, Outcome::Failed]),
    (Mode::Check, Trigger::Schedule, [Outcome::InSync, Outcome::Drifted, Outcome::Failed]),
];

pub(super) fn families(
    snapshot: &Snapshot,
    totals: Option<&[Total]>,
    host_limit: usize,
) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let mut page = Page::new();
    page.gauge("driftless_build_info")?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    page.single("driftless_ready", flag(snapshot.ready))?;
    page.single("driftless_journal_writable", flag(snapshot.journal_writable))?;
    #[expect(clippy::cast_precision_loss, reason = "a store of 8 PiB is out of reach")]
    page.single("driftless_store_bytes", snapshot.store_bytes as f64)?;
    if let Some(free) = snapshot.free_bytes {
        #[expect(clippy::cast_precision_loss, reason = "a disk of 8 PiB is out of reach")]
        page.single("driftless_disk_free_bytes", free as f64)?;
    }
    page.single("driftless_disk_enough", flag(snapshot.room))?;
    page.single("driftless_live_runs", f64::from(snapshot.live_runs))?;
    page.single("driftless_run_limit", f64::from(snapshot.run_limit))?;
    if let Some(facts) = &snapshot.audit {
        audit(&page, facts)?;
    }
    sources(&page, &snapshot.sources)?;
    stacks(&page, &snapshot.stacks)?;
    let declared: BTreeSet<&StackId> = snapshot.stacks.iter().map(|it| &it.id).collect();
    if let Some(totals) = totals {
        runs(&page, &declared, totals)?;
    }
    last_runs(&page, &declared, &snapshot.last_ends)?;
    requests::render(&page, snapshot)?;
    alerts::render(&page, snapshot)?;
    drift::render(&mut page, &snapshot.drift, &snapshot.stacks, host_limit)?;
    Ok(page.families())
}

fn audit(page: &Page, facts: &AuditFacts) -> Result<(), prometheus::Error> {
    page.counter("driftless_audit_records_total")?.with_label_values::<&str>(&[]).inc_by(facts.records);
    if let Some(holds) = facts.holds {
        page.single("driftless_audit_chain_ok", flag(holds))?;
    }
    if let Some(at) = facts.last_checkpoint {
        page.single("driftless_audit_last_checkpoint_timestamp_seconds", seconds(at))?;
    }
    Ok(())
}

fn runs(page: &Page, declared: &BTreeSet<&StackId>, totals: &[Total]) -> Result<(), prometheus::Error> {
    let runs = page.counter("driftless_runs_total")?;
    let count = |stack: &StackId, mode: Mode, trigger: Trigger, outcome: Outcome, count: u64| {
        let (source, name) = (stack.source.as_str(), stack.stack.as_str());
        let labels = [source, name, mode.as_str(), trigger.as_str(), outcome.as_str()];
        runs.with_label_values(&labels).inc_by(count);
    };
    for stack in declared {
        for (mode, trigger, outcomes) in EXPECTED {
            for outcome in outcomes {
                count(stack, mode, trigger, outcome, 0);
            }
        }
    }
    for it in totals.iter().filter(|it| declared.contains(&it.stack)) {
        count(&it.stack, it.mode, it.trigger, it.outcome, it.runs);
    }
    Ok(())
}

fn last_runs(page: &Page, declared: &BTreeSet<&StackId>, ends: &[LastEnd]) -> Result<(), prometheus::Error> {
    let info = page.gauge("driftless_stack_last_run_info")?;
    let at = page.gauge("driftless_stack_last_run_timestamp_seconds")?;
    for it in ends.iter().filter(|it| declared.contains(&it.stack)) {
        let (source, name) = (it.stack.source.as_str(), it.stack.stack.as_str());
        info.with_label_values(&[source, name, it.mode.as_str(), it.outcome.as_str()]).set(1.0);
        at.with_label_values(&[source, name, it.mode.as_str()]).set(seconds(it.ended_at));
    }
    Ok(())
}

fn sources(page: &Page, sources: &[SourceStatus]) -> Result<(), prometheus::Error> {
    let fetched = page.gauge("driftless_git_last_fetch_timestamp_seconds")?;
    let info = page.gauge("driftless_source_info")?;
    let problem = page.gauge("driftless_source_problem")?;
    let waiting = page.gauge("driftless_source_waiting")?;
    for source in sources {
        let name = source.name.as_str();
        if let Some(at) = source.fetched_at {
            fetched.with_label_values(&[name]).set(seconds(at));
        }
        let head = source.head.as_ref().map_or("", |it| it.commit.as_str());
        let admitted = source.admitted.as_ref().map_or("", |it| it.as_str());
        info.with_label_values(&[name, head, admitted]).set(1.0);
        problem.with_label_values(&[name]).set(flag(source.problem.is_some()));
        waiting.with_label_values(&[name]).set(flag(source.waiting.is_some()));
    }
    Ok(())
}

fn commit(revision: Option<&Revision>) -> &str {
    revision.map_or("", |it| it.commit.as_str())
}

fn stacks(page: &Page, stacks: &[StackStatus]) -> Result<(), prometheus::Error> {
    let info = page.gauge("driftless_stack_info")?;
    let sync = page.gauge("driftless_stack_sync")?;
    let success = page.gauge("driftless_stack_last_success_timestamp_seconds")?;
    let policy = page.gauge("driftless_stack_policy_info")?;
    for stack in stacks {
        let (source, name) = (stack.id.source.as_str(), stack.id.stack.as_str());
        let applied = match &stack.applied {
            Applied::Nothing => "",
            Applied::Everywhere(commit) => commit.as_str(),
            Applied::Mixed => "mixed",
        };
        let head = stack.head.commit.as_str();
        info.with_label_values(&[source, name, head, commit(stack.attempted.as_ref()), applied]).set(1.0);
        let wanted = &stack.policy;
        policy.with_label_values(&[source, name, wanted.apply.as_str(), wanted.heal.as_str()]).set(1.0);
        for status in SyncStatus::ALL {
            sync.with_label_values(&[source, name, status.as_str()]).set(flag(stack.sync == status));
        }
        if let Some(at) = stack.last_success {
            success.with_label_values(&[source, name]).set(seconds(at));
        }
    }
    numbers(page, stacks)
}

/// The gauges with nothing but source and stack as labels.
fn numbers(page: &Page, stacks: &[StackStatus]) -> Result<(), prometheus::Error> {
    type Read = fn(&StackStatus) -> f64;
    let numbers: [(&str, Read); 9] = [
        ("driftless_stack_approval_waiting", |it| {
            flag(it.approval.as_ref().is_some_and(|it| it.approved.is_none()))
        }),
        ("driftless_stack_suspended", |it| flag(it.suspended.is_some())),
        ("driftless_stack_held", |it| flag(it.hold.as_ref().is_some_and(|hold| hold.revision == it.head))),
        ("driftless_stack_live", |it| flag(it.live.is_some())),
        ("driftless_stack_failures", |it| f64::from(it.failures)),
        ("driftless_stack_hosts", |it| f64::from(it.hosts.total)),
        ("driftless_stack_hosts_converged", |it| f64::from(it.hosts.converged)),
        ("driftless_stack_hosts_owed", |it| f64::from(it.hosts.owed)),
        ("driftless_stack_hosts_failed", |it| f64::from(it.hosts.failed)),
    ];
    for (name, read) in numbers {
        let gauge = page.gauge(name)?;
        for stack in stacks {
            gauge.with_label_values(&[stack.id.source.as_str(), stack.id.stack.as_str()]).set(read(stack));
        }
    }
    Ok(())
}
