//! Small charts, as SVG. Pure; each says in words what it shows.

use std::collections::BTreeMap;

use super::context::PageContext;
use super::markup::{Markup, Tag};
use super::words::{self, Given, Tone, counted};
use crate::domain::{CheckCounts, HostState, Mode, RunMark, Timestamp};

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

/// The classes of a cell of the map: its tone, and what tells apart those of one tone.
pub(super) fn state_class(state: HostState) -> String {
    let own = match state {
        HostState::Owed => " owed",
        HostState::Drifted => " drifted",
        HostState::Pending => " pending",
        HostState::Behind => " behind",
        _ => "",
    };
    format!("cell {}{own}", state_tone(state).class())
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

/// The last checks, the newest on the right: on how many hosts something differed, and, dashed, how much they could
/// see. Nothing where there are fewer than two.
pub(super) fn trend(context: &PageContext, runs: &[RunMark]) -> Option<Markup> {
    const HIGH: f64 = 64.0;
    const LEFT: f64 = 58.0;
    const WIDE: f64 = 840.0;
    let checks: Vec<(&RunMark, CheckCounts)> =
        runs.iter().rev().filter_map(|it| Some((it, it.check?))).collect();
    let most = checks.iter().map(|(_, it)| it.differing_hosts).max().filter(|_| 1 < checks.len())?;
    let said = trend_words(&checks, most);
    let step = (WIDE - LEFT) / number(checks.len() - 1);
    let down = |share: f64| 6.0 + (1.0 - share) * (HIGH - 6.0);
    let mut inner = Tag::new("title").text(&said);
    for (at, left, right) in [(6.0, most.max(1).to_string(), "100%"), (HIGH, "0".to_owned(), "0%")] {
        let line = Tag::new("line").class("axis").number("x1", LEFT - 4.0).number("x2", WIDE + 4.0);
        inner.push(&line.number("y1", at).number("y2", at).text(""));
        for (x, anchor, words) in [(LEFT - 8.0, "end", left.as_str()), (WIDE + 8.0, "start", right)] {
            let label = Tag::new("text").number("x", x).number("y", at + 4.0).with("text-anchor", anchor);
            inner.push(&label.text(words));
        }
    }
    let hosts = |it: &CheckCounts| share(it.differing_hosts.into(), most.max(1).into());
    for (class, value) in [("trend quiet", &seen as &dyn Fn(&CheckCounts) -> f64), ("trend notice", &hosts)] {
        let points = checks
            .iter()
            .enumerate()
            .map(|(place, (_, it))| format!("{:.1},{:.1}", LEFT + number(place) * step, down(value(it))));
        let line = Tag::new("polyline").class(class).with("points", &points.collect::<Vec<_>>().join(" "));
        inner.push(&line.text(""));
    }
    for (place, (run, it)) in checks.iter().enumerate() {
        let dot = Tag::new("circle").class("notice").number("cx", LEFT + number(place) * step);
        let words =
            format!("run {}: {}, {}", run.run, check_words(it), words::ago(context.now, run.decided_at));
        let dot = dot.number("cy", down(hosts(it))).number("r", 3.0);
        inner.push(&dot.around(&Tag::new("title").text(&words)));
    }
    Some(svg("chart timeline", WIDE + 44.0, HIGH + 8.0, &said).number("width", WIDE + 44.0).around(&inner))
}

/// How much a check could see, from 0 to 1.
fn seen(check: &CheckCounts) -> f64 {
    let all = check.seen + check.unseen;
    if all == 0 { 1.0 } else { share(check.seen, all) }
}

/// `98%`, never rounded up to all.
fn percent(share: f64) -> String {
    format!("{}%", (share * 100.0).floor())
}

fn differ_words(hosts: u32) -> String {
    format!("{} {}", counted(hosts, "host"), if hosts == 1 { "differs" } else { "differ" })
}

fn check_words(check: &CheckCounts) -> String {
    format!("{}, {} seen", differ_words(check.differing_hosts), percent(seen(check)))
}

/// `the last 12 checks: 1 host differs, at most 4 hosts; 100% seen, at least 90%`.
fn trend_words(checks: &[(&RunMark, CheckCounts)], most: u32) -> String {
    let last = checks.last().map(|it| it.1).unwrap_or_default();
    let lowest = checks.iter().map(|(_, it)| seen(it)).fold(1.0, f64::min);
    let all = counted(checks.len(), "check");
    format!(
        "the last {all}: {}, at most {}; {} seen, at least {}",
        differ_words(last.differing_hosts),
        counted(most, "host"),
        percent(seen(&last)),
        percent(lowest)
    )
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
            check: None,
        }
    }

    #[test]
    fn a_trend_says_where_checks_are_and_where_they_were() {
        let now = Timestamp::UNIX_EPOCH + Span::from_secs(100);
        let context = PageContext::new(None, None, now, &"/".parse().unwrap());
        let check = |number, differing_hosts, unseen| RunMark {
            mode: Mode::Check,
            check: Some(CheckCounts { differing_hosts, seen: 90, unseen }),
            ..run(number, Some(Outcome::Drifted), 9)
        };
        let applied = run(8, Some(Outcome::Changed), 9);
        let runs = [check(9, 1, 0), applied, check(7, 4, 10), check(6, 0, 0)];
        let made = trend(&context, &runs).unwrap().to_string();
        let said = "the last 3 checks: 1 host differs, at most 4 hosts; 100% seen, at least 90%";
        assert!(made.contains(&format!("role=\"img\" aria-label=\"{said}\"")), "{made}");
        assert_eq!(made.matches("<polyline").count(), 2, "{made}");
        assert!(made.contains("run 7: 4 hosts differ, 90% seen, 1m ago"), "{made}");
        assert!(!made.contains("NaN") && !made.contains("style="), "{made}");
        assert_eq!(trend(&context, &runs[..2]), None, "one check is no trend");
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
