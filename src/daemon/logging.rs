//! Where the daemon's own log goes: to the journal with its fields, or to standard error.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Starts logging. `under_journal` says that standard error is the journal's (`JOURNAL_STREAM` is set);
/// `filter` is a `tracing` filter such as `info` or `driftless=debug`.
///
/// Under the journal each field becomes one of its own: `journalctl DRIFTLESS_RUN=12`.
pub fn start(under_journal: bool, filter: &str) {
    let filter = || EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    if under_journal && let Ok(journal) = tracing_journald::layer() {
        let journal = journal.with_field_prefix(Some("DRIFTLESS".to_owned()));
        tracing_subscriber::registry().with(journal.with_filter(filter())).init();
        return;
    }
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(terminal).with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(filter())).init();
}
