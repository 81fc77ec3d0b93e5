//! What the outcomes mean to people.

use crate::cli::page::{Piece, Tone, piece};
use crate::domain::{Ending, Mode, Outcome, Selection, SyncStatus};

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::InSync | Outcome::Changed => Tone::Good,
        Outcome::Drifted
        | Outcome::Unreachable
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Refused => Tone::Notice,
        Outcome::Failed | Outcome::TimedOut | Outcome::Errored => Tone::Bad,
    }
}

/// An outcome in its colour; `live` for a run that has none yet.
pub(super) fn ending_piece(ending: Option<&Ending>) -> Piece {
    match ending {
        Some(ending) => piece(tone(ending.outcome), ending.outcome.words()),
        None => piece(Tone::Strong, "live"),
    }
}

/// What happens next after this outcome, unasked. Nothing for those after which nothing needs to happen.
pub(super) fn what_next(outcome: Outcome, mode: Mode, selection: Selection) -> Option<&'static str> {
    if mode == Mode::Check {
        return None;
    }
    let is_retried = matches!(outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Errored);
    if selection != Selection::Full && is_retried {
        return Some("a run of a part is not retried; `driftless explain` says what comes next");
    }
    match outcome {
        Outcome::InSync | Outcome::Changed | Outcome::Drifted => None,
        Outcome::Failed => Some("it is retried with growing pauses; a newer commit is applied at once"),
        Outcome::Unreachable => {
            Some("the hosts that did not answer are owed this revision and are caught up when they are back")
        }
        Outcome::TimedOut => {
            Some("it is retried with growing pauses; if it needs more time, raise `timeout` of the stack")
        }
        Outcome::Cancelled => {
            Some("its revision is held: a newer commit, `driftless apply` or `driftless resume` ends that")
        }
        Outcome::Errored => Some("it is retried with growing pauses; mend the repository or the runtime"),
        Outcome::Interrupted => Some("it is run again after a short pause"),
        Outcome::Refused => Some("it is due again when what stood in its way is gone"),
    }
}

/// What a run that does not cover its whole stack means for the record.
pub(super) fn selection_note(selection: Selection, mode: Mode) -> Option<&'static str> {
    match (selection, mode) {
        (Selection::Full, _) => None,
        (Selection::SomeHosts, Mode::Apply) => {
            Some("some hosts: only those in the recap were brought to the revision")
        }
        (Selection::SomeHosts, Mode::Check) => Some("some hosts: it says nothing of the others"),
        (Selection::SomeTasks, Mode::Apply) => Some("some tasks: it counts as applied on no host"),
        (Selection::SomeTasks, Mode::Check) => Some("some tasks: it says nothing of the others"),
    }
}

/// Whether a stack is in sync, in its colour.
pub(super) fn sync_piece(sync: SyncStatus) -> Piece {
    match sync {
        SyncStatus::InSync => piece(Tone::Good, "in sync"),
        SyncStatus::OutOfSync => piece(Tone::Bad, "out of sync"),
        SyncStatus::Unknown => piece(Tone::Notice, "unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_not_retried_and_a_check_has_nothing_to_follow() {
        let part = what_next(Outcome::Failed, Mode::Apply, Selection::SomeHosts).expect("a sentence");
        assert!(part.contains("not retried"), "{part}");
        assert!(include_str!("../../../docs/run.md").contains("is not retried"));
        assert_eq!(what_next(Outcome::Failed, Mode::Check, Selection::Full), None);
    }

    #[test]
    fn a_check_of_a_part_brings_no_host_to_a_revision() {
        let note = |mode| selection_note(Selection::SomeHosts, mode).expect("a note");
        assert!(note(Mode::Apply).contains("were brought to the revision"));
        assert!(note(Mode::Check).contains("nothing of the others"));
    }

    #[test]
    fn every_outcome_is_documented_with_what_happens_next() {
        let page = include_str!("../../../docs/run.md");
        for outcome in Outcome::ALL {
            let row = page
                .lines()
                .find(|it| it.starts_with(&format!("| `{outcome}` |")))
                .unwrap_or_else(|| panic!("docs/run.md has no line for `{outcome}`"));
            if let Some(next) = what_next(outcome, Mode::Apply, Selection::Full) {
                assert!(
                    row.to_lowercase().contains(&next.to_lowercase()),
                    "docs/run.md, `{outcome}`: {next}"
                );
            }
        }
    }
}
