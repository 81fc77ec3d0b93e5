//! Each hour somebody looks whether what was promised is kept.

use crate::domain::{ChangeClass, DriftReport, HostName, Span, TaskFacts, later};

use super::super::simulation::promise;
use super::fleet::{STACKS, id, stack_of};
use super::life::{Life, heals};

/// How long the work itself may take: waiting for the hosts of others, a run of all, one more check.
const SLACK: Span = Span::from_hours(1);

impl Life {
    /// Somebody looks: is what differs corrected in time, or said why not? Is nobody forgotten?
    pub(super) fn look(&mut self) {
        let now = self.now;
        let stale: Vec<_> = self.fleet.edits.keys().filter(|it| heals(&it.0)).cloned().collect();
        for edit in stale {
            let (stack, host, file) = &edit;
            let report = self.core.drift(now, stack).expect("it is declared");
            if let Some(excuse) = self.excuse(&report, host, *file) {
                self.lived.excused += 1;
                self.lived.capped += u32::from(excuse == "capped");
                self.lived.fought_over += u32::from(excuse == "doubted");
                self.fleet.edits.insert(edit, now);
                continue;
            }
            let since = self.fleet.edits[&edit];
            let every = stack_of(stack).check_every;
            let limit = later(later(later(since, every), every), SLACK);
            promise!(
                now <= limit,
                "what somebody did is corrected within two checks, or it is said why not",
                "file {file} on {host}, unexcused since {since}, {now}: {:?}\n{report:#?}",
                report.correction
            );
        }
        for stack in &STACKS {
            let report = self.core.drift(now, &id(stack)).expect("it is declared");
            for host in report.hosts.iter().filter(|it| it.owed_since.is_some()) {
                let up = self.fleet.up_since(&host.host).map(|it| Some(it).max(host.owed_since));
                let late = up.flatten().is_some_and(|it| later(it, Span::from_hours(2)) < now);
                promise!(
                    !late,
                    "owed hosts are caught up",
                    "{} of {}, up since {up:?}",
                    host.host,
                    stack.name
                );
            }
            let classes = report.hosts.iter().flat_map(|it| &it.drift).map(|it| it.class);
            self.lived.recurring +=
                u32::try_from(classes.filter(|it| *it == ChangeClass::Recurring).count()).expect("few");
        }
    }

    /// What is shown as the reason why something on a host is not corrected.
    fn excuse(&self, report: &DriftReport, host: &HostName, file: usize) -> Option<&'static str> {
        let hour_ago = self.now.saturating_sub(SLACK).expect("a time");
        if self.fleet.up_since(host).is_none_or(|it| hour_ago < it) {
            return Some("away");
        }
        let said = report.correction.as_deref().unwrap_or_default();
        if said.starts_with("corrected as often as a day allows") {
            return Some("capped");
        }
        // Said with file and line: its check is not believed, or it seems never to come to rest.
        let named = |it: &&TaskFacts| it.identity.name == format!("Write file {file}");
        let doubted = |it: &TaskFacts| it.flapping_since.is_some() || it.unreliable_since.is_some();
        if report.tasks.iter().find(named).is_some_and(doubted) {
            return Some("doubted");
        }
        let backoff = said.starts_with("the last try did not correct it");
        let held = said.starts_with("it is not corrected while");
        (backoff || held).then_some("not now")
    }
}
