//! What is told of drift, of debts and of how fast stacks follow Git.

use std::collections::BTreeMap;

use crate::domain::{
    ChangeClass, CheckResult, Coverage, DriftFacts, HostFacts, LastCheck, StackId, StackStatus,
};

use super::page::Page;
use super::{flag, seconds};

pub(super) fn render(
    page: &mut Page,
    drift: &[DriftFacts],
    stacks: &[StackStatus],
    host_limit: usize,
) -> Result<(), prometheus::Error> {
    checks(page, drift, stacks)?;
    changes(page, drift)?;
    debts(page, drift)?;
    hosts(page, drift, host_limit)?;
    page.histogram(
        "driftless_lock_wait_seconds",
        drift.iter().map(|it| (&it.stack, &it.latencies.lock_wait)),
    );
    page.histogram(
        "driftless_push_to_start_seconds",
        drift.iter().map(|it| (&it.stack, &it.latencies.push_to_start)),
    );
    page.histogram(
        "driftless_push_to_applied_seconds",
        drift.iter().map(|it| (&it.stack, &it.latencies.push_to_applied)),
    );
    Ok(())
}

fn labels(stack: &StackId) -> [&str; 2] {
    [stack.source.as_str(), stack.stack.as_str()]
}

/// Counts beyond 2^53 do not come to pass.
#[expect(clippy::cast_precision_loss, reason = "counts of results are far below 2^52")]
fn count(count: u64) -> f64 {
    count as f64
}

fn checks(page: &Page, drift: &[DriftFacts], stacks: &[StackStatus]) -> Result<(), prometheus::Error> {
    let failures = page.gauge("driftless_check_failures")?;
    let due = page.gauge("driftless_check_due_timestamp_seconds")?;
    let last = page.gauge("driftless_check_last_timestamp_seconds")?;
    let result = page.gauge("driftless_check_result")?;
    for facts in drift {
        let [source, stack] = labels(&facts.stack);
        failures.with_label_values(&[source, stack]).set(f64::from(facts.check_failures));
        let Some(check) = &facts.check else { continue };
        last.with_label_values(&[source, stack]).set(seconds(check.at));
        for it in CheckResult::ALL {
            result.with_label_values(&[source, stack, it.as_str()]).set(flag(check.result() == it));
        }
        let schedule = stacks.iter().find(|it| it.id == facts.stack).map(|it| &it.policy.check);
        // With the whole jitter, so that nobody is called for a check that is not late.
        if let Some(at) = schedule.and_then(|it| it.after(check.at, |span| span + span / 10)) {
            due.with_label_values(&[source, stack]).set(seconds(at));
        }
    }
    numbers(page, drift)
}

/// The numbers of the last check.
fn numbers(page: &Page, drift: &[DriftFacts]) -> Result<(), prometheus::Error> {
    type Read = fn(&LastCheck, &Coverage) -> f64;
    let numbers: [(&str, Read); 7] = [
        ("driftless_check_coverage_ratio", |_, it| it.share()),
        ("driftless_check_blind_tasks", |_, it| count(it.blind)),
        ("driftless_check_tainted_tasks", |_, it| count(it.tainted)),
        ("driftless_check_unreliable_tasks", |_, it| count(it.unreliable)),
        ("driftless_check_ran_for_real_tasks", |_, it| count(it.ran_for_real)),
        ("driftless_check_unseen_hosts", |it, _| f64::from(it.unseen_hosts)),
        ("driftless_check_changes_left_out", |it, _| count(it.changes_left_out)),
    ];
    for (name, read) in numbers {
        let gauge = page.gauge(name)?;
        for facts in drift {
            if let Some(check) = &facts.check {
                gauge.with_label_values(&labels(&facts.stack)).set(read(check, &check.coverage));
            }
        }
    }
    Ok(())
}

fn changes(page: &Page, drift: &[DriftFacts]) -> Result<(), prometheus::Error> {
    let hosts = page.gauge("driftless_drift_hosts")?;
    let tasks = page.gauge("driftless_drift_tasks")?;
    let heals = page.counter("driftless_heals_total")?;
    for facts in drift {
        let [source, stack] = labels(&facts.stack);
        // Nobody looked yet: no drift would be said of what nobody knows.
        for class in ChangeClass::ALL.into_iter().filter(|_| facts.check.is_some()) {
            let labels = [source, stack, class.as_str()];
            let of_class = |it: &BTreeMap<ChangeClass, u32>| f64::from(it.get(&class).copied().unwrap_or(0));
            hosts.with_label_values(&labels).set(of_class(&facts.drifted_hosts));
            tasks.with_label_values(&labels).set(of_class(&facts.drifted_tasks));
        }
        let (healed, not_healed) = facts.heals;
        heals.with_label_values(&[source, stack, "healed"]).inc_by(healed);
        heals.with_label_values(&[source, stack, "not_healed"]).inc_by(not_healed);
    }
    Ok(())
}

fn debts(page: &Page, drift: &[DriftFacts]) -> Result<(), prometheus::Error> {
    type Read = fn(&DriftFacts) -> Option<f64>;
    let numbers: [(&str, Read); 6] = [
        ("driftless_stack_owed_since_timestamp_seconds", |it| it.owed_since.map(seconds)),
        ("driftless_flapping_tasks", |it| Some(f64::from(it.flapping_tasks))),
        ("driftless_pending_handlers", |it| Some(f64::from(it.pending_handlers))),
        ("driftless_quarantined_hosts", |it| Some(f64::from(it.quarantined_hosts))),
        ("driftless_airbag_held", |it| Some(flag(it.airbag_held))),
        ("driftless_lock_waiting", |it| Some(flag(it.lock_wait_since.is_some()))),
    ];
    for (name, read) in numbers {
        let gauge = page.gauge(name)?;
        for facts in drift {
            if let Some(value) = read(facts) {
                gauge.with_label_values(&labels(&facts.stack)).set(value);
            }
        }
    }
    Ok(())
}

/// Each host by itself, up to the limit.
fn hosts(page: &Page, drift: &[DriftFacts], limit: usize) -> Result<(), prometheus::Error> {
    let success = page.gauge("driftless_host_last_success_timestamp_seconds")?;
    let tasks = page.gauge("driftless_host_drift_tasks")?;
    let owed = page.gauge("driftless_host_owed_since_timestamp_seconds")?;
    let mut hosts: Vec<(&StackId, &str, &HostFacts)> = drift
        .iter()
        .flat_map(|it| it.hosts.iter().map(|(host, facts)| (&it.stack, host.as_str(), facts)))
        .collect();
    let left_out = hosts.len().saturating_sub(limit);
    if left_out != 0 {
        // Those that need somebody first. The rest by name, so that series do not come and go.
        hosts.sort_by_key(|(stack, host, facts)| (is_quiet(facts), *stack, *host));
        hosts.truncate(limit);
    }
    for (stack, host, facts) in hosts {
        let [source, stack] = labels(stack);
        let labels = [source, stack, host];
        tasks.with_label_values(&labels).set(f64::from(facts.drifted_tasks));
        if let Some(at) = facts.last_success {
            success.with_label_values(&labels).set(seconds(at));
        }
        if let Some(at) = facts.owed_since {
            owed.with_label_values(&labels).set(seconds(at));
        }
    }
    page.single("driftless_host_series_left_out", count(left_out as u64))
}

fn is_quiet(host: &HostFacts) -> bool {
    host.drifted_tasks == 0 && host.owed_since.is_none() && host.last_success.is_some()
}
