//! Stopping: no new runs, checks end, applies get their time, then nothing is live and the daemon may go.

use crate::domain::{Decision, Mode, Span, Timestamp, later};

use super::Reconciler;
use super::stack::{Stack, StopOrder};

/// A stop that was asked for.
#[derive(Debug)]
pub(super) struct Drain {
    /// When live applies are interrupted.
    pub(super) deadline: Timestamp,
    timeout: Span,
    exited: bool,
}

impl Drain {
    pub(super) fn new(now: Timestamp, timeout: Span) -> Self {
        Self { deadline: later(now, timeout), timeout, exited: false }
    }
}

impl Reconciler {
    /// Whether an apply is live that will be interrupted at the deadline.
    pub(super) fn has_undrained_apply(&self) -> bool {
        self.all_stacks().any(|it| it.has_live(Mode::Apply) && it.order.is_none())
    }

    /// Orders the end of what may not go on while the daemon stops.
    pub(super) fn order_drain(&mut self, now: Timestamp) {
        let Some(drain) = &self.drain else { return };
        let (overdue, timeout) = (drain.deadline <= now, drain.timeout);
        for stack in self.all_stacks_mut().filter(|it| it.order.is_none()) {
            let reason = if stack.has_live(Mode::Check) {
                "the daemon is stopping, and a check loses nothing".to_owned()
            } else if overdue && stack.has_live(Mode::Apply) {
                format!("the daemon is stopping, and {} to end were given", super::words::span(timeout))
            } else {
                continue;
            };
            stack.order = Some(StopOrder { cancelled: false, reason, told: false, set_hold: false });
        }
    }

    /// Passes on each order to end a run, once.
    pub(super) fn pass_on_stops(&mut self, decisions: &mut Vec<Decision>) {
        for stack in self.all_stacks_mut() {
            if let (Some(order), Some(live)) = (&mut stack.order, &stack.facts.live)
                && !order.told
            {
                order.told = true;
                let (cancelled, reason) = (order.cancelled, order.reason.clone());
                decisions.push(Decision::Stop { run: live.run, cancelled, reason });
            }
        }
    }

    pub(super) fn exit_once(&mut self, decisions: &mut Vec<Decision>) {
        let idle = self.all_stacks().all(|it| it.facts.live.is_none());
        if let Some(drain) = self.drain.as_mut().filter(|it| idle && !it.exited) {
            drain.exited = true;
            decisions.push(Decision::Exit);
        }
    }

    fn all_stacks_mut(&mut self) -> impl Iterator<Item = &mut Stack> {
        self.sources.values_mut().flat_map(|it| it.stacks.values_mut())
    }
}
