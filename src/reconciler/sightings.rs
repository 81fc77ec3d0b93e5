//! When tips were seen for the first time: by that time keys that expire are judged.

use crate::domain::{CommitHash, Lineage, Sighting, SourceName, Timestamp, Tip};

use super::Reconciler;
use super::source::Source;

/// So many are kept beside those of commits that may still run. Who pushes more often than that makes the oldest be
/// seen anew, later, which is no advantage to anybody whose key has expired.
const KEPT: usize = 32;

impl Reconciler {
    /// When the tips of a source were first seen, and what each was compared with: all that is needed to judge their
    /// signatures once more.
    pub fn sightings(&self, source: &SourceName) -> Vec<Sighting> {
        self.sources.get(source).map(|it| it.facts.sightings.clone()).unwrap_or_default()
    }
}

impl Source {
    /// A tip is seen, for the first time or again.
    pub(super) fn sight(&mut self, now: Timestamp, tip: &Tip) {
        let commit = &tip.revision.commit;
        let known = self.facts.sightings.iter_mut().find(|it| it.commit == *commit);
        // What is admitted stays judged by what it was compared with before.
        let base = match &tip.lineage {
            Lineage::First => None,
            Lineage::Same => known.as_ref().and_then(|it| it.base.clone()),
            Lineage::Descendant { of } | Lineage::Rewound { from: of } => Some(of.clone()),
        };
        // Another tag object is another thing, although it names the same commit.
        let at = known.as_ref().filter(|it| it.tag == tip.tag).map_or(now, |it| it.at);
        let sighting = Sighting { commit: commit.clone(), tag: tip.tag.clone(), base, at };
        match known {
            Some(known) if *known == sighting => return,
            Some(known) => *known = sighting,
            None => self.facts.sightings.push(sighting),
        }
        self.changed = true;
        self.forget_sightings(commit.clone());
    }

    /// Keeps those of commits that may still run, and the newest others.
    fn forget_sightings(&mut self, newest: CommitHash) {
        let admitted = self.facts.admitted.iter().chain(self.head().map(|it| &it.revision.commit));
        let attempts = self.stacks.values().filter_map(|it| it.facts.attempt.as_ref());
        let mut useful: Vec<CommitHash> =
            admitted.chain(attempts.map(|it| &it.revision.commit)).cloned().collect();
        useful.push(newest);
        let others = self.facts.sightings.iter().filter(|it| !useful.contains(&it.commit)).count();
        let mut surplus = others.saturating_sub(KEPT);
        self.facts.sightings.retain(|it| {
            let goes = surplus != 0 && !useful.contains(&it.commit);
            surplus -= usize::from(goes);
            !goes
        });
    }
}
