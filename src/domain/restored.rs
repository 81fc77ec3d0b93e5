//! What is kept of a stack whose state is that of a backup.

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Set while what is known of the hosts of a stack is that of a backup. Since then another daemon may have applied
/// newer commits to them: nothing is retried, caught up or corrected on the word of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Restored {
    /// When the daemon began with it.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// When the stack is looked at: the checks of all stacks are spread.
    #[schemars(with = "crate::domain::schema::Time")]
    pub look_at: Timestamp,
    /// Whether a check of the whole stack ended since.
    #[serde(default)]
    pub looked: bool,
    /// Whether its source was fetched since.
    #[serde(default)]
    pub fetched: bool,
    /// Whether that brought another commit than the backup knew: then only an apply of the whole stack tells what its
    /// hosts have.
    #[serde(default)]
    pub moved: bool,
}
