//! Unix signals and systemd: what the operating system asks of the daemon, and what the daemon tells it.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signal handlers could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("failed to listen for signals")]
pub struct SignalError(#[from] std::io::Error);

/// What the operating system asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGTERM or SIGINT: stop, and let applies finish.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals that the daemon listens for.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Installs the handlers. From now on none of these signals ends the process by itself.
    pub fn listen() -> Result<Self, SignalError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next thing asked for. Can be cancelled without loss.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// The service manager, if one started the daemon. Without one every call does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ServiceManager;

impl ServiceManager {
    /// Half of the watchdog's time, if it watches: how often [`Self::alive`] must be told.
    pub fn watchdog(self) -> Option<Duration> {
        sd_notify::watchdog_enabled().map(|it| it / 2)
    }

    /// The daemon recovered, its journal is writable and its socket answers.
    pub fn ready(self) {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is being read again. [`Self::ready`] must follow.
    ///
    /// Both states go in one message: newer versions of systemd wait for the time (`ansible-facts` 4).
    pub fn reloading(self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(error) => {
                tracing::warn!(%error, "failed to read the monotonic clock for the service manager");
            }
        }
    }

    /// The loop has turned.
    pub fn alive(self) {
        tell(&[NotifyState::Watchdog]);
    }

    /// The daemon is on its way out.
    pub fn stopping(self) {
        tell(&[NotifyState::Stopping]);
    }

    /// One line for `systemctl status`.
    pub fn status(self, line: &str) {
        tell(&[NotifyState::Status(line)]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "failed to tell the service manager");
    }
}
