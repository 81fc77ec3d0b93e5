//! What is told to one receiver at one time, and what became of it.

use serde::{Deserialize, Serialize};

use super::super::{ReceiverName, Timestamp};
use super::{AlertKey, AlertSeverity, words};

words!(
    /// What a notice says of an alert.
    NoticeState {
        /// It is there.
        Raised = "raised",
        /// It is over.
        Resolved = "resolved",
        /// Somebody tries out whether notices arrive.
        Test = "test",
    }
);

words!(
    /// What became of a notification.
    NotificationState {
        /// It is to be sent, or to be tried again.
        Pending = "pending",
        /// The receiver has it.
        Sent = "sent",
        /// It was tried for too long, or its receiver is not configured any more.
        GivenUp = "given_up",
    }
);

/// One thing that a receiver is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Notice {
    /// Which alert. A test is of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertKey>,
    /// That it is there or over.
    pub state: NoticeState,
    /// How much it matters.
    pub severity: AlertSeverity,
    /// Since when it was there.
    #[schemars(with = "crate::domain::schema::Time")]
    pub since: Timestamp,
    /// When that was decided.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// What happened, in one line.
    pub summary: String,
    /// What else is to be said, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// Where more is to be seen, as a path of the page.
    pub link: String,
}

/// A notice for one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Who is told.
    pub receiver: ReceiverName,
    /// When.
    pub due: Timestamp,
    /// What.
    pub notice: Notice,
}

/// A message to one receiver: everything that it is to be told at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Notification {
    /// The same for each try, so that who gets it twice can tell.
    pub id: String,
    /// Who gets it.
    pub receiver: ReceiverName,
    /// When it is sent.
    #[schemars(with = "crate::domain::schema::Time")]
    pub due: Timestamp,
    /// What it says, in the order in which it was decided.
    pub notices: Vec<Notice>,
    /// How many more there were than one message holds.
    #[serde(default)]
    pub left_out: u32,
    /// What became of it.
    pub state: NotificationState,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// When it is tried next.
    #[schemars(with = "crate::domain::schema::Time")]
    pub next_try: Timestamp,
    /// What went wrong the last time, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was sent or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub ended_at: Option<Timestamp>,
}

impl Notification {
    /// The most notices of one message.
    pub const NOTICES_MAX: usize = 100;

    /// Without notices yet. There is one for a receiver at a time.
    pub fn new(receiver: ReceiverName, due: Timestamp) -> Self {
        Self {
            id: format!("{receiver}-{:x}", due.as_nanosecond()),
            receiver,
            due,
            notices: Vec::new(),
            left_out: 0,
            state: NotificationState::Pending,
            attempts: 0,
            next_try: due,
            last_error: None,
            ended_at: None,
        }
    }

    /// Adds a notice, or counts it if there is no room.
    pub fn add(&mut self, notice: Notice) {
        if self.notices.len() < Self::NOTICES_MAX {
            self.notices.push(notice);
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    /// The worst of what it says is there.
    pub fn severity(&self) -> AlertSeverity {
        let raised = self.notices.iter().filter(|it| it.state == NoticeState::Raised);
        raised.map(|it| it.severity).max().unwrap_or(AlertSeverity::Info)
    }
}
