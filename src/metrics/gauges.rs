//! Gauges, rendered anew from the snapshot at each scrape.

use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Registry};

use crate::domain::status::Applied;
use crate::domain::{Revision, SourceStatus, StackStatus, SyncStatus};

use super::{Snapshot, seconds, table};

/// A registry that lives for one scrape.
struct Page {
    registry: Registry,
}

impl Page {
    fn gauge(&self, name: &str) -> Result<GaugeVec, prometheus::Error> {
        let gauge = GaugeVec::new(table::opts(name), table::labels(name))?;
        self.registry.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn single(&self, name: &str, value: f64) -> Result<(), prometheus::Error> {
        self.gauge(name)?.with_label_values::<&str>(&[]).set(value);
        Ok(())
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

pub(super) fn families(snapshot: &Snapshot) -> Result<Vec<MetricFamily>, prometheus::Error> {
    let page = Page { registry: Registry::new() };
    page.gauge("driftless_build_info")?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1.0);
    page.single("driftless_ready", flag(snapshot.ready))?;
    page.single("driftless_journal_writable", flag(snapshot.journal_writable))?;
    #[expect(clippy::cast_precision_loss, reason = "a store of 8 PiB is out of reach")]
    page.single("driftless_store_bytes", snapshot.store_bytes as f64)?;
    page.single("driftless_live_runs", f64::from(snapshot.live_runs))?;
    page.single("driftless_run_limit", f64::from(snapshot.run_limit))?;
    sources(&page, &snapshot.sources)?;
    stacks(&page, &snapshot.stacks)?;
    Ok(page.registry.gather())
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
    for stack in stacks {
        let (source, name) = (stack.id.source.as_str(), stack.id.stack.as_str());
        let applied = match &stack.applied {
            Applied::Nothing => "",
            Applied::Everywhere(commit) => commit.as_str(),
            Applied::Mixed => "mixed",
        };
        let head = stack.head.commit.as_str();
        info.with_label_values(&[source, name, head, commit(stack.attempted.as_ref()), applied]).set(1.0);
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
    let numbers: [(&str, Read); 8] = [
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
