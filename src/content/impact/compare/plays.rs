//! Plays that both trees have, or one of them.

use std::collections::BTreeSet;

use super::super::plays::{Play, PlayKey};
use super::super::stack::{Reading, Uses};
use crate::domain::PlayImpact;

/// How many files a play lists.
const MOST_BECAUSE: usize = 50;

/// A play in both trees, and what touches it.
pub(super) struct Pair<'c> {
    pub(super) key: PlayKey,
    pub(super) before: Option<(&'c Play, &'c Uses)>,
    pub(super) after: Option<(&'c Play, &'c Uses)>,
    /// What touches it.
    pub(super) because: BTreeSet<String>,
    /// Whether all of its hosts are touched, not only some.
    pub(super) is_all: bool,
    /// Those that are, if not all.
    pub(super) hosts: BTreeSet<String>,
}

/// The plays in the order of the playbook, then those that only the old tree has.
pub(super) fn pairs<'c>(before: &'c Reading, after: &'c Reading) -> Vec<Pair<'c>> {
    let all = |reading: &'c Reading| reading.plays.iter().zip(&reading.uses).collect::<Vec<_>>();
    let mut old = all(before);
    let pair = |key: &PlayKey, before, after| Pair {
        key: key.clone(),
        before,
        after,
        because: BTreeSet::new(),
        is_all: false,
        hosts: BTreeSet::new(),
    };
    let mut pairs = Vec::new();
    for new in all(after) {
        let at = old.iter().position(|it| it.0.key == new.0.key);
        pairs.push(pair(&new.0.key, at.map(|it| old.remove(it)), Some(new)));
    }
    pairs.extend(old.into_iter().map(|it| pair(&it.0.key, Some(it), None)));
    pairs
}

impl<'c> Pair<'c> {
    pub(super) fn uses(&self) -> impl Iterator<Item = &'c Uses> + use<'c> {
        self.before.into_iter().chain(self.after).map(|it| it.1)
    }

    pub(super) fn looks_around(&self) -> bool {
        self.uses().any(|it| it.looks_around)
    }

    /// Its hosts by both inventories; `None` if that cannot be known.
    pub(super) fn hosts(&self, before: &Reading, after: &Reading) -> Option<BTreeSet<String>> {
        let (one, other) = self.each(before, after)?;
        Some(one.union(&other).cloned().collect())
    }

    /// Hosts that it has in one of the trees only.
    pub(super) fn moved_hosts(&self, before: &Reading, after: &Reading) -> Option<BTreeSet<String>> {
        let (one, other) = self.each(before, after)?;
        Some(one.symmetric_difference(&other).cloned().collect())
    }

    fn each(&self, before: &Reading, after: &Reading) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
        if super::is_template(&self.key.2) {
            return None;
        }
        let one = if self.before.is_some() { before.hosts(&self.key.2)? } else { BTreeSet::new() };
        let other = if self.after.is_some() { after.hosts(&self.key.2)? } else { BTreeSet::new() };
        Some((one, other))
    }

    pub(super) fn shown(&self) -> PlayImpact {
        let line = self.after.or(self.before).map_or(1, |it| it.0.line);
        let mut because: Vec<String> = self.because.iter().take(MOST_BECAUSE).cloned().collect();
        if let Some(more) = self.because.len().checked_sub(MOST_BECAUSE).filter(|it| 0 < *it) {
            because.push(format!("and {more} more"));
        }
        PlayImpact {
            name: self.key.1.clone(),
            path: self.key.0.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            pattern: self.key.2.clone(),
            because,
        }
    }
}

/// Touches the plays that use a variable which a touched play sets for those that follow.
pub(super) fn spread(pairs: &mut [Pair<'_>]) {
    let mut sets: Vec<(String, String)> = Vec::new();
    for pair in pairs.iter_mut() {
        let own: BTreeSet<&String> = pair.uses().flat_map(|it| &it.sets).collect();
        let words: BTreeSet<&String> = pair.uses().flat_map(|it| &it.words).collect();
        if pair.because.is_empty() {
            let used = sets.iter().find(|it| words.contains(&it.0) && !own.contains(&it.0));
            if let Some((name, play)) = used {
                pair.because.insert(format!("the variable {name}, which the play {play} sets"));
                pair.is_all = true;
            }
        }
        if !pair.because.is_empty() {
            sets.extend(own.into_iter().map(|it| (it.clone(), pair.key.1.clone())));
        }
    }
}
