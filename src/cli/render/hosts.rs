//! Hosts: their recap, and many of them in few words.

use std::collections::{BTreeMap, HashMap};

use crate::api::when::ago;
use crate::api::{HostList, HostOverview};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{HostName, HostState, HostStats, Timestamp};

/// All hosts, and how each stands in its stacks; those with trouble first.
pub(in crate::cli) fn host_list_page(list: &HostList, now: Timestamp) -> Page {
    let mut page = Page::default();
    if list.hosts.is_empty() {
        page.line(&[plain("no apply of a whole stack told of its hosts yet")]);
        return page;
    }
    let mut hosts: Vec<&HostOverview> = list.hosts.iter().collect();
    hosts.sort_by_key(|it| it.state);
    let rows = hosts.iter().map(|it| overview(it, now)).collect();
    page.table(&["HOST", "STATE", "SEEN", "OWED SINCE", "STACKS"], &[], rows);
    page
}

fn overview(host: &HostOverview, now: Timestamp) -> Vec<Piece> {
    let stacks = host.stacks.iter().map(|(stack, state)| match state {
        // What is the same everywhere is not said again.
        state if *state == host.state => stack.to_string(),
        state => format!("{stack} ({})", state_words(*state)),
    });
    vec![
        piece(Tone::Strong, host.host.as_str()),
        piece(state_tone(host.state), state_words(host.state)),
        plain(host.last_seen.map_or_else(|| "never".to_owned(), |at| ago(now, at))),
        plain(host.owed_since.map_or_else(String::new, |at| ago(now, at))),
        plain(stacks.collect::<Vec<_>>().join(", ")),
    ]
}

fn state_words(state: HostState) -> &'static str {
    match state {
        HostState::Failed => "failed",
        HostState::Owed => "owed a revision",
        HostState::Drifted => "drifted",
        HostState::Pending => "owed a handler",
        HostState::Behind => "behind",
        HostState::InSync => "in sync",
        HostState::Unknown => "nothing applied",
    }
}

fn state_tone(state: HostState) -> Tone {
    match state {
        HostState::Failed | HostState::Drifted => Tone::Bad,
        HostState::Owed | HostState::Pending | HostState::Behind => Tone::Notice,
        HostState::InSync => Tone::Good,
        HostState::Unknown => Tone::Faint,
    }
}

/// So many hosts are told one by one; of more, those with the same counts are told together.
const ONE_BY_ONE: usize = 12;

/// So many names are told of a group of hosts.
const NAMES: usize = 3;

/// The recap, hosts with trouble first.
pub(super) fn recap_table(page: &mut Page, hosts: &BTreeMap<HostName, HostStats>) {
    let fold = hosts.len() > ONE_BY_ONE;
    let mut groups: Vec<(HostStats, Vec<&str>)> = Vec::new();
    let mut places: HashMap<[u32; 8], usize> = HashMap::new();
    for (host, stats) in hosts {
        let known = places.get(&counts(*stats)).copied().filter(|_| fold);
        if let Some(place) = known {
            groups[place].1.push(host.as_str());
        } else {
            places.insert(counts(*stats), groups.len());
            groups.push((*stats, vec![host.as_str()]));
        }
    }
    groups.sort_by_key(|(stats, _)| std::cmp::Reverse((stats.failed, stats.unreachable, stats.changed)));
    let rows = groups.iter().map(|(stats, names)| row(*stats, names)).collect();
    let head = ["HOST", "OK", "CHANGED", "UNREACHABLE", "FAILED", "SKIPPED", "RESCUED", "IGNORED", ""];
    page.table(&head, &[1, 2, 3, 4, 5, 6, 7], rows);
}

fn counts(stats: HostStats) -> [u32; 8] {
    let HostStats { ok, changed, unreachable, failed, skipped, rescued, ignored, unfinished } = stats;
    [ok, changed, unreachable, failed, skipped, rescued, ignored, u32::from(unfinished)]
}

fn row(stats: HostStats, names: &[&str]) -> Vec<Piece> {
    let number = |count: u32, tone: Tone| match count {
        0 => piece(Tone::Faint, "0"),
        _ => piece(tone, count.to_string()),
    };
    let note = if stats.unfinished { "did not get to the end" } else { "" };
    vec![
        piece(Tone::Strong, some_of(names)),
        number(stats.ok, Tone::Good),
        number(stats.changed, Tone::Notice),
        number(stats.unreachable, Tone::Bad),
        number(stats.failed, Tone::Bad),
        number(stats.skipped, Tone::Plain),
        number(stats.rescued, Tone::Notice),
        number(stats.ignored, Tone::Notice),
        piece(Tone::Notice, note),
    ]
}

/// `web1`, `web1, web2`, or `web1, web2, web3 and 9 more`.
pub(super) fn some_of(names: &[&str]) -> String {
    if names.len() <= NAMES + 1 {
        return names.join(", ");
    }
    format!("{} and {} more", names[..NAMES].join(", "), names.len() - NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::page::without_colour;
    use crate::cli::render::samples::{self, now, stack_id};

    #[test]
    fn hosts_of_all_stacks_are_listed_with_trouble_first() {
        let host = |name: &str, state, stacks: &[(&str, HostState)]| HostOverview {
            host: HostName::new(name),
            state,
            owed_since: (state == HostState::Owed).then(|| samples::ago(540)),
            last_seen: (state != HostState::Unknown).then(|| samples::ago(60)),
            stacks: stacks.iter().map(|(it, state)| (stack_id(it), *state)).collect(),
        };
        let (synced, owed) = (HostState::InSync, HostState::Owed);
        let hosts = vec![
            host("db1", synced, &[("infra/base", synced), ("infra/db", synced)]),
            host("web1", owed, &[("infra/base", synced), ("infra/web", owed)]),
            host("new1", HostState::Unknown, &[("infra/base", HostState::Unknown)]),
        ];
        let text = without_colour(&host_list_page(&HostList { hosts, more: false }, now()).into_text());
        let wanted = "\
HOST  STATE            SEEN    OWED SINCE  STACKS
web1  owed a revision  1m ago  9m ago      infra/base (in sync), infra/web
db1   in sync          1m ago              infra/base, infra/db
new1  nothing applied  never               infra/base
";
        assert_eq!(text, wanted, "\n{text}");
        let none =
            without_colour(&host_list_page(&HostList { hosts: Vec::new(), more: false }, now()).into_text());
        assert!(none.contains("told of its hosts yet"), "{none}");
    }

    fn recap(hosts: impl IntoIterator<Item = (String, HostStats)>) -> String {
        let hosts = hosts.into_iter().map(|(name, stats)| (HostName::new(name), stats)).collect();
        let mut page = Page::default();
        recap_table(&mut page, &hosts);
        without_colour(&page.into_text())
    }

    #[test]
    fn few_hosts_are_told_one_by_one_with_trouble_first() {
        let stats = HostStats { ok: 4, ..HostStats::default() };
        let failed = HostStats { ok: 2, failed: 1, unfinished: true, ..HostStats::default() };
        let text = recap([("a".to_owned(), stats), ("b".to_owned(), stats), ("c".to_owned(), failed)]);
        assert_eq!(
            text,
            "HOST  OK  CHANGED  UNREACHABLE  FAILED  SKIPPED  RESCUED  IGNORED\n\
             c      2        0            0       1        0        0        0  did not get to the end\n\
             a      4        0            0       0        0        0        0\n\
             b      4        0            0       0        0        0        0\n"
        );
    }

    #[test]
    fn many_hosts_with_the_same_counts_are_told_together() {
        let same = HostStats { ok: 4, ..HostStats::default() };
        let other = HostStats { ok: 4, changed: 1, ..HostStats::default() };
        let text = recap((10..40).map(|it| (format!("web{it}"), if it == 17 { other } else { same })));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("web17 "), "{text}");
        assert!(lines[2].starts_with("web10, web11, web12 and 26 more  "), "{text}");
    }
}
