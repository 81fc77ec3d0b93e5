//! How an apply compares with a preview, as it is kept with the record of the run: merge requests are forgotten sooner.

use serde::{Deserialize, Serialize};

use super::{
    AppliedStack, HostName, MergeRequest, MergeRequestNumber, PredictedChange, PredictionReport, TaskIdentity,
};

/// What the preview of one merge request had promised of what a run applied, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunPrediction {
    /// The merge request.
    pub merge_request: MergeRequestNumber,
    /// Its title. Anybody may have written it.
    pub title: String,
    /// Whether other merge requests were applied by the same run.
    #[serde(default)]
    pub with_others: bool,
    /// How the run compares with its live preview; `null` if there was none.
    #[serde(default)]
    pub compared: Option<ComparedPrediction>,
}

/// A comparison in numbers, with the first of what went otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ComparedPrediction {
    /// How many changes were predicted.
    pub predicted: u64,
    /// Changes that happened as predicted.
    pub as_predicted: u64,
    /// Predicted, and nothing was changed.
    pub missing: u64,
    /// Changed, to something else.
    pub different: u64,
    /// Changed, and not predicted.
    pub extra: u64,
    /// Changes of which the preview could say nothing.
    pub not_predictable: u64,
    /// What went otherwise than predicted, at most [`ComparedPrediction::BROKEN_MAX`] of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<BrokenPrediction>,
}

/// One change that went otherwise than predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BrokenPrediction {
    /// How.
    pub kind: BrokenKind,
    /// The host.
    pub host: HostName,
    /// The task.
    pub task: TaskIdentity,
}

/// How a change went otherwise than predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrokenKind {
    /// Predicted, and nothing was changed.
    Missing,
    /// Changed, to something else.
    Different,
    /// Changed, and not predicted.
    Extra,
}

impl BrokenKind {
    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Missing => "predicted, not changed",
            Self::Different => "changed to something else",
            Self::Extra => "changed, not predicted",
        }
    }
}

impl RunPrediction {
    /// Of a merge request and what became of it.
    pub fn new(seen: &MergeRequest, applied: &AppliedStack) -> Self {
        Self {
            merge_request: seen.number,
            title: seen.title.clone(),
            with_others: applied.with_others,
            compared: applied.report.as_ref().map(ComparedPrediction::from),
        }
    }
}

impl ComparedPrediction {
    /// The most changes that are kept one by one.
    pub const BROKEN_MAX: usize = 100;

    /// Whether the apply did what was promised and nothing else.
    pub fn holds(&self) -> bool {
        self.missing + self.different + self.extra == 0
    }

    /// `as previewed: 41 of 43, 2 missing`.
    pub fn words(&self) -> String {
        let mut text = format!("as previewed: {} of {}", self.as_predicted, self.predicted);
        for (count, word) in [
            (self.missing, "missing"),
            (self.different, "different"),
            (self.extra, "extra"),
            (self.not_predictable, "not predictable"),
        ] {
            if count != 0 {
                text.extend([", ", &count.to_string(), " ", word]);
            }
        }
        text
    }
}

impl From<&PredictionReport> for ComparedPrediction {
    fn from(report: &PredictionReport) -> Self {
        let broken = |kind, changes: &[PredictedChange]| -> Vec<BrokenPrediction> {
            let named = changes.iter().take(Self::BROKEN_MAX).map(|it| {
                let unknown = || TaskIdentity { name: it.task.to_string(), ..TaskIdentity::default() };
                let task = report.tasks.get(&it.task).cloned().unwrap_or_else(unknown);
                BrokenPrediction { kind, host: it.host.clone(), task }
            });
            named.collect()
        };
        let mut all = broken(BrokenKind::Missing, &report.missing);
        all.extend(broken(BrokenKind::Different, &report.different));
        all.extend(broken(BrokenKind::Extra, &report.extra));
        all.truncate(Self::BROKEN_MAX);
        Self {
            predicted: report.predicted(),
            as_predicted: report.as_predicted,
            missing: report.missing.len() as u64,
            different: report.different.len() as u64,
            extra: report.extra.len() as u64,
            not_predictable: report.not_predictable,
            broken: all,
        }
    }
}
