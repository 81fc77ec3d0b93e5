//! The only file that reads the wall clock.

use crate::domain::Timestamp;

/// Now, for events, records and people. Durations are measured with the monotonic clock instead.
#[expect(clippy::disallowed_methods, reason = "this is the file that owns the clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
