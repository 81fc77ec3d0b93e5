//! How the last apply of each stack went: what people are told of it unasked.

use crate::domain::{Outcome, Revision, RunId, StackId};

use super::Reconciler;
use super::status::attempt_sentence;

/// The last apply of a whole stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastApply {
    /// The stack.
    pub stack: StackId,
    /// What it was to apply.
    pub revision: Revision,
    /// The run.
    pub run: RunId,
    /// How it ended, or what became of it since: hosts that did not answer may have been caught up. `None` while it is
    /// live.
    pub outcome: Option<Outcome>,
    /// The same in a sentence, in which nothing is said of what comes next.
    pub words: String,
}

impl Reconciler {
    /// The last applies of the stacks that are declared and were ever applied.
    pub fn last_applies(&self) -> Vec<LastApply> {
        let declared = self.all_named_stacks().filter(|(_, it)| it.declared.is_some());
        let applies = declared.filter_map(|(id, stack)| {
            let attempt = stack.facts.attempt.as_ref()?;
            let summary = stack.summary(&attempt.revision.commit);
            let words = attempt.outcome.map(|it| attempt_sentence(attempt, it, &summary));
            Some(LastApply {
                stack: id,
                revision: attempt.revision.clone(),
                run: attempt.run,
                outcome: attempt.outcome,
                words: words.unwrap_or_default(),
            })
        });
        applies.collect()
    }
}
