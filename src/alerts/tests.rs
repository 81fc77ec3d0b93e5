//! Each protocol against a server of our own that behaves well, badly or not at all.

mod http;
mod mail;
mod server;
mod smtp;

use std::time::Duration;

use super::*;
use crate::domain::{AlertSeverity, Notice, NoticeState, ReceiverName};

/// What must not be in anything that is shown. Long enough that no chance makes it.
pub(super) const CANARY: &str = "canary-8c1f5e7d20b94a63";

pub(super) fn secret(text: String) -> Secret {
    Secret::new(text)
}

pub(super) fn receiver(endpoint: Endpoint) -> Receiver {
    let limits = SendLimits { connect: Duration::from_secs(5), total: Duration::from_secs(10) };
    Receiver { endpoint, template: Template::default(), ca_bundle: None, limits }
}

/// Short limits, for servers that do not answer.
pub(super) fn hasty(receiver: Receiver) -> Receiver {
    let short = Duration::from_millis(300);
    Receiver { limits: SendLimits { connect: short, total: short }, ..receiver }
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

pub(super) fn notification(summary: &str) -> Notification {
    let receiver: ReceiverName = "ops".parse().expect("a name");
    let mut notification = Notification::new(receiver, now());
    notification.add(Notice {
        alert: Some("apply_failed infra/web".parse().expect("an alert")),
        state: NoticeState::Raised,
        severity: AlertSeverity::Critical,
        since: now(),
        at: now(),
        summary: summary.to_owned(),
        details: vec!["2 of 3 hosts failed".to_owned()],
        link: "/runs/7".to_owned(),
    });
    notification
}

pub(super) const BASE: Option<&str> = Some("https://driftless.example");
