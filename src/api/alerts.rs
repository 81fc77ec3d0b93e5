//! Alerts, as they are told and tried out.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::{
    AlertFacts, AlertKey, AlertKind, AlertSeverity, AlertSubject, Notification, ReceiverName, Scope,
    Timestamp,
};

/// `GET /api/v1/alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AlertList {
    /// What is there now, whether anybody was told or not.
    pub alerts: Vec<OpenAlert>,
    /// Who can be told.
    pub receivers: Vec<ReceiverStatus>,
    /// The newest messages, newest first.
    pub notifications: Vec<Notification>,
}

impl AlertList {
    /// The most messages that are told.
    pub const MOST: u32 = 200;

    /// What of it somebody with this scope may know.
    #[must_use]
    pub fn within(mut self, scope: &Scope) -> Self {
        if *scope == Scope::All {
            return self;
        }
        self.alerts.retain(|it| it.subject.is_in(scope));
        for it in &mut self.notifications {
            it.notices.retain(|it| it.alert.as_ref().is_some_and(|it| it.subject.is_in(scope)));
            // How many others there were is of others.
            it.left_out = 0;
        }
        self.notifications.retain(|it| !it.notices.is_empty());
        self
    }
}

/// One thing that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OpenAlert {
    /// What about.
    pub kind: AlertKind,
    /// Of what: a source, a stack, a merge request as `source!number`, or `-` for the daemon.
    pub subject: AlertSubject,
    /// How much it matters.
    pub severity: AlertSeverity,
    /// What happens, in one line.
    pub summary: String,
    /// What else is to be said, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// Where more is to be seen, as a path of the page.
    pub link: String,
    /// Since when.
    #[schemars(with = "crate::domain::schema::Time")]
    pub since: Timestamp,
    /// When it had lasted long enough to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub raised_at: Option<Timestamp>,
    /// Since when it seems to be over, which is not told yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub gone_since: Option<Timestamp>,
    /// Who was told, or will be by the messages that wait.
    pub told: BTreeSet<ReceiverName>,
}

impl OpenAlert {
    /// From what is kept of it.
    pub fn new(key: AlertKey, facts: AlertFacts) -> Self {
        Self {
            kind: key.kind,
            subject: key.subject,
            severity: facts.condition.severity,
            summary: facts.condition.summary,
            details: facts.condition.details,
            link: facts.condition.link,
            since: facts.began,
            raised_at: facts.raised_at,
            gone_since: facts.gone_since,
            told: facts.told,
        }
    }
}

/// Somebody who can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ReceiverStatus {
    /// The operator's name for it.
    pub name: ReceiverName,
    /// `slack`, `matrix`, `teams`, `webhook` or `smtp`.
    pub kind: String,
    /// How many messages wait to be sent.
    pub pending: u64,
}

/// `POST /api/v1/alerts/test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertTestBody {
    /// Who gets the message.
    pub receiver: ReceiverName,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Notice, NoticeState};

    #[test]
    fn who_may_see_one_stack_is_told_of_no_other() {
        let notice = |subject: &str| Notice {
            alert: Some(format!("drift {subject}").parse().expect("an alert")),
            state: NoticeState::Raised,
            severity: AlertSeverity::Warning,
            since: Timestamp::UNIX_EPOCH,
            at: Timestamp::UNIX_EPOCH,
            summary: subject.to_owned(),
            details: Vec::new(),
            link: "/".to_owned(),
        };
        let message = |subjects: &[&str]| {
            let mut it = Notification::new("ops".parse().expect("a name"), Timestamp::UNIX_EPOCH);
            for subject in subjects {
                it.add(notice(subject));
            }
            Notification { left_out: 7, ..it }
        };
        let list = AlertList {
            notifications: vec![message(&["infra/web", "infra/db"]), message(&["infra/db"])],
            ..AlertList::default()
        };
        assert_eq!(list.clone().within(&Scope::All), list);
        let told = list.within(&Scope::Only(["infra/web".parse().expect("a grant")].into()));
        let [one] = told.notifications.as_slice() else { panic!("{told:?}") };
        assert_eq!((one.notices.len(), one.left_out), (1, 0));
        assert_eq!(one.notices[0].summary, "infra/web");
    }
}
