//! Plays and tasks of a run, how long they took, and when.

use super::facts::{place_words, task_words};
use crate::domain::{Mode, ResultCounts, Run, RunOutline, Span, TaskOutline, Timestamp};
use crate::web::pages::markup::{Markup, Tag};
use crate::web::pages::words::{Tone, counted, took};

/// The most tasks that are listed, and that are in the chart.
const LISTED: usize = 500;
const CHARTED: usize = 60;

/// How many of the slowest are named.
const SLOWEST: usize = 8;

/// The tasks of a run.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub(super) plays: Vec<PlayRows>,
    pub(super) slowest: Vec<TaskRow>,
    pub(super) chart: Option<Markup>,
    /// How many tasks there are.
    pub(super) count: usize,
    /// How many of those that the filter leaves are not listed.
    pub(super) left_out: u64,
    /// How many the filter leaves.
    pub(super) listed: usize,
    pub(super) complete: bool,
    /// Whether nothing is known of tasks: no events were recorded, or they are not kept any more.
    pub(super) unknown: bool,
}

/// A play with its tasks.
#[derive(Debug)]
pub(super) struct PlayRows {
    pub(super) name: String,
    pub(super) hosts: u32,
    pub(super) tasks: Vec<TaskRow>,
}

/// A task.
#[derive(Debug, Clone)]
pub(super) struct TaskRow {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) action: String,
    pub(super) place: String,
    pub(super) handler: bool,
    pub(super) counts: ResultCounts,
    pub(super) took: String,
    pub(super) share: u64,
    pub(super) slowest: String,
    pub(super) is_live: bool,
    /// Whether the run only looks.
    check: bool,
}

impl TaskRow {
    fn new(task: &TaskOutline, longest: Span, run: &Run, is_live: bool) -> Self {
        let length = task.took();
        let share = length.as_millis() * 100 / longest.as_millis().max(1);
        let slowest = task.slowest.first().map(|(host, ms)| {
            let length = Span::from_millis(i64::try_from(*ms).unwrap_or(i64::MAX));
            format!("{host} {}", took(length))
        });
        Self {
            number: task.task,
            name: task_words(&task.identity),
            action: task.identity.action.clone(),
            place: place_words(&task.identity),
            handler: task.handler,
            counts: task.counts,
            took: took(length),
            share: u64::try_from(share).unwrap_or(0),
            slowest: slowest.unwrap_or_default(),
            is_live,
            check: run.spec.mode == Mode::Check,
        }
    }

    /// How its hosts ended: a bar of shares, and the words for them.
    pub(super) fn bar(&self) -> Markup {
        counts_bar(&self.counts, self.check)
    }

    /// The class of its row.
    pub(super) fn class(&self) -> &'static str {
        if self.counts.failed != 0 {
            "problem"
        } else if self.counts.unreachable != 0 {
            "heed"
        } else {
            ""
        }
    }
}

/// What is counted, in the order in which it matters.
fn parts(counts: &ResultCounts, check: bool) -> [(u32, Tone, &'static str); 8] {
    [
        (counts.failed, Tone::Bad, "failed"),
        (counts.unreachable, Tone::Bad, "unreachable"),
        (counts.changed, Tone::Notice, if check { "would change" } else { "changed" }),
        (counts.blind, Tone::Live, "not seen"),
        (counts.for_real, Tone::Live, "for real"),
        (counts.ignored, Tone::Quiet, "tolerated"),
        (counts.ok, Tone::Good, "ok"),
        (counts.skipped, Tone::Quiet, "skipped"),
    ]
}

/// `3 failed · 12 ok`, each in its colour.
pub(in crate::web::pages) fn counts_bar(counts: &ResultCounts, check: bool) -> Markup {
    let mut all = Markup::default();
    for (at, (count, tone, word)) in parts(counts, check).into_iter().filter(|it| it.0 != 0).enumerate() {
        if at != 0 {
            all.push(&Tag::new("span").class("muted").text(" \u{b7} "));
        }
        all.push(&Tag::new("span").class(&format!("text-{}", tone.class())).text(&format!("{count} {word}")));
    }
    Tag::new("span").class("counts").around(&all)
}

/// The tasks of a run, those whose name, role or file has `text`.
pub(super) fn tasks(run: &Run, outline: Option<&RunOutline>, text: &str) -> Tasks {
    let Some(outline) = outline else { return Tasks { unknown: true, complete: true, ..Tasks::default() } };
    let longest = outline.tasks.iter().map(TaskOutline::took).max().unwrap_or(Span::ZERO);
    let last = outline.tasks.last().map(|it| it.task);
    let row = |it: &TaskOutline| TaskRow::new(it, longest, run, run.is_live() && last == Some(it.task));
    let text = text.to_lowercase();
    let has = |it: &&TaskOutline| {
        text.is_empty()
            || [task_words(&it.identity), place_words(&it.identity), it.identity.action.clone()]
                .iter()
                .any(|it| it.to_lowercase().contains(&text))
    };
    let wanted: Vec<&TaskOutline> = outline.tasks.iter().filter(has).collect();
    let mut plays: Vec<(u32, PlayRows)> = Vec::new();
    for task in wanted.iter().take(LISTED) {
        if plays.last().is_none_or(|it| it.0 != task.play) {
            let play = outline.plays.get(task.play as usize);
            let name = play.map_or_else(String::new, |it| it.name.clone());
            plays.push((
                task.play,
                PlayRows { name, hosts: play.map_or(0, |it| it.hosts), tasks: Vec::new() },
            ));
        }
        if let Some((_, play)) = plays.last_mut() {
            play.tasks.push(row(task));
        }
    }
    let slowest = outline.slowest(SLOWEST).into_iter().filter(|it| Span::ZERO < it.took());
    Tasks {
        plays: plays.into_iter().map(|it| it.1).collect(),
        slowest: slowest.map(row).collect(),
        chart: chart(run, outline),
        count: outline.tasks.len(),
        left_out: wanted.len().saturating_sub(LISTED) as u64 + outline.tasks_left_out,
        listed: wanted.len(),
        complete: outline.complete,
        unknown: outline.tasks.is_empty() && outline.complete && !run.is_live(),
    }
}

/// When each task began and ended: one bar each, the longest ones if there are many.
fn chart(run: &Run, outline: &RunOutline) -> Option<Markup> {
    let started = outline.tasks.first()?.started_at;
    let ended = outline.tasks.iter().filter_map(|it| it.ended_at).max()?;
    let whole = ended.duration_since(started).as_millis();
    if whole <= 0 || outline.tasks.len() < 2 {
        return None;
    }
    let mut shown = outline.slowest(CHARTED);
    shown.sort_by_key(|it| it.task);
    let (width, bar) = (320.0, 8.0);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a run are far below 2^52")]
    let x = |at: Timestamp| at.duration_since(started).as_millis() as f64 / whole as f64 * width;
    #[expect(clippy::cast_precision_loss, reason = "there are few bars")]
    let height = shown.len() as f64 * bar;
    let mut inner = Tag::new("title").text(&format!("When the tasks of run {} ran", run.spec.run));
    inner.push(&Tag::new("desc").text(&describe(&shown, started, ended)));
    let mut y = 0.0;
    for task in &shown {
        let tone = match &task.counts {
            it if it.failed + it.unreachable != 0 => "bad",
            it if it.changed != 0 => "notice",
            it if it.ok != 0 => "good",
            _ => "quiet",
        };
        let from = x(task.started_at);
        let length = (x(task.ended_at.unwrap_or(task.started_at)) - from).max(2.0);
        let title = Tag::new("title").text(&format!("{}: {}", task_words(&task.identity), took(task.took())));
        let rect = Tag::new("rect").class(tone).number("x", from.min(width - 2.0)).number("y", y);
        let rect = rect.number("width", length).number("height", bar - 2.0).with("rx", "1.5").around(&title);
        inner.push(&rect);
        y += bar;
    }
    let view = format!("0 0 {width} {height}");
    let mut all =
        Tag::new("svg").class("chart stretch").with("viewBox", &view).with("role", "img").around(&inner);
    let mut scale = Tag::new("span").text("0s");
    scale.push(&Tag::new("span").text(&took(ended.duration_since(started))));
    all.push(&Tag::new("p").class("chart-scale").around(&scale));
    Some(all)
}

fn describe(shown: &[&TaskOutline], started: Timestamp, ended: Timestamp) -> String {
    let longest = shown.iter().max_by_key(|it| it.took());
    let longest = longest.map_or_else(String::new, |it| {
        format!(" The longest is {}, {}.", task_words(&it.identity), took(it.took()))
    });
    let count = counted(shown.len() as u64, "task");
    format!("{count} within {}.{longest}", took(ended.duration_since(started)))
}
