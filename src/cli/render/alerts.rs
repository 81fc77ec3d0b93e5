//! Alerts and the messages that carry them.

use super::words::clipped;
use crate::api::when::{ago, until};
use crate::api::{AlertList, OpenAlert, ReceiverStatus};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{AlertSeverity, Notice, NoticeState, Notification, NotificationState, Timestamp};

/// So many messages are shown; all of them are in the JSON.
const MESSAGES: usize = 15;

/// What is open, who can be told, and what was sent.
pub(in crate::cli) fn alerts_page(list: &AlertList, now: Timestamp) -> Page {
    let mut page = Page::default();
    if list.alerts.is_empty() {
        page.line(&[piece(Tone::Good, "nothing is wrong")]);
    }
    for alert in &list.alerts {
        open(&mut page, alert, &list.notifications, now);
    }
    page.gap();
    if list.receivers.is_empty() {
        page.line(&[plain(
            "nobody is told: add `alerts.receivers` to the configuration, see docs/alerts.md",
        )]);
    } else {
        let rows = list.receivers.iter().map(receiver).collect();
        page.table(&["RECEIVER", "KIND", "WAITING"], &[2], rows);
    }
    if !list.notifications.is_empty() {
        page.gap();
        let rows = list.notifications.iter().take(MESSAGES).map(|it| message(it, now)).collect();
        page.table(&["MESSAGE TO", "STATE", "WHEN", "TRIES", "WHAT"], &[3], rows);
        for it in list.notifications.iter().take(MESSAGES) {
            if let Some(error) = &it.last_error {
                page.problem(format!("{}: {error}", it.receiver), None);
            }
        }
    }
    page
}

fn open(page: &mut Page, alert: &OpenAlert, messages: &[Notification], now: Timestamp) {
    let tone = match alert.severity {
        AlertSeverity::Critical => Tone::Bad,
        AlertSeverity::Warning => Tone::Notice,
        AlertSeverity::Info => Tone::Plain,
    };
    page.line(&[
        piece(tone, format!("{:<8} ", alert.severity.as_str())),
        plain(format!("{}, since {}", alert.summary, ago(now, alert.since))),
    ]);
    for detail in &alert.details {
        page.line(&[plain(format!("         {detail}"))]);
    }
    let standing = match (alert.raised_at, alert.gone_since) {
        (_, Some(since)) => format!("over since {}, if it stays so", ago(now, since)),
        (None, None) => "not told yet: it may pass".to_owned(),
        (Some(_), None) if alert.told.is_empty() => "nobody is told of it".to_owned(),
        (Some(at), None) => who_knows(alert, messages, &ago(now, at)),
    };
    page.line(&[piece(Tone::Faint, format!("         {standing}"))]);
}

/// Who was told, and whose message has not arrived.
fn who_knows(alert: &OpenAlert, messages: &[Notification], when: &str) -> String {
    let is_of = |it: &Notice| {
        let same = it.alert.as_ref().is_some_and(|it| it.kind == alert.kind && it.subject == alert.subject);
        same && it.state == NoticeState::Raised && it.since == alert.since
    };
    let (mut told, mut parts) = (Vec::new(), Vec::new());
    for receiver in &alert.told {
        let message = messages.iter().find(|it| it.receiver == *receiver && it.notices.iter().any(is_of));
        match message.map(|it| (it.state, it.attempts)) {
            Some((NotificationState::Pending, 0)) => parts.push(format!("not delivered yet: {receiver}")),
            Some((NotificationState::Pending, tries)) => {
                let tries = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
                parts.push(format!("not delivered yet ({tries}): {receiver}"));
            }
            Some((NotificationState::GivenUp, _)) => {
                parts.push(format!("not delivered, given up: {receiver}"));
            }
            Some((NotificationState::Sent, _)) | None => told.push(receiver.to_string()),
        }
    }
    if !told.is_empty() {
        parts.insert(0, format!("told {when}: {}", told.join(", ")));
    }
    parts.join("; ")
}

fn receiver(it: &ReceiverStatus) -> Vec<Piece> {
    vec![piece(Tone::Strong, it.name.to_string()), plain(&it.kind), plain(it.pending.to_string())]
}

fn message(it: &Notification, now: Timestamp) -> Vec<Piece> {
    let (state, when) = match it.state {
        NotificationState::Sent => (piece(Tone::Good, "sent"), it.ended_at.map(|at| ago(now, at))),
        NotificationState::GivenUp => (piece(Tone::Bad, "given up"), it.ended_at.map(|at| ago(now, at))),
        NotificationState::Pending => (piece(Tone::Notice, "waiting"), Some(until(now, it.next_try))),
    };
    let more = it.notices.len().saturating_sub(1) as u64 + u64::from(it.left_out);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let what = it.notices.first().map_or_else(String::new, said);
    vec![
        plain(it.receiver.to_string()),
        state,
        plain(when.unwrap_or_default()),
        plain(it.attempts.to_string()),
        plain(format!("{what}{more}")),
    ]
}

fn said(notice: &Notice) -> String {
    let what = clipped(&notice.summary, 70);
    match notice.state {
        NoticeState::Raised => what,
        NoticeState::Resolved => format!("over: {what}"),
        NoticeState::Test => format!("test: {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::page::without_colour;
    use crate::domain::AlertKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn one_sees_what_is_wrong_and_whether_somebody_knows() {
        let alert = OpenAlert {
            kind: crate::domain::AlertKind::Drift,
            subject: "infra/web".parse().expect("a stack"),
            severity: AlertSeverity::Warning,
            summary: "1 host of infra/web drifted".to_owned(),
            details: vec!["web1".to_owned()],
            link: "/stacks/infra/web".to_owned(),
            since: at(0),
            raised_at: Some(at(0)),
            gone_since: None,
            told: ["ops".parse().expect("a name"), "pager".parse().expect("a name")].into(),
        };
        let mut notification = Notification::new("ops".parse().expect("a name"), at(0));
        notification.add(Notice {
            alert: Some(AlertKey { kind: alert.kind, subject: alert.subject.clone() }),
            state: NoticeState::Raised,
            severity: AlertSeverity::Warning,
            since: at(0),
            at: at(0),
            summary: alert.summary.clone(),
            details: Vec::new(),
            link: String::new(),
        });
        notification.last_error = Some("the receiver answered 500: oops".to_owned());
        notification.attempts = 2;
        notification.next_try = at(80);
        let receivers = vec![ReceiverStatus {
            name: "ops".parse().expect("a name"),
            kind: "slack".to_owned(),
            pending: 1,
        }];
        let list = AlertList { alerts: vec![alert], receivers, notifications: vec![notification] };
        let text = without_colour(&alerts_page(&list, at(60)).into_text());
        for part in [
            "warning  1 host of infra/web drifted, since 1m ago",
            "         told 1m ago: pager; not delivered yet (2 tries): ops\n",
            "waiting",
            "in 20s",
            "ops: the receiver answered 500: oops",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        let calm = without_colour(&alerts_page(&AlertList::default(), at(0)).into_text());
        assert!(calm.contains("nothing is wrong") && calm.contains("nobody is told"), "{calm}");
    }
}
