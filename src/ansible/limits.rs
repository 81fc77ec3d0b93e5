//! How long, how silent and how loud a run may be.

use std::time::Duration;

/// The limits of one run. Each is for runs that went wrong: a run that keeps them never notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From its start to its end.
    pub wall: Duration,
    /// Without an event and without a byte of log.
    pub silence: Option<Duration>,
    /// Events and log together, in bytes.
    pub output_bytes: Option<u64>,
    /// Between the request to end and the first SIGKILL.
    pub grace: Duration,
    /// The same after the daemon died.
    pub lifeline_grace: Duration,
}

impl Limits {
    /// What holds unless the operator says otherwise, for a run that may take as long as `wall`.
    pub fn with_wall(wall: Duration) -> Self {
        Self {
            wall,
            silence: None,
            output_bytes: Some(1024 * 1024 * 1024),
            grace: Duration::from_secs(10),
            lifeline_grace: Duration::from_secs(5),
        }
    }

    /// Why a run is ended that took too long.
    pub(super) fn wall_sentence(&self) -> String {
        format!("it took longer than {} (`timeout`)", seconds(self.wall))
    }

    /// The limit that is broken, as a sentence.
    pub(super) fn broken(&self, silent_for: Duration, output_bytes: u64) -> Option<String> {
        if let Some(limit) = self.silence.filter(|limit| *limit <= silent_for) {
            return Some(format!("it was silent for {}", seconds(limit)));
        }
        let limit = self.output_bytes.filter(|limit| *limit < output_bytes)?;
        Some(format!("it said more than {limit} bytes"))
    }
}

fn seconds(span: Duration) -> String {
    format!("{:#}", jiff::SignedDuration::try_from(span).unwrap_or(jiff::SignedDuration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_told_in_a_sentence_of_its_own() {
        let mut limits = Limits::with_wall(Duration::from_secs(90));
        assert_eq!(limits.wall_sentence(), "it took longer than 1m 30s (`timeout`)");
        assert_eq!(limits.broken(Duration::from_secs(9999), 1024), None);
        limits.silence = Some(Duration::from_secs(600));
        limits.output_bytes = Some(1000);
        assert_eq!(limits.broken(Duration::from_secs(599), 1000), None);
        assert_eq!(limits.broken(Duration::from_secs(600), 0).as_deref(), Some("it was silent for 10m"));
        assert_eq!(limits.broken(Duration::ZERO, 1001).as_deref(), Some("it said more than 1000 bytes"));
    }
}
