//! What people are told unasked: which conditions the facts hold, what changed since somebody was told, and when a
//! message that did not arrive is tried again.
//!
//! Beside [`step`](super::Reconciler::step), not in it: nothing that is decided about runs may depend on whether anybody
//! was told. Like there, everything is an argument, and the same arguments give the same answer. Whoever calls keeps the
//! facts and what is to be sent in one transaction, before anything is sent: so a crash at any point neither repeats nor
//! loses anything.

mod conditions;
mod retry;
mod stacks;
mod telling;
#[cfg(test)]
mod tests;

pub use conditions::{Sight, View, look};
pub use retry::{MAX_PAUSE, after_attempt};
pub use telling::{Telling, tell};
