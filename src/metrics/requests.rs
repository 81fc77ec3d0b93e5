//! What is told of forges, merge requests and previews.

use crate::domain::{PredictionTotals, SourceName};

use super::page::Page;
use super::{Metrics, Snapshot};

/// The name of the counter of talks with forges.
pub(super) const CALLS: &str = "driftless_forge_calls_total";

/// The name of the counter of previews.
pub(super) const PREVIEWS: &str = "driftless_previews_total";

const RESULTS: [&str; 2] = ["success", "error"];

impl Metrics {
    /// Counts that a forge was asked.
    pub fn forge_asked(&self, source: &SourceName, success: bool) {
        self.forge_calls.with_label_values(&[source.as_str(), "ask", result(success)]).inc();
    }

    /// Counts that a forge was told.
    pub fn reported(&self, source: &SourceName, success: bool) {
        self.forge_calls.with_label_values(&[source.as_str(), "report", result(success)]).inc();
    }

    /// Counts a preview without keys.
    pub fn previewed(&self, source: &SourceName, success: bool) {
        self.previews.with_label_values(&[source.as_str(), result(success)]).inc();
    }

    /// Shows zero for what has not happened yet.
    pub(super) fn expect_requests(&self, source: &SourceName) {
        for result in RESULTS {
            self.previews.with_label_values(&[source.as_str(), result]);
            for call in ["ask", "report"] {
                self.forge_calls.with_label_values(&[source.as_str(), call, result]);
            }
        }
    }

    /// Forgets a source that is not configured any more.
    pub(super) fn forget_requests(&self, source: &SourceName) {
        for result in RESULTS {
            // An error only says that the series never was.
            let _never_was = self.previews.remove_label_values(&[source.as_str(), result]);
            for call in ["ask", "report"] {
                let _never_was = self.forge_calls.remove_label_values(&[source.as_str(), call, result]);
            }
        }
    }
}

fn result(success: bool) -> &'static str {
    RESULTS[usize::from(!success)]
}

/// What is rendered anew at each scrape.
pub(super) fn render(page: &Page, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let open = page.gauge("driftless_merge_requests")?;
    for (source, count) in &snapshot.merge_requests {
        open.with_label_values(&[source.as_str()]).set(f64::from(*count));
    }
    let changes = page.counter("driftless_preview_changes_total")?;
    for stack in &snapshot.stacks {
        let PredictionTotals { as_predicted, missing, different, extra, not_predictable } = stack.predictions;
        let results = [
            ("as_predicted", as_predicted),
            ("missing", missing),
            ("different", different),
            ("extra", extra),
            ("not_predictable", not_predictable),
        ];
        for (result, count) in results {
            let labels = [stack.id.source.as_str(), stack.id.stack.as_str(), result];
            changes.with_label_values(&labels).inc_by(count);
        }
    }
    Ok(())
}
