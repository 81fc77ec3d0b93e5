//! What is recorded of a run beside its results: hosts, promises, the words of its commit.

use crate::domain::{CommitLine, ComparedPrediction, HostStats, Mode, Run, TaskIdentity};
use crate::web::pages::markup::{Markup, Tag};
use crate::web::pages::words::{Tone, pill};

/// One host with its counts.
#[derive(Debug, Clone)]
pub(super) struct HostRow {
    pub(super) host: String,
    pub(super) stats: HostStats,
    /// Whether a check found that something would change on it.
    would_change: bool,
}

impl HostRow {
    fn rank(&self) -> u8 {
        match self.tone() {
            Tone::Bad => 0,
            Tone::Notice => 1,
            _ => 2,
        }
    }

    fn tone(&self) -> Tone {
        let it = &self.stats;
        if it.failed != 0 {
            Tone::Bad
        } else if it.unreachable != 0 || it.unfinished || self.would_change {
            Tone::Notice
        } else {
            Tone::Good
        }
    }

    /// The class of its row.
    pub(super) fn class(&self) -> &'static str {
        match self.tone() {
            Tone::Bad => "problem",
            Tone::Notice => "heed",
            _ => "",
        }
    }

    /// How it ended, in a word.
    pub(super) fn word(&self, run: &Run) -> Markup {
        let it = &self.stats;
        let word = if it.unreachable != 0 {
            "did not answer"
        } else if it.failed != 0 {
            "failed"
        } else if it.unfinished {
            "not to its end"
        } else if it.changed != 0 {
            if self.would_change { "would change" } else { "changed" }
        } else if run.is_live() {
            return pill(Tone::Live, "so far ok");
        } else {
            "ok"
        };
        pill(self.tone(), word)
    }

    fn is(&self, status: &str) -> bool {
        let it = &self.stats;
        match status {
            "failed" => it.failed != 0 || it.unreachable != 0,
            "changed" => it.changed != 0,
            "unreachable" => it.unreachable != 0,
            _ => true,
        }
    }
}

/// The hosts that a filter leaves, those with problems first.
pub(super) fn host_rows(run: &Run, host: &str, status: &str) -> Vec<HostRow> {
    let host = host.to_lowercase();
    let mut rows: Vec<HostRow> = run
        .hosts
        .iter()
        .map(|(name, stats)| HostRow {
            host: name.to_string(),
            stats: *stats,
            would_change: run.spec.mode == Mode::Check && stats.changed != 0,
        })
        .filter(|it| (host.is_empty() || it.host.to_lowercase().contains(&host)) && it.is(status))
        .collect();
    rows.sort_by_key(HostRow::rank);
    rows
}

/// What a preview of a merge request promised, and what this run did.
#[derive(Debug, Clone)]
pub(super) struct Promise<'a> {
    pub(super) number: String,
    pub(super) title: &'a str,
    pub(super) url: String,
    pub(super) with_others: bool,
    pub(super) compared: Option<&'a ComparedPrediction>,
}

impl Promise<'_> {
    /// What went otherwise than promised, in words, at most so many.
    pub(super) fn broken(&self, most: usize) -> Vec<(&'static str, String, String)> {
        let broken = self.compared.iter().flat_map(|it| &it.broken).take(most);
        broken.map(|it| (it.kind.words(), it.host.to_string(), task_words(&it.task))).collect()
    }
}

/// The merge requests that this run applied.
pub(super) fn promises(run: &Run) -> Vec<Promise<'_>> {
    let kept = run.predictions.iter().map(|it| Promise {
        number: it.merge_request.to_string(),
        title: &it.title,
        url: format!("/sources/{}/merge-requests/{}", run.spec.stack.source, it.merge_request),
        with_others: it.with_others,
        compared: it.compared.as_ref(),
    });
    kept.collect()
}

/// `install nginx`, with the role before it; the action where it has no name.
pub(in crate::web::pages) fn task_words(task: &TaskIdentity) -> String {
    let role = task.role.as_ref().map_or_else(String::new, |it| format!("{it} : "));
    let name = if task.name.is_empty() { &task.action } else { &task.name };
    format!("{role}{name}")
}

/// `roles/web/tasks/main.yml:12`.
pub(in crate::web::pages) fn place_words(task: &TaskIdentity) -> String {
    if task.path.is_empty() { String::new() } else { format!("{}:{}", task.path, task.line) }
}

/// Subject and author of a commit.
pub(in crate::web::pages) fn commit_markup(line: &CommitLine) -> Markup {
    let mut both = Tag::new("span").class("subject").with("title", &line.subject).text(&line.subject);
    both.push_text(" ");
    both.push(&Tag::new("span").class("author").text(&format!("by {}", line.author)));
    Tag::new("span").class("commit").around(&both)
}
