//! Holds an apply whose hosts are not what they were, until a person looked.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::domain::{AirbagHold, AirbagPolicy, CommitHash, HostName, Question, RunId, Timestamp};

use super::stack::Stack;

/// So few hosts may be missing without anybody being asked.
const FEW_MISSING: usize = 1;

impl Stack {
    /// The hold that keeps this commit from being applied.
    pub(super) fn airbag_holds(&self, commit: &CommitHash) -> Option<&AirbagHold> {
        let hold = self.facts.locks.airbag.as_ref()?;
        (hold.revision.commit == *commit && hold.approved_by.is_none()).then_some(hold)
    }

    /// What is different from the last apply, if it is so different that a person has to look.
    pub(super) fn airbag(&self, question: &Question, policy: &AirbagPolicy) -> Option<String> {
        let comparison = self.compare_hosts(question, policy)?;
        let hold = self.facts.locks.airbag.as_ref();
        let commit = self.facts.live.as_ref().map(|it| &it.revision.commit);
        let approved = hold.is_some_and(|it| {
            it.approved_by.is_some() && Some(&it.revision.commit) == commit && it.digest == digest(question)
        });
        (!approved).then_some(comparison)
    }

    fn compare_hosts(&self, question: &Question, policy: &AirbagPolicy) -> Option<String> {
        let asked: BTreeSet<&HostName> = question.hosts.keys().collect();
        if let Some(most) = policy.max_hosts.filter(|it| (*it as usize) < asked.len()) {
            return Some(format!("{} hosts, and at most {most} are allowed", asked.len()));
        }
        let known: BTreeSet<&HostName> =
            self.ledger.known(self.facts.last_full_run).map(|(host, _)| host).collect();
        if known.is_empty() {
            return None;
        }
        let missing: Vec<&str> = known.difference(&asked).map(|it| it.as_str()).collect();
        let share = missing.len() * 100;
        let far_fewer = FEW_MISSING < missing.len() && known.len() * (policy.fewer_percent as usize) < share;
        if asked.is_empty() || far_fewer {
            let some = missing.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let more = if 5 < missing.len() { ", …" } else { "" };
            return Some(format!(
                "{} of {} hosts of the last apply are missing ({some}{more})",
                missing.len(),
                known.len()
            ));
        }
        let everything = question.plays.iter().find(|play| {
            let before = |it: &crate::domain::AskedPlay| it.everything || it.pattern == play.pattern;
            play.everything && !self.facts.locks.plays.iter().any(before)
        });
        let grew = known.len() < asked.len();
        everything.filter(|_| grew && !self.facts.locks.plays.is_empty()).map(|play| {
            format!(
                "the play `{}` is for all {} hosts of the inventory now, and {} were meant before",
                play.pattern,
                play.hosts,
                known.len()
            )
        })
    }

    /// An apply was caught: it waits for a person.
    pub(super) fn airbag_caught(
        &mut self,
        now: Timestamp,
        run: RunId,
        question: &Question,
        comparison: &str,
    ) {
        let Some(live) = &self.facts.live else { return };
        self.facts.locks.airbag = Some(AirbagHold {
            revision: live.revision.clone(),
            comparison: comparison.to_owned(),
            digest: digest(question),
            run,
            since: now,
            approved_by: None,
        });
    }

    /// A person accepts what was shown.
    pub(super) fn airbag_approved(&mut self, digest: &str, by: String) {
        if let Some(hold) = self.facts.locks.airbag.as_mut().filter(|it| it.digest == digest) {
            hold.approved_by = Some(by);
            self.refused_until = None;
            self.changed = true;
        }
    }
}

/// A digest of the hosts and plays that are asked for: what an approval is bound to.
fn digest(question: &Question) -> String {
    let mut hash = Sha256::new();
    for play in &question.plays {
        hash.update(play.pattern.as_bytes());
        hash.update([0, u8::from(play.everything)]);
    }
    for host in question.hosts.keys() {
        hash.update(host.as_str().as_bytes());
        hash.update([0]);
    }
    crate::domain::change::short_hex(&hash.finalize())
}
