//! What the operator says of alerts: who can be told, of what, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::civil::Time;

use super::access::{Lender, SecretSource};
use super::alert_keys::{is_here, read_clock};
use super::check::Findings;
use super::suggest::nearest;
use super::value::Value;
use crate::domain::{
    AlertKind, AlertPolicy, AlertSeverity, Hours, ReceiverName, Route, Span, Template, Weekday,
};

/// What the operator says of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertConfig {
    /// What is decided by.
    pub policy: AlertPolicy,
    /// Who can be told.
    pub receivers: BTreeMap<ReceiverName, ReceiverConfig>,
    /// How long a message that does not arrive is tried again.
    pub give_up_after: Span,
}

/// One receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// What it is, and where.
    pub kind: ReceiverKind,
    /// How notices read.
    pub template: Template,
    /// Certificates that its server may be signed by; `None` for those of the system.
    pub ca_bundle: Option<PathBuf>,
}

/// What a receiver is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverKind {
    /// An incoming webhook of Slack or of what understands the same.
    Slack {
        /// Its address.
        url: SecretSource,
    },
    /// A room of Matrix.
    Matrix {
        /// The server of the account.
        homeserver: String,
        /// The id of the room.
        room: String,
        /// The access token.
        token: SecretSource,
    },
    /// A workflow of Microsoft Teams.
    Teams {
        /// Its address.
        url: SecretSource,
    },
    /// Who verifies signatures of Standard Webhooks.
    Webhook {
        /// Where it is sent.
        url: String,
        /// The key of the signature.
        secret: SecretSource,
    },
    /// Mail.
    Smtp {
        /// The server.
        host: String,
        /// Its port.
        port: u16,
        /// `starttls`, `implicit` or `none`.
        encryption: &'static str,
        /// User and password.
        login: Option<(String, SecretSource)>,
        /// Who it comes from.
        from: String,
        /// Who gets it.
        to: Vec<String>,
    },
}

impl ReceiverKind {
    /// How it is written in the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Slack { .. } => "slack",
            Self::Matrix { .. } => "matrix",
            Self::Teams { .. } => "teams",
            Self::Webhook { .. } => "webhook",
            Self::Smtp { .. } => "smtp",
        }
    }
}

impl AlertConfig {
    pub(super) fn of(value: &Value, lender: &Lender<'_>) -> Option<Self> {
        let mut receivers = BTreeMap::new();
        for (name, value) in value.named("receivers") {
            receivers.insert(name.text.parse().ok()?, receiver(value, lender)?);
        }
        let routes = value.list("routes").iter().map(route).collect::<Option<Vec<_>>>()?;
        Some(Self {
            policy: AlertPolicy {
                receivers: receivers.keys().cloned().collect(),
                routes,
                owed_longer_than: value.duration("owed_longer_than")?,
                unreachable_longer_than: value.duration("unreachable_longer_than")?,
                held_longer_than: value.duration("held_longer_than")?,
                settle: value.duration("settle")?,
                group: value.duration("group")?,
            },
            receivers,
            give_up_after: value.duration("give_up_after")?,
        })
    }
}

fn receiver(value: &Value, lender: &Lender<'_>) -> Option<ReceiverConfig> {
    let (kind, it) = kind(value)?;
    let kind = match kind {
        "slack" => ReceiverKind::Slack { url: lender.secret(it, "url")? },
        "matrix" => ReceiverKind::Matrix {
            homeserver: it.owned("homeserver")?,
            room: it.owned("room")?,
            token: lender.secret(it, "token")?,
        },
        "teams" => ReceiverKind::Teams { url: lender.secret(it, "url")? },
        "webhook" => ReceiverKind::Webhook { url: it.owned("url")?, secret: lender.secret(it, "secret")? },
        _ => smtp(it, lender)?,
    };
    let template = it.text("template").map_or_else(|| Some(Template::default()), |it| it.parse().ok())?;
    Some(ReceiverConfig { kind, template, ca_bundle: it.path("ca_bundle") })
}

/// The one key of a receiver, and what stands behind it.
fn kind(value: &Value) -> Option<(&'static str, &Value)> {
    ["slack", "matrix", "teams", "webhook", "smtp"].into_iter().find_map(|it| Some((it, value.written(it)?)))
}

fn smtp(value: &Value, lender: &Lender<'_>) -> Option<ReceiverKind> {
    let (encryption, usual_port) = match value.text("encryption")? {
        "implicit" => ("implicit", 465),
        "none" => ("none", 25),
        _ => ("starttls", 587),
    };
    Some(ReceiverKind::Smtp {
        host: value.owned("host")?,
        port: value.count("port").unwrap_or(usual_port),
        encryption,
        login: value.owned("user").zip(lender.secret(value, "password")),
        from: value.owned("from")?,
        to: value.texts("to"),
    })
}

fn route(value: &Value) -> Option<Route> {
    let all = |key| value.texts(key).into_iter();
    Some(Route {
        to: all("to").map(|it| it.parse().ok()).collect::<Option<_>>()?,
        stacks: all("stacks").map(|it| it.parse().ok()).collect::<Option<_>>()?,
        kinds: all("kinds").map(|it| AlertKind::of(&it)).collect::<Option<_>>()?,
        severity: value.text("severity").and_then(AlertSeverity::of),
        hours: match value.get("hours") {
            Some(it) => Some(hours(it)?),
            None => None,
        },
        digest: value.duration("digest"),
    })
}

fn hours(value: &Value) -> Option<Hours> {
    let days: BTreeSet<Weekday> =
        value.texts("days").iter().map(|it| Weekday::of(it)).collect::<Option<_>>()?;
    Some(Hours {
        days: if days.is_empty() { Weekday::ALL.iter().copied().collect() } else { days },
        from: read_clock(value.text("from")?)?,
        to: read_clock(value.text("to")?)?,
        zone: value.text("timezone")?.parse().ok()?,
    })
}

/// Complains of what only all of it can tell.
pub(super) fn check(alerts: &Value, findings: &mut Findings) {
    let receivers = alerts.named("receivers");
    for (name, receiver) in receivers {
        match kind(receiver) {
            None => {
                let help = "add `slack:`, `matrix:`, `teams:`, `webhook:` or `smtp:`";
                findings.error(format!("the receiver `{}` is nowhere", name.text), &name.place, help);
            }
            Some(("smtp", smtp)) => check_smtp(smtp, findings),
            Some(_) => {}
        }
    }
    let mut reached = BTreeSet::new();
    for route in alerts.list("routes") {
        let to = route.list("to");
        if let Some(list) = route.get("to").filter(|_| to.is_empty()) {
            findings.error("this route leads to nobody", &list.place, "name a receiver");
        }
        for it in to {
            let Some(text) = it.as_text() else { continue };
            reached.insert(text);
            let known = receivers.iter().map(|(name, _)| name.text.as_str());
            if known.clone().any(|it| it == text) {
                continue;
            }
            let help = nearest(text, known).map_or_else(
                || "add it below `alerts.receivers`".to_owned(),
                |it| format!("did you mean `{it}`?"),
            );
            findings.error(format!("there is no receiver `{text}`"), &it.place, help);
        }
        if let Some(hours) = route.get("hours") {
            check_hours(hours, findings);
        }
    }
    let unreached = receivers.iter().filter(|(name, _)| !reached.contains(name.text.as_str()));
    for (name, _) in unreached.filter(|_| !alerts.list("routes").is_empty()) {
        let message = format!("no route leads to the receiver `{}`", name.text);
        findings.warning(message, &name.place, "name it in a route, or remove it");
    }
}

fn check_smtp(smtp: &Value, findings: &mut Findings) {
    for (one, other) in [("user", "password"), ("password", "user")] {
        if let Some(value) = smtp.get(one).filter(|_| smtp.get(other).is_none()) {
            findings.error(
                format!("there is a `{one}` and no `{other}`"),
                &value.place,
                format!("add `{other}:`"),
            );
        }
    }
    if let (Some("none"), Some(host)) = (smtp.text("encryption"), smtp.get("host"))
        && !host.as_text().is_some_and(is_here)
    {
        let message = "without encryption everybody on the way can read the mail and the password";
        findings.error(message, &host.place, "name a server on this machine, or remove `encryption: none`");
    }
    if let Some(list) = smtp.get("to").filter(|_| smtp.list("to").is_empty()) {
        findings.error("this mail goes to nobody", &list.place, "name an address");
    }
}

fn check_hours(hours: &Value, findings: &mut Findings) {
    let clock = |key| hours.text(key).and_then(read_clock);
    if let (Some(from), Some(to), Some(value)) = (clock("from"), clock("to"), hours.get("to"))
        && to != Time::midnight()
        && to <= from
    {
        let help = "write a later time; for a night write two routes, one until `\"24:00\"` and one from `\"00:00\"`";
        findings.error("these hours end before they begin", &value.place, help);
    }
}
