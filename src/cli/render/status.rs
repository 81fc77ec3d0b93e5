//! Everything at a glance.

use super::runs::run_table;
use super::stack::stack_table;
use crate::api::Status;
use crate::api::when::{ago, took, until};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{Revision, SourceName, SourceStatus, Timestamp};

/// Everything at a glance.
pub(in crate::cli) fn status_page(status: &Status, now: Timestamp) -> Page {
    let mut page = Page::default();
    head(&mut page, status, now);
    page.gap();
    if status.sources.is_empty() {
        page.line(&[plain("no source is configured: name a repository in the configuration")]);
    } else {
        sources(&mut page, &status.sources, now);
    }
    page.gap();
    stack_table(&mut page, &status.stacks, now);
    if !status.live.is_empty() {
        page.gap();
        run_table(&mut page, &status.live, now);
    }
    page
}

fn head(page: &mut Page, status: &Status, now: Timestamp) {
    let up = took(now.duration_since(status.started_at));
    let state = match (status.stopping, status.readiness.ready) {
        (true, _) => piece(Tone::Notice, "stopping: it waits for live runs"),
        (false, true) => piece(Tone::Good, "ready"),
        (false, false) => piece(Tone::Bad, "not ready"),
    };
    let name = piece(Tone::Strong, format!("driftless {}", status.version));
    page.line(&[name, plain(", "), state, plain(format!(", up {up}"))]);
    for reason in &status.readiness.because {
        page.problem(format!("  {reason}"), None);
    }
    for notice in &status.notices {
        page.problem(format!("  {notice}"), None);
    }
    page.field("mode", status.mode.as_str());
    if let Some(url) = &status.url {
        page.field("http", url);
    }
    page.field("store", size(status.store.size_bytes));
    if let Some(problem) = &status.store.problem {
        page.problem(format!("  {}", problem.message), problem.remedy.as_deref());
    } else if !status.store.writable {
        page.problem("  the store cannot be written; nothing new is started", None);
    }
}

/// `512 B`, `1.5 KiB`: one decimal, rounded down.
fn size(bytes: u64) -> String {
    let mut unit_bytes = 1024;
    for unit in ["KiB", "MiB", "GiB", "TiB"] {
        let tenths = u128::from(bytes) * 10 / unit_bytes;
        if (10..10240).contains(&tenths) {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        unit_bytes *= 1024;
    }
    format!("{bytes} B")
}

fn sources(page: &mut Page, sources: &[SourceStatus], now: Timestamp) {
    let rows = sources.iter().map(|it| row(it, now)).collect();
    page.table(&["SOURCE", "STATE", "HEAD", "FETCHED", "NEXT"], &[], rows);
    for source in sources {
        remarks(page, source);
    }
}

fn row(source: &SourceStatus, now: Timestamp) -> Vec<Piece> {
    let state = match (&source.waiting, &source.problem) {
        (_, Some(problem)) if problem.security => piece(Tone::Bad, "SECURITY"),
        (Some(_), _) => piece(Tone::Notice, "waits for approval"),
        (None, Some(_)) => piece(Tone::Bad, "problem"),
        (None, None) if source.fetched_at.is_none() => piece(Tone::Notice, "not fetched yet"),
        (None, None) => piece(Tone::Good, "ok"),
    };
    vec![
        piece(Tone::Strong, source.name.as_str()),
        state,
        plain(source.head.as_ref().map_or_else(|| "nothing".to_owned(), Revision::short)),
        plain(source.fetched_at.map_or_else(|| "never".to_owned(), |at| ago(now, at))),
        plain(source.next_fetch.map_or_else(String::new, |at| until(now, at))),
    ]
}

/// What there is to say of a source beside its line.
fn remarks(page: &mut Page, source: &SourceStatus) {
    if let Some(problem) = &source.problem {
        let again = match source.fetch_failures {
            0 | 1 => String::new(),
            times => format!(" ({times} times in a row)"),
        };
        let first = format!("  {}: {}{again}", source.name, problem.message);
        let what = [&[first], &problem.details[..]].concat().join("\n");
        page.problem(what, problem.remedy.as_deref());
    }
    if let Some(problem) = &source.forge_problem {
        let what = format!("  {}: merge requests are not followed: {}", source.name, problem.message);
        page.problem(what, problem.remedy.as_deref());
    }
    if let Some(waiting) = &source.waiting {
        let what = format!("  {}: {} waits for a person", source.name, waiting.short());
        page.line(&[piece(Tone::Notice, what)]);
        page.line(&[plain(format!("    -> look at it with `driftless approve {}`", source.name))]);
    }
    for note in &source.notes {
        page.line(&[plain(format!("  {}: {note}", source.name))]);
    }
}

/// What waits for approval in a source. `None` if there is no such source.
pub(in crate::cli) fn waiting_page(status: &Status, source: &SourceName) -> Option<Page> {
    let found = status.sources.iter().find(|it| it.name == *source)?;
    let mut page = Page::default();
    let Some(waiting) = &found.waiting else {
        page.line(&[plain(format!("nothing of {source} waits for approval"))]);
        return Some(page);
    };
    page.line(&[plain(format!(
        "{source} moved to a commit that does not descend from the admitted one: its history was rewritten."
    ))]);
    page.field("admitted", found.admitted.as_ref().map_or("nothing", |it| it.as_str()));
    page.field("waits", waiting.to_string());
    page.line(&[plain("Look at it in the repository. To accept exactly this commit:")]);
    page.line(&[plain(format!("  driftless approve {source} {}", waiting.commit))]);
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1023.9 KiB"),
            (1_048_576, "1.0 MiB"),
            (1_610_612_736, "1.5 GiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
