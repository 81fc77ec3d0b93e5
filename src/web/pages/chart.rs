//! Small charts, as SVG. Pure; each says in words what it shows.

use std::collections::BTreeMap;

use super::context::PageContext;
use super::markup::{Markup, Tag};
use super::words::{self, Given, Tone, counted};
use crate::domain::{HostState, Mode, RunMark, Timestamp};

/// A part of a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// How much.
    pub(super) count: u64,
    /// What.
    pub(super) word: &'static str,
    /// How bad that is.
    pub(super) tone: Tone,
}

fn svg(class: &str, width: f64, height: f64, said: &str) -> Tag {
    drawing("img", class, width, height, said)
}

fn drawing(role: &str, class: &str, width: f64, height: f64, said: &str) -> Tag {
    let tag = Tag::new("svg").class(class).with("role", role).with("aria-label", said);
    tag.with("viewBox", &format!("0 0 {width} {height}"))
}

fn rect(x: f64, y: f64, width: f64, height: f64, class: &str) -> Tag {
    Tag::new("rect")
        .number("x", x)
        .number("y", y)
        .number("width", width)
        .number("height", height)
        .class(class)
}

/// A bar of parts, each as wide as its share. Nothing where there are none.
pub(super) fn bar(parts: &[Part]) -> Markup {
    let total: u64 = parts.iter().map(|it| it.count).sum();
    if total == 0 {
        return Markup::default();
    }
    let said: Vec<String> =
        parts.iter().filter(|it| it.count != 0).map(|it| format!("{} {}", it.count, it.word)).collect();
    let mut inner = Tag::new("title").text(&said.join(", "));
    let mut at = 0.0;
    for part in parts.iter().filter(|it| it.count != 0) {
        // One host of thousands is still seen.
        let width = (share(part.count, total) * 100.0).max(1.5);
        inner.push(&rect(at, 0.0, width, 6.0, part.tone.class()).text(""));
        at += width;
    }
    let tag = svg("stackbar", at.max(1.0), 6.0, &said.join(", ")).with("preserveAspectRatio", "none");
    tag.around(&inner)
}

#[expect(clippy::cast_precision_loss, reason = "a width on a screen")]
fn share(part: u64, total: u64) -> f64 {
    part as f64 / total as f64
}

/// How good or bad a state of a host is.
pub(super) fn state_tone(state: impl Given<HostState>) -> Tone {
    match state.given() {
        HostState::Failed => Tone::Bad,
        HostState::Owed | HostState::Drifted | HostState::Pending | HostState::Behind => Tone::Notice,
        HostState::InSync => Tone::Good,
        HostState::Unknown => Tone::Quiet,
    }
}

/// The words for a state of a host.
pub(super) fn state_word(state: impl Given<HostState>) -> &'static str {
    match state.given() {
        HostState::Failed => "failed",
        HostState::Owed => "owed",
        HostState::Drifted => "drifted",
        HostState::Pending => "handler pending",
        HostState::Behind => "behind",
        HostState::InSync => "in sync",
        HostState::Unknown => "unknown",
    }
}

/// Hosts by how they stand.
pub(super) fn host_parts(states: impl IntoIterator<Item = HostState>) -> Vec<Part> {
    let mut counts = BTreeMap::<HostState, u64>::new();
    for state in states {
        *counts.entry(state).or_default() += 1;
    }
    let part = |(state, count)| Part { count, word: state_word(state), tone: state_tone(state) };
    counts.into_iter().map(part).collect()
}

/// The last runs as bars, the newest on the right: as high as they took long, checks narrower than applies.
pub(super) fn spark(runs: &[RunMark], now: Timestamp) -> Markup {
    const STEP: f64 = 7.0;
    const HIGH: f64 = 22.0;
    if runs.is_empty() {
        return Markup::default();
    }
    let longest = runs.iter().map(|it| seconds(it, now)).fold(1.0, f64::max);
    let mut inner = Tag::new("title").text(&sum_up(runs));
    for (place, run) in runs.iter().rev().enumerate() {
        let high = height(seconds(run, now), longest, HIGH);
        let (inset, width) = if run.mode == Mode::Check { (1.5, 2.0) } else { (0.0, 5.0) };
        let bar =
            rect(number(place) * STEP + inset, HIGH - high, width, high, tone(run).class()).number("rx", 1.0);
        inner.push(&bar.around(&Tag::new("title").text(&run_words(run, now))));
    }
    let wide = number(runs.len()) * STEP - 2.0;
    svg("chart", wide, HIGH, &sum_up(runs)).number("width", wide).number("height", HIGH).around(&inner)
}

/// The runs of a stack with the scale of how long they took; each leads to its page.
pub(super) fn timeline(context: &PageContext, runs: &[RunMark]) -> Markup {
    const HIGH: f64 = 84.0;
    const LEFT: f64 = 58.0;
    const WIDE: f64 = 880.0;
    if runs.is_empty() {
        return Markup::default();
    }
    let longest = runs.iter().map(|it| seconds(it, context.now)).fold(1.0, f64::max);
    let step = ((WIDE - LEFT) / number(runs.len())).min(26.0);
    let mut inner = Tag::new("title").text(&sum_up(runs));
    for (share, at) in [(1.0, 6.0), (0.0, HIGH)] {
        let line = Tag::new("line").class("axis").number("x1", LEFT - 4.0).number("x2", WIDE);
        inner.push(&line.number("y1", at).number("y2", at).text(""));
        let words = if share == 0.0 { "0s".to_owned() } else { took(longest) };
        let label = Tag::new("text").number("x", LEFT - 8.0).number("y", at + 4.0).with("text-anchor", "end");
        inner.push(&label.text(&words));
    }
    for (place, run) in runs.iter().rev().enumerate() {
        let high = height(seconds(run, context.now), longest, HIGH - 8.0);
        let width = if run.mode == Mode::Check { step * 0.34 } else { step * 0.72 };
        let bar =
            rect(LEFT + number(place) * step, HIGH - high, width, high, tone(run).class()).number("rx", 1.5);
        let words = run_words(run, context.now);
        let link = Tag::new("a")
            .with("href", &context.run_url(&run.run))
            .with("tabindex", "-1")
            .with("aria-label", &words);
        inner.push(&link.around(&bar.around(&Tag::new("title").text(&words))));
    }
    for (run, x, anchor) in
        [(runs.last(), LEFT, "start"), (runs.first(), LEFT + number(runs.len()) * step, "end")]
    {
        let Some(run) = run.filter(|_| 5 < runs.len()) else { continue };
        let label = Tag::new("text").number("x", x).number("y", HIGH + 15.0).with("text-anchor", anchor);
        inner.push(&label.text(&words::clock(context.now, run.decided_at)));
    }
    // No image: there are links in it.
    drawing("group", "chart timeline", WIDE, HIGH + 20.0, &sum_up(runs)).number("width", WIDE).around(&inner)
}

fn tone(run: &RunMark) -> Tone {
    run.outcome.map_or(Tone::Live, words::outcome_tone)
}

#[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
fn number(place: usize) -> f64 {
    place as f64
}

/// The square root of the share, so that short runs beside a long one are still told apart.
fn height(seconds: f64, longest: f64, high: f64) -> f64 {
    ((seconds / longest).sqrt() * high).clamp(3.0, high)
}

fn seconds(run: &RunMark, now: Timestamp) -> f64 {
    let begun = run.started_at.unwrap_or(run.decided_at);
    run.ended_at.unwrap_or(now).duration_since(begun).as_secs_f64().max(0.0)
}

fn took(seconds: f64) -> String {
    words::took(crate::domain::Span::try_from_secs_f64(seconds).unwrap_or_default())
}

/// `run 41, apply, changed, 1m 12s`.
fn run_words(run: &RunMark, now: Timestamp) -> String {
    let outcome = run.outcome.map_or("live", words::outcome);
    let when = words::ago(now, run.decided_at);
    format!("run {}, {}, {outcome}, {}, {when}", run.run, run.mode, took(seconds(run, now)))
}

/// `the last 16 runs: 14 as they should be, 2 failed`.
fn sum_up(runs: &[RunMark]) -> String {
    let mut counts = BTreeMap::<&str, u64>::new();
    for run in runs {
        *counts.entry(run.outcome.map_or("live", words::outcome)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("the last {}: {}", counted(runs.len(), "run"), counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Outcome, RunId, Span, Trigger};

    fn run(number: u64, outcome: Option<Outcome>, seconds: i64) -> RunMark {
        let decided_at = Timestamp::UNIX_EPOCH;
        RunMark {
            run: RunId(number),
            mode: Mode::Apply,
            trigger: Trigger::Retry,
            outcome,
            decided_at,
            started_at: Some(decided_at),
            ended_at: outcome.map(|_| decided_at + Span::from_secs(seconds)),
        }
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let now = Timestamp::UNIX_EPOCH + Span::from_secs(100);
        let runs = [run(3, None, 0), run(2, Some(Outcome::Failed), 50), run(1, Some(Outcome::Changed), 0)];
        let made = spark(&runs, now).to_string();
        assert!(
            made.contains("role=\"img\" aria-label=\"the last 3 runs: 1 changed, 1 failed, 1 live\""),
            "{made}"
        );
        assert!(made.contains("run 2, apply, failed, 50s, 1m ago"), "{made}");
        assert_eq!(made.matches("<rect").count(), 3);
        assert!(!made.contains("NaN") && !made.contains("style="), "{made}");
        assert_eq!(spark(&[], now), Markup::default());
    }

    #[test]
    fn one_host_of_thousands_is_seen() {
        let states = std::iter::repeat_n(HostState::InSync, 4_999).chain([HostState::Failed]);
        let made = bar(&host_parts(states)).to_string();
        assert!(made.contains("aria-label=\"1 failed, 4999 in sync\""), "{made}");
        assert!(made.contains("width=\"1.5\""), "{made}");
        assert_eq!(bar(&[]), Markup::default());
    }
}
