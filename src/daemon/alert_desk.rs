//! Answers those who ask for alerts, or try a receiver out.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::api::{ActionReply, AlertList, ErrorBody, ErrorCode, OpenAlert, ReceiverStatus};
use crate::domain::audit::alert_tested;
use crate::domain::{AlertSeverity, Caller, Notice, NoticeState, Notification, ReceiverName, Span};
use crate::metrics::AlertTotals;
use crate::reconciler::alerts::after_attempt;
use crate::store::StoreError;

use super::alerting::deliver;
use super::clock::now;
use super::hands::Tools;

/// How many receivers are tried out at once.
const TESTS_AT_ONCE: usize = 2;

/// What the desk knows of alerts.
#[derive(Clone)]
pub(super) struct AlertDesk {
    tools: Arc<Tools>,
    tests: Arc<Semaphore>,
}

impl AlertDesk {
    pub(super) fn new(tools: Arc<Tools>) -> Self {
        Self { tools, tests: Arc::new(Semaphore::new(TESTS_AT_ONCE)) }
    }

    pub(super) async fn list(&self) -> Result<AlertList, ErrorBody> {
        let failed = |it: StoreError| ErrorBody::new(ErrorCode::Unavailable, it.to_string());
        let store = &self.tools.store;
        let pending = store.pending_notifications().await.map_err(failed)?;
        let config = self.tools.config();
        let receivers = config.alerts.receivers.iter().map(|(name, it)| ReceiverStatus {
            name: name.clone(),
            kind: it.kind.as_str().to_owned(),
            pending: pending.get(name).copied().unwrap_or_default(),
        });
        let mut alerts: Vec<OpenAlert> = store
            .alerts()
            .await
            .map_err(failed)?
            .into_iter()
            .map(|(key, it)| OpenAlert::new(key, it))
            .collect();
        alerts.sort_by_key(|it| (std::cmp::Reverse(it.severity), it.since));
        Ok(AlertList {
            alerts,
            receivers: receivers.collect(),
            notifications: store.notifications(AlertList::MOST).await.map_err(failed)?,
        })
    }

    /// Sends a message now, waits for what comes of it, and keeps both.
    pub(super) async fn test(&self, receiver: ReceiverName, by: Caller) -> Result<ActionReply, ErrorBody> {
        let failed = |it: StoreError| ErrorBody::new(ErrorCode::Unavailable, it.to_string());
        let config = self.tools.config();
        if !config.alerts.receivers.contains_key(&receiver) {
            let known: Vec<String> = config.alerts.receivers.keys().map(|it| format!("`{it}`")).collect();
            let remedy = if known.is_empty() {
                "add one below `alerts.receivers` of the configuration".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            };
            return Err(ErrorBody::not_found(format!("there is no receiver `{receiver}`")).remedy(remedy));
        }
        let Ok(_permit) = Arc::clone(&self.tests).try_acquire_owned() else {
            return Err(ErrorBody::unavailable("other receivers are being tried out; try again in a moment"));
        };
        let at = now();
        // What cannot be recorded is not done.
        self.tools.store.audit(at, vec![alert_tested(&receiver, &by.name)]).await.map_err(failed)?;
        let mut notification = Notification::new(receiver.clone(), at);
        notification.id.push_str("-test");
        notification.attempts = 1;
        notification.add(Notice {
            alert: None,
            state: NoticeState::Test,
            severity: AlertSeverity::Info,
            since: at,
            at,
            summary: "driftless can reach you".to_owned(),
            details: vec![format!("{} tried this receiver out", by.name)],
            link: "/".to_owned(),
        });
        let result = deliver(&config, &notification).await;
        // Whoever tries it out waits for the answer: it is not tried again by itself.
        let ended = after_attempt(now(), notification, result.as_ref().copied(), Span::ZERO);
        self.tools.store.put_notification(ended).await.map_err(failed)?;
        match result {
            Ok(()) => Ok(ActionReply {
                message: format!("the receiver {receiver} has the message"),
                by: by.name,
                run: None,
                after: None,
            }),
            Err(failure) => Err(ErrorBody::from_failure(ErrorCode::Refused, failure)),
        }
    }

    /// For metrics; `None` if the store cannot be read now.
    pub(super) async fn totals(&self) -> Option<AlertTotals> {
        let store = &self.tools.store;
        let mut open = BTreeMap::new();
        for (key, _) in store.alerts().await.ok()?.into_iter().filter(|(_, it)| it.raised_at.is_some()) {
            *open.entry(key.kind).or_default() += 1;
        }
        let receivers = self.tools.config().alerts.receivers.keys().cloned().collect();
        Some(AlertTotals { receivers, pending: store.pending_notifications().await.ok()?, open })
    }
}
