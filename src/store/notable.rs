//! Which results the record of a run shows, and how much of what they said.

use crate::domain::{Detail, Diff, Mode, ResultStatus, TaskResult, Verdict};

/// The longest text of a recorded result, in bytes. Longer ones are cut, and say so; all of them are in the event file.
pub const TEXT_MAX: usize = 16 << 10;

/// Of a text that is cut, how much of its end is kept: that is where errors are.
const TAIL: usize = 4 << 10;

/// The most of all differences of one result, and of all that results of one run said, in bytes.
const DIFFS_MAX: usize = 4 * TEXT_MAX;
const RUN_MAX: usize = 32 << 20;

/// Whether people look for this result. `action` is that of its task, for results that do not name their module.
pub(super) fn is_notable(mode: Mode, result: &TaskResult, action: &str) -> bool {
    if is_failure(result.status) {
        return true;
    }
    match (mode, result.verdict(action)) {
        (Mode::Check, Some(verdict)) => {
            result.tainted || matches!(verdict, Verdict::WouldChange | Verdict::Blind | Verdict::RanForReal)
        }
        (Mode::Check, None) => false,
        // Of a loop whose items were told these count, since each has its own difference.
        (Mode::Apply, _) => result.changed && result.status != ResultStatus::Skipped && result.items == 0,
    }
}

/// Whether it failed, was tolerated, or its host did not answer.
pub(super) fn is_failure(status: ResultStatus) -> bool {
    !matches!(status, ResultStatus::Ok | ResultStatus::Skipped)
}

/// Shortens what results said, so that a run that says much does not fill the database.
#[derive(Debug, Default)]
pub(super) struct Shortener {
    kept: usize,
}

impl Shortener {
    /// The result, with no more of what it said than the record has room for.
    pub(super) fn shortened(&mut self, result: &TaskResult) -> TaskResult {
        let detail = result.detail.as_deref().map(|detail| {
            let short = short(detail);
            let bytes = size(&short);
            if RUN_MAX < self.kept + bytes {
                return Detail { rc: detail.rc, cut: true, ..Detail::default() };
            }
            self.kept += bytes;
            short
        });
        TaskResult { detail: detail.map(Box::new), ..without_detail(result) }
    }
}

/// All but what it said, which can be large.
fn without_detail(it: &TaskResult) -> TaskResult {
    TaskResult {
        host: it.host.clone(),
        item: it.item.clone(),
        module: it.module.clone(),
        delegated_to: it.delegated_to.clone(),
        diff_digest: it.diff_digest.clone(),
        detail: None,
        ..*it
    }
}

fn short(detail: &Detail) -> Detail {
    let mut cut = detail.cut;
    let mut text = |text: &String| {
        let short = short_text(text);
        cut |= short.len() != text.len();
        short
    };
    let mut kept = Detail {
        msg: text(&detail.msg),
        stdout: text(&detail.stdout),
        stderr: text(&detail.stderr),
        rc: detail.rc,
        ..Detail::default()
    };
    let mut left = DIFFS_MAX;
    for diff in &detail.diff {
        let short = Diff {
            path: diff.path.clone(),
            before: text(&diff.before),
            after: text(&diff.after),
            prepared: text(&diff.prepared),
            hidden: diff.hidden,
        };
        let Some(rest) = left.checked_sub(diff_size(&short)) else { break };
        left = rest;
        kept.diff.push(short);
    }
    kept.cut = cut || kept.diff.len() != detail.diff.len();
    kept
}

/// The beginning and the end of a long text, with what is missing between them.
fn short_text(text: &str) -> String {
    if text.len() <= TEXT_MAX {
        return text.to_owned();
    }
    let head = (0..=TEXT_MAX - TAIL).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (text.len() - TAIL..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("{}\n[{} bytes left out]\n{}", &text[..head], tail - head, &text[tail..])
}

fn size(detail: &Detail) -> usize {
    let texts = detail.msg.len() + detail.stdout.len() + detail.stderr.len();
    texts + detail.diff.iter().map(diff_size).sum::<usize>()
}

fn diff_size(diff: &Diff) -> usize {
    diff.path.len() + diff.before.len() + diff.after.len() + diff.prepared.len()
}
