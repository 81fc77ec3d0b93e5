//! The fleet: what runs where, since which commit, and is it still so?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::acts;
use super::answer;
use super::chart;
use super::context::PageContext;
use super::markup::Markup;
use super::paging::Paging;
use super::standing::Standing;
use super::words::{self, Tone, counted, pill};
use crate::api::{Fleet, FleetStack};
use crate::domain::{
    Applied, ChangeClass, CheckResult, CommitHash, CommitLine, HostMark, HostState, LastCheck, SourceName,
    SourceStatus, StackOverview, StackStatus, Timestamp,
};
use crate::web::Backend;
use crate::web::fleet_routes::visible;

/// How many stacks a page has.
const ROWS: usize = 50;
/// How many stacks the map has at most.
const GROUPS: usize = 120;
/// How many cells the map has at most, over all stacks.
const CELLS: usize = 1_500;

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct FleetQuery {
    q: String,
    state: String,
    source: String,
    sort: String,
    page: String,
}

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    context: PageContext,
    Query(query): Query<FleetQuery>,
) -> Response {
    let Some(caller) = context.caller.clone() else { return answer::stranger(&context) };
    let fleet = backend.fleet().await.map(|it| visible(it, &caller.scope));
    answer::page(
        &context,
        fleet.as_ref().map(|it| FleetPage::new(&context, it, &query)).map_err(Clone::clone),
    )
}

/// The page of the fleet.
#[derive(Template)]
#[template(path = "fleet.html")]
pub(super) struct FleetPage<'a> {
    ctx: &'a PageContext,
    query: &'a FleetQuery,
    /// Whether there is any stack at all.
    empty: bool,
    fleet: &'a Fleet,
    sources: &'a [SourceStatus],
    notices: &'a [String],
    sentence: String,
    tiles: Vec<Tile>,
    rows: Vec<StackRow<'a>>,
    paging: Paging,
    groups: Vec<Group<'a>>,
    /// How many stacks and hosts of theirs the map leaves out.
    left_out: (usize, usize),
    stacks_of: BTreeMap<&'a SourceName, usize>,
    hosts: usize,
    /// Classes and words.
    legend: [(String, &'static str); 7],
}

/// One number in the strip.
struct Tile {
    number: u64,
    label: &'static str,
    key: &'static str,
    tone: &'static str,
    current: bool,
}

impl<'a> FleetPage<'a> {
    pub(super) fn new(context: &'a PageContext, fleet: &'a Arc<Fleet>, query: &'a FleetQuery) -> Self {
        let mut rows: Vec<StackRow<'a>> = fleet.stacks.iter().map(StackRow::new).collect();
        let sentence = sentence(context.now, &rows);
        let tiles = tiles(&rows, &query.state);
        rows.retain(|it| it.is_wanted(query));
        match query.sort.as_str() {
            "name" => rows.sort_by(|a, b| a.it.overview.status.id.cmp(&b.it.overview.status.id)),
            "recent" => rows.sort_by_key(|it| std::cmp::Reverse(it.it.recent.first().map(|it| it.run))),
            "hosts" => rows.sort_by_key(|it| std::cmp::Reverse(it.it.overview.marks.len())),
            _ => rows.sort_by_key(StackRow::urgency),
        }
        let with_hosts: Vec<StackRow<'a>> =
            rows.iter().filter(|it| !it.it.overview.marks.is_empty()).copied().collect();
        let (mapped, beyond) = with_hosts.split_at(with_hosts.len().min(GROUPS));
        let groups = groups(mapped);
        let left_out = (beyond.len(), beyond.iter().map(|it| it.it.overview.marks.len()).sum());
        let stacks_of = count_by_source(fleet);
        let hosts = rows.iter().map(|it| it.it.overview.marks.len()).sum::<usize>();
        let paging = Paging::new(context, &query.page, rows.len(), ROWS);
        let rows = rows.into_iter().skip(paging.skip).take(ROWS).collect();
        Self {
            ctx: context,
            query,
            empty: fleet.stacks.is_empty(),
            fleet,
            sources: &fleet.sources,
            notices: &fleet.notices,
            sentence,
            tiles,
            rows,
            paging,
            groups,
            left_out,
            stacks_of,
            hosts,
            legend: HostState::ALL.map(|it| (chart::state_class(it), chart::state_word(it))),
        }
    }

    /// Sources about which something has to be said.
    fn troubled(&self) -> impl Iterator<Item = &SourceStatus> {
        self.sources.iter().filter(|it| it.problem.is_some() || it.waiting.is_some())
    }

    fn stacks_of(&self, source: &SourceName) -> usize {
        self.stacks_of.get(source).copied().unwrap_or_default()
    }

    /// How many hosts its stacks have, each counted once.
    fn hosts_of(&self, source: &SourceName) -> usize {
        let stacks = self.fleet.stacks.iter().map(|it| &it.overview);
        let of_it = stacks.filter(|it| it.status.id.source == *source);
        of_it.flat_map(|it| &it.marks).map(|it| &it.host).collect::<BTreeSet<_>>().len()
    }

    fn chosen(&self, name: &str, value: &str) -> bool {
        let given = match name {
            "state" => &self.query.state,
            "source" => &self.query.source,
            _ => &self.query.sort,
        };
        given == value
    }
}

fn count_by_source(fleet: &Fleet) -> BTreeMap<&SourceName, usize> {
    let mut counts = BTreeMap::new();
    for it in &fleet.stacks {
        *counts.entry(&it.overview.status.id.source).or_default() += 1;
    }
    counts
}

/// `42 stacks: 39 in sync, 1 failed, 2 drifted; 3 hosts owed since 09:12`.
fn sentence(now: Timestamp, rows: &[StackRow<'_>]) -> String {
    let counts = [Standing::InSync].iter().chain(&Standing::ALL[..7]).filter_map(|standing| {
        let count = rows.iter().filter(|it| it.standing == *standing).count();
        (count != 0).then(|| format!("{count} {}", standing.after_number()))
    });
    let counts: Vec<String> = counts.collect();
    let owed: u64 = rows.iter().map(|it| u64::from(it.it.overview.status.hosts.owed)).sum();
    let since = rows.iter().filter_map(|it| it.it.overview.owed_since).min();
    let owed = match (owed, since) {
        (0, _) => String::new(),
        (owed, Some(since)) => format!("; {} owed since {}", counted(owed, "host"), words::clock(now, since)),
        (owed, None) => format!("; {} owed", counted(owed, "host")),
    };
    format!("{}: {}{owed}", counted(rows.len(), "stack"), counts.join(", "))
}

fn tiles(rows: &[StackRow<'_>], state: &str) -> Vec<Tile> {
    let count = |wanted: &dyn Fn(&StackRow<'_>) -> bool| {
        u64::try_from(rows.iter().filter(|it| wanted(it)).count()).unwrap_or(u64::MAX)
    };
    let standing = |it: Standing| count(&|row: &StackRow<'_>| row.standing == it);
    let tile = |number, label, key: &'static str, tone: Tone| {
        let tone = if number == 0 { "" } else { tone.class() };
        Tile { number, label, key, tone, current: state == key }
    };
    let live = count(&|it: &StackRow<'_>| it.it.overview.status.live.is_some());
    vec![
        tile(count(&|_| true), "stacks", "", Tone::Quiet),
        tile(standing(Standing::Failed), "failed", "failed", Tone::Bad),
        tile(standing(Standing::Waiting), "wait for a person", "waiting", Tone::Notice),
        tile(standing(Standing::Drifted), "drifted", "drifted", Tone::Notice),
        tile(standing(Standing::Owed), "with hosts owed", "owed", Tone::Notice),
        tile(standing(Standing::OutOfSync), "out of sync", "out_of_sync", Tone::Notice),
        tile(live, "live now", "live", Tone::Live),
        tile(standing(Standing::InSync), "in sync", "in_sync", Tone::Good),
    ]
}

/// One stack in the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct StackRow<'a> {
    it: &'a FleetStack,
    standing: Standing,
}

impl<'a> StackRow<'a> {
    pub(super) fn new(it: &'a FleetStack) -> Self {
        Self { it, standing: Standing::of(&it.overview) }
    }

    /// How it stands.
    pub(super) fn overview(&self) -> &'a StackOverview {
        &self.it.overview
    }

    /// What is shown of it anywhere.
    pub(super) fn status(&self) -> &'a StackStatus {
        &self.it.overview.status
    }

    /// How it stands, in a word.
    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    fn urgency(&self) -> (Standing, bool) {
        (self.standing, self.it.overview.status.live.is_none())
    }

    fn is_wanted(&self, query: &FleetQuery) -> bool {
        let status = &self.it.overview.status;
        let state = match query.state.as_str() {
            "" => true,
            "live" => status.live.is_some(),
            key => self.standing.key() == key,
        };
        let source = query.source.is_empty() || status.id.source.as_str() == query.source;
        state && source && self.says(&query.q.to_lowercase())
    }

    /// Whether its name, its commit, the author or a host of it has this.
    fn says(&self, wanted: &str) -> bool {
        let has = |text: &str| text.to_lowercase().contains(wanted);
        let overview = &self.it.overview;
        wanted.is_empty()
            || has(&overview.status.id.to_string())
            || has(&overview.status.head.to_string())
            || self
                .it
                .commits
                .values()
                .any(|it| has(&it.subject) || has(&it.author) || has(it.commit.as_str()))
            || overview.marks.iter().any(|it| has(it.host.as_str()))
    }

    pub(super) fn pill(&self) -> Markup {
        pill(self.standing.tone(), self.standing.word())
    }

    pub(super) fn hosts_bar(&self) -> Markup {
        chart::bar(&chart::host_parts(self.it.overview.marks.iter().map(|it| it.state)))
    }

    fn spark(&self, now: &Timestamp) -> Markup {
        chart::spark(&self.it.recent, *now)
    }

    /// What a commit says.
    pub(super) fn line(&self, commit: &CommitHash) -> Option<&'a CommitLine> {
        self.it.commits.get(commit)
    }

    /// The commit that all hosts have, if it is not the head.
    pub(super) fn applied_commit(&self) -> Option<&'a CommitHash> {
        match &self.it.overview.status.applied {
            Applied::Everywhere(commit) if *commit != self.it.overview.status.head.commit => Some(commit),
            _ => None,
        }
    }

    /// What is to be said where hosts do not have one commit.
    pub(super) fn applied_words(&self) -> Option<&'static str> {
        match &self.it.overview.status.applied {
            Applied::Nothing => Some("nothing is applied yet"),
            Applied::Mixed => Some("hosts have different revisions"),
            Applied::Everywhere(_) => None,
        }
    }

    /// The commit that was attempted, if it is neither the head nor what is applied.
    pub(super) fn attempted_commit(&self) -> Option<&'a CommitHash> {
        let status = &self.it.overview.status;
        let attempted = status.attempted.as_ref().map(|it| &it.commit);
        attempted.filter(|it| **it != status.head.commit && Some(*it) != self.applied_commit())
    }

    /// Drift by class, where there is some.
    pub(super) fn classes(&self) -> Vec<(Tone, String)> {
        let tone = |class: ChangeClass| match class {
            ChangeClass::Corrective | ChangeClass::Recurring => Tone::Notice,
            ChangeClass::Intended => Tone::Live,
            ChangeClass::Flapping => Tone::Quiet,
        };
        let hosts = self.it.overview.drifted_hosts.iter();
        hosts
            .map(|(class, hosts)| (tone(*class), format!("{class} on {}", counted(*hosts, "host"))))
            .collect()
    }

    /// What the last check says, in words that are no stronger than what it saw.
    pub(super) fn check_words(&self) -> &'static str {
        match self.it.overview.check.as_ref().map(LastCheck::result) {
            None => "never checked",
            Some(CheckResult::Clean) => "clean",
            Some(CheckResult::Differs) => "differs",
            Some(CheckResult::CleanAsFarAsVisible) => "clean as far as visible",
        }
    }

    /// How much of what it looked at the last check could see: `12 blind, 98% seen`.
    pub(super) fn coverage(&self) -> Option<String> {
        let check = self.it.overview.check.as_ref()?;
        let mut parts = Vec::new();
        if check.coverage.unseen() != 0 {
            parts.push(format!("{} blind", words::grouped(check.coverage.unseen())));
        }
        if check.unseen_hosts != 0 {
            parts.push(format!("{} unseen", counted(check.unseen_hosts, "host")));
        }
        // Never rounded up to all.
        parts.push(format!("{}% seen", (check.coverage.share() * 100.0).floor()));
        Some(parts.join(", "))
    }
}

/// The hosts of one stack in the map.
struct Group<'a> {
    row: StackRow<'a>,
    cells: Vec<&'a HostMark>,
    more: usize,
}

/// Cells by stack, those with problems first everywhere. What does not fit is counted.
fn groups<'a>(rows: &[StackRow<'a>]) -> Vec<Group<'a>> {
    let all: usize = rows.iter().map(|it| it.it.overview.marks.len()).sum();
    let troubled = |it: &&HostMark| chart::state_tone(it.state) != Tone::Good;
    let problems: usize = rows.iter().map(|it| it.it.overview.marks.iter().filter(troubled).count()).sum();
    // The places that are left after the problems are shared among the rest.
    let healthy = all.saturating_sub(problems).max(1);
    let left = CELLS.saturating_sub(problems);
    let mut places = CELLS;
    rows.iter()
        .map(|row| {
            let mut cells: Vec<&HostMark> = row.it.overview.marks.iter().collect();
            cells.sort_by_key(|it| (it.state == HostState::InSync, it.state));
            let bad = cells.iter().filter(|it| troubled(it)).count();
            let fair = if all <= CELLS { cells.len() } else { bad + (cells.len() - bad) * left / healthy };
            let shown = fair.min(places);
            places -= shown;
            let more = cells.len() - shown;
            cells.truncate(shown);
            Group { row: *row, cells, more }
        })
        .collect()
}

/// One cell of the map.
fn cell(mark: &HostMark) -> Markup {
    let words = format!("{}: {}", mark.host, chart::state_word(mark.state));
    let tag = super::markup::Tag::new("a").class(&chart::state_class(mark.state));
    let tag = tag.with("href", &words::host_url(&mark.host)).with("title", &words).with("aria-label", &words);
    tag.text("")
}
