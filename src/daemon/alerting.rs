//! Tells people what they want to know unasked: looks at the state now and then, has it decided who is told, and sends
//! what waits. Beside the loop: nothing waits for it, and it waits for nobody longer than a try may take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::alerts::{self, Encryption, Endpoint, Receiver, SendLimits};
use crate::config::{Config, ReceiverConfig, ReceiverKind};
use crate::domain::{Failure, Notification, NotificationState, ReceiverName, Retry, Span, Timestamp, later};
use crate::metrics::Sending;
use crate::reconciler::alerts::{Sight, View, after_attempt, look, tell};
use crate::redact::{Names, Redactor, Secrets};
use crate::store::StoreError;

use super::clock::now;
use super::forging::broken;
use super::hands::Tools;

/// How often it is asked whether anything happened.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after a look the next one is, whatever happens: a look at a large fleet takes some milliseconds of the loop.
const LOOK_AGAIN: Span = Span::from_secs(2);

/// How often it is looked although nothing happened that the loop knows of.
const LOOK_ANYWAY: Span = Span::from_secs(30);

/// How long what is on its way when the daemon stops may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Watches and tells for one life of the daemon.
pub(super) struct Alerting {
    tools: Arc<Tools>,
    /// The activity of the loop when it was looked last.
    seen: u64,
    /// When it was looked last.
    looked_at: Timestamp,
    /// When to look again at the latest.
    look_at: Timestamp,
    /// Messages on their way: one for a receiver at a time.
    sending: JoinSet<Sent>,
    busy: BTreeSet<ReceiverName>,
    /// Receivers that asked to be left alone.
    paused: BTreeMap<ReceiverName, Timestamp>,
}

/// What came of a try.
struct Sent {
    receiver: ReceiverName,
    /// Until when the receiver asks to be left alone.
    pause: Option<Timestamp>,
}

impl Alerting {
    pub(super) fn new(tools: Arc<Tools>) -> Self {
        Self {
            tools,
            seen: 0,
            looked_at: Timestamp::MIN,
            look_at: Timestamp::MIN,
            sending: JoinSet::new(),
            busy: BTreeSet::new(),
            paused: BTreeMap::new(),
        }
    }

    /// Looks and sends until the daemon stops.
    pub(super) async fn keep(mut self, stop: watch::Receiver<bool>) {
        let mut stop = std::pin::pin!(super::stopped(stop));
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    if let Err(error) = self.turn().await {
                        tracing::debug!(error = &error as &dyn std::error::Error, "alerts have to wait");
                    }
                }
                Some(sent) = self.sending.join_next() => self.came_back(sent.ok()),
                () = &mut stop => break,
            }
        }
        // What does not get through in time is tried again by the next daemon.
        let rest = async { while self.sending.join_next().await.is_some() {} };
        drop(tokio::time::timeout(LAST_WORDS, rest).await);
    }

    async fn turn(&mut self) -> Result<(), StoreError> {
        let activity = self.tools.flags.activity.load(Ordering::Relaxed);
        let at = now();
        let happened = activity != self.seen && later(self.looked_at, LOOK_AGAIN) <= at;
        // A clock that was set back must not make it wait.
        let waits_too_long = at < self.looked_at;
        if happened || self.look_at <= at || waits_too_long {
            let wake = self.look(at).await?;
            (self.seen, self.looked_at) = (activity, at);
            self.look_at = wake.into_iter().fold(later(at, LOOK_ANYWAY), Timestamp::min);
        }
        self.send_due().await
    }

    /// Looks at everything and keeps what follows. When to look again.
    async fn look(&mut self, at: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let Some(view) = self.view().await? else { return Ok(None) };
        let config = self.tools.config();
        let mut sight = look(at, &view, &config.alerts.policy);
        clean(&mut sight, &redactor(&config));
        let known = self.tools.store.alerts().await?;
        let telling = tell(at, &sight, &known, &config.alerts.policy);
        for it in &telling.queue {
            tracing::info!(receiver = %it.receiver, state = %it.notice.state, "alert: {}", it.notice.summary);
        }
        if !telling.facts.is_empty() || !telling.queue.is_empty() {
            self.tools.store.tell(telling.facts, telling.queue).await?;
        }
        Ok(telling.wake)
    }

    /// What is known now; `None` while the daemon stops.
    async fn view(&self) -> Result<Option<View>, StoreError> {
        let asked = self.tools.inbox.ask(|core, now| View {
            sources: core.sources(),
            stacks: core.stacks(now),
            applies: core.last_applies(),
            drift: core.drift_facts(),
            merge_requests: core.merge_requests(),
            ..View::default()
        });
        let Ok(view) = asked.await else { return Ok(None) };
        let chain = self.tools.flags.audit.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Some(View { chain, ..view }))
    }

    /// Begins to send what waits, at most one message for each receiver at a time.
    async fn send_due(&mut self) -> Result<(), StoreError> {
        let at = now();
        self.paused.retain(|_, until| at < *until);
        // What is given up lets go what waits behind it.
        while self.send_first(at).await? {}
        Ok(())
    }

    /// Begins to send the first message of each receiver. Whether any was given up.
    async fn send_first(&mut self, at: Timestamp) -> Result<bool, StoreError> {
        let config = self.tools.config();
        let mut given_up = false;
        for notification in self.tools.store.due_notifications(at).await? {
            let receiver = notification.receiver.clone();
            if self.busy.contains(&receiver) || self.paused.contains_key(&receiver) {
                continue;
            }
            if !config.alerts.receivers.contains_key(&receiver) {
                let ended = Notification {
                    state: NotificationState::GivenUp,
                    last_error: Some("the receiver is not configured any more".to_owned()),
                    ended_at: Some(at),
                    ..notification
                };
                self.tools.store.put_notification(ended).await?;
                given_up = true;
                continue;
            }
            self.busy.insert(receiver);
            self.sending.spawn(send(Arc::clone(&self.tools), notification));
        }
        Ok(given_up)
    }

    fn came_back(&mut self, sent: Option<Sent>) {
        let Some(sent) = sent else {
            // A panic does not say whose: everybody is tried again.
            self.busy.clear();
            return;
        };
        self.busy.remove(&sent.receiver);
        if let Some(until) = sent.pause {
            self.paused.insert(sent.receiver, until);
        }
    }
}

/// Tries to send one message, and records that before and after.
async fn send(tools: Arc<Tools>, notification: Notification) -> Sent {
    let receiver = notification.receiver.clone();
    let unpaused = Sent { receiver: receiver.clone(), pause: None };
    // Recorded before it is sent: nothing is added any more to what somebody may have got.
    let begun = match tools.store.try_notification(notification.id).await {
        Ok(Some(begun)) => begun,
        Ok(None) => return unpaused,
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a message has to wait");
            return unpaused;
        }
    };
    let config = tools.config();
    let result = deliver(&config, &begun).await;
    let at = now();
    let ended = after_attempt(at, begun, result.as_ref().copied(), config.alerts.give_up_after);
    let counted = match ended.state {
        NotificationState::Sent => Sending::Sent,
        NotificationState::Pending => Sending::Failed,
        NotificationState::GivenUp => Sending::GivenUp,
    };
    tools.metrics.notified(&receiver, counted);
    if let Err(failure) = &result {
        tracing::warn!(%receiver, tries = ended.attempts, state = %ended.state, "a message did not arrive: {failure}");
    }
    if let Err(error) = tools.store.put_notification(ended).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "what came of a message is not recorded");
    }
    let asked = result.err().and_then(|it| match it.retry {
        Retry::After(span) => Some(later(at, span)),
        _ => None,
    });
    Sent { receiver, pause: asked }
}

/// Hands one message over.
pub(super) async fn deliver(config: &Config, notification: &Notification) -> Result<(), Failure> {
    let Some(configured) = config.alerts.receivers.get(&notification.receiver) else {
        return Err(Failure::until_changed("the receiver is not configured any more"));
    };
    let receiver = receiver(configured)?;
    let (notification, url) = (notification.clone(), config.public_url.clone());
    let task =
        tokio::spawn(async move { alerts::send(&receiver, &notification, url.as_deref(), now()).await });
    task.await.map_err(|_panicked| broken())?.map_err(Failure::from)
}

/// The receiver with its secrets as they are now.
fn receiver(configured: &ReceiverConfig) -> Result<Receiver, Failure> {
    let endpoint = match &configured.kind {
        ReceiverKind::Slack { url } => Endpoint::Slack { url: url.read()? },
        ReceiverKind::Teams { url } => Endpoint::Teams { url: url.read()? },
        ReceiverKind::Matrix { homeserver, room, token } => {
            Endpoint::Matrix { homeserver: homeserver.clone(), room: room.clone(), token: token.read()? }
        }
        ReceiverKind::Webhook { url, secret } => {
            Endpoint::Webhook { url: url.clone(), secret: secret.read()? }
        }
        ReceiverKind::Smtp { host, port, encryption, login, from, to } => Endpoint::Smtp {
            host: host.clone(),
            port: *port,
            encryption: match *encryption {
                "none" => Encryption::None,
                "implicit" => Encryption::Implicit,
                _ => Encryption::StartTls,
            },
            login: match login {
                Some((user, password)) => Some((user.clone(), password.read()?)),
                None => None,
            },
            from: from.clone(),
            to: to.clone(),
        },
    };
    Ok(Receiver {
        endpoint,
        template: configured.template.clone(),
        ca_bundle: configured.ca_bundle.clone(),
        limits: SendLimits::default(),
    })
}

/// Facts hold no secrets: whoever told them took them out. What looks like one is taken out here once more.
fn redactor(config: &Config) -> Redactor {
    Secrets::with_names(Names::new(&config.redact.names)).redactor()
}

fn clean(sight: &mut Sight, redactor: &Redactor) {
    let clean = |text: &mut String| *text = redactor.text(text).into_owned();
    for condition in sight.conditions.values_mut() {
        clean(&mut condition.summary);
        condition.details.iter_mut().for_each(clean);
    }
    sight.over.values_mut().for_each(|it| clean(&mut it.summary));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertKey, AlertSeverity, Condition};

    #[test]
    fn what_looks_like_a_secret_is_told_to_nobody() {
        let key: AlertKey = "apply_failed infra/web".parse().expect("an alert");
        let secret = "hunter2-hunter2-hunter2";
        let condition = Condition {
            severity: AlertSeverity::Critical,
            summary: format!("failed: password={secret}"),
            details: vec![format!("https://ann:{secret}@git.example/infra.git")],
            link: "/".to_owned(),
            instance: String::new(),
            since: None,
            after: Span::ZERO,
            lasting: true,
            heals: 0,
        };
        let mut sight = Sight { conditions: [(key, condition)].into(), ..Sight::default() };
        clean(&mut sight, &Secrets::with_names(Names::new(&[] as &[&str])).redactor());
        let shown = format!("{sight:?}");
        assert!(shown.contains("failed: ") && !shown.contains(secret), "{shown}");
    }
}
