//! Alerts: what was told of them to whom, and the notifications that carry it. Both are written in one transaction, so
//! that what counts as told is sent, and what is sent counts as told.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::columns::{count, json, nanos, uncount};
use super::{Store, StoreError};
use crate::domain::{
    AlertFacts, AlertKey, Notice, Notification, NotificationState, Queued, ReceiverName, Span, Timestamp,
};

/// How long notifications are kept that were sent or given up.
const KEPT_FOR: Span = Span::from_hours(30 * 24);

/// At most so many of them are kept, the newest.
const KEPT: u64 = 10_000;

/// So often a message is tried before it lets others go first: the receiver may refuse this one alone.
const KEEPS_BACK: u32 = 3;

impl Store {
    /// What is known to have been told.
    pub async fn alerts(&self) -> Result<BTreeMap<AlertKey, AlertFacts>, StoreError> {
        self.read(alerts).await
    }

    /// Keeps what changed of that, and queues what is to be told; durable when this returns.
    pub async fn tell(
        &self,
        facts: Vec<(AlertKey, Option<AlertFacts>)>,
        queue: Vec<Queued>,
    ) -> Result<(), StoreError> {
        self.write(move |db| {
            keep(db, &facts).and_then(|()| enqueue(db, &queue)).map_err(StoreError::database("keep alerts"))
        })
        .await
    }

    /// The notifications that are to be sent or tried again now, in the order in which each receiver is to have them.
    ///
    /// One that waits for its next try keeps back what comes after it for the same receiver. After some tries in vain
    /// it lets others go first, except those that tell of the same alerts: nobody hears the end before the beginning.
    pub async fn due_notifications(&self, now: Timestamp) -> Result<Vec<Notification>, StoreError> {
        self.read(move |db| due(db, now)).await
    }

    /// When the next notification is to be sent or tried again.
    pub async fn next_notification(&self) -> Result<Option<Timestamp>, StoreError> {
        self.read(|db| {
            db.query_row("SELECT min(next_try) FROM notifications WHERE state = 'pending'", (), |row| {
                Ok(row.get::<_, Option<i64>>(0)?.map(super::columns::timestamp))
            })
            .map_err(StoreError::database("read notifications"))
        })
        .await
    }

    /// Records that a notification is tried, before it is. `None` if there is nothing to try any more.
    pub async fn try_notification(&self, id: String) -> Result<Option<Notification>, StoreError> {
        self.write(move |db| begin(db, &id).map_err(StoreError::database("begin a notification"))).await
    }

    /// Records what came of a try, or a whole notification that was never queued.
    pub async fn put_notification(&self, notification: Notification) -> Result<(), StoreError> {
        self.write(move |db| put(db, &notification).map_err(StoreError::database("keep a notification")))
            .await
    }

    /// Notifications, the newest first.
    pub async fn notifications(&self, limit: u32) -> Result<Vec<Notification>, StoreError> {
        self.read(move |db| {
            bodies(db, "SELECT body FROM notifications ORDER BY due DESC, id DESC LIMIT ?1", i64::from(limit))
        })
        .await
    }

    /// How many wait to be sent, by receiver.
    pub async fn pending_notifications(&self) -> Result<BTreeMap<ReceiverName, u64>, StoreError> {
        self.read(pending).await
    }
}

fn alerts(db: &Connection) -> Result<BTreeMap<AlertKey, AlertFacts>, StoreError> {
    let failed = || StoreError::database("read alerts");
    let mut statement = db.prepare_cached("SELECT key, facts FROM alerts").map_err(failed())?;
    let rows = statement.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed())?;
    // A line that is not understood is of another driftless: what it told is told again.
    let read = |(key, facts): (String, String)| Some((key.parse().ok()?, serde_json::from_str(&facts).ok()?));
    Ok(rows.into_iter().filter_map(read).collect())
}

fn keep(db: &Connection, facts: &[(AlertKey, Option<AlertFacts>)]) -> rusqlite::Result<()> {
    for (key, facts) in facts {
        match facts {
            Some(facts) => db
                .prepare_cached("INSERT OR REPLACE INTO alerts (key, facts) VALUES (?1, ?2)")?
                .execute((key.to_string(), json(facts)))?,
            None => db.prepare_cached("DELETE FROM alerts WHERE key = ?1")?.execute([key.to_string()])?,
        };
    }
    Ok(())
}

fn enqueue(db: &Connection, queue: &[Queued]) -> rusqlite::Result<()> {
    for it in queue {
        let Earlier { notices, due } = earlier(db, it)?;
        let new = Notification::new(it.receiver.clone(), due);
        let mut notification = match one(db, &new.id)? {
            Some(waiting) if is_untold(&waiting) => waiting,
            // It is on its way already, or a clock was set back: nothing is added to what somebody may have.
            Some(gone) => successor(db, &gone)?,
            None => new,
        };
        for notice in notices {
            notification.add(notice);
        }
        notification.add(it.notice.clone());
        put(db, &notification)?;
    }
    Ok(())
}

/// Whether it can still be added to: nobody can have got it.
fn is_untold(it: &Notification) -> bool {
    it.attempts == 0 && it.state == NotificationState::Pending
}

/// What has to be told of an alert before something new is, and when both are.
struct Earlier {
    notices: Vec<Notice>,
    due: Timestamp,
}

/// What waits until later than the new notice although it tells of the same alert: by a digest, for example. It is told
/// together with the new one. What may be on its way stays, and the new one waits for it.
fn earlier(db: &Connection, queued: &Queued) -> rusqlite::Result<Earlier> {
    let mut earlier = Earlier { notices: Vec::new(), due: queued.due };
    let mut statement = db.prepare_cached(
        "SELECT body FROM notifications WHERE state = 'pending' AND receiver = ?1 AND ?2 < due
            ORDER BY due, length(id), id",
    )?;
    let rows = statement.query_map(params![queued.receiver.as_str(), nanos(queued.due)], |row| row.get(0))?;
    for body in rows.collect::<Result<Vec<String>, _>>()? {
        let Ok(mut later) = serde_json::from_str::<Notification>(&body) else { continue };
        let same = |it: &Notice| it.alert.is_some() && it.alert == queued.notice.alert;
        if !later.notices.iter().any(same) {
            continue;
        }
        if !is_untold(&later) {
            earlier.due = earlier.due.max(later.due);
            continue;
        }
        let (moved, stay): (Vec<Notice>, Vec<Notice>) = later.notices.into_iter().partition(same);
        later.notices = stay;
        earlier.notices.extend(moved);
        if later.notices.is_empty() && later.left_out == 0 {
            db.prepare_cached("DELETE FROM notifications WHERE id = ?1")?.execute([&later.id])?;
        } else {
            put(db, &later)?;
        }
    }
    Ok(earlier)
}

/// The first that can still be added to, of those with the same receiver and time.
fn successor(db: &Connection, gone: &Notification) -> rusqlite::Result<Notification> {
    let mut number = 2;
    loop {
        let new = Notification::new(gone.receiver.clone(), gone.due);
        let id = format!("{}-{number}", new.id);
        match one(db, &id)? {
            Some(waiting) if is_untold(&waiting) => return Ok(waiting),
            Some(_) => number += 1,
            None => return Ok(Notification { id, ..new }),
        }
    }
}

fn one(db: &Connection, id: &str) -> rusqlite::Result<Option<Notification>> {
    let body: Option<String> = db
        .prepare_cached("SELECT body FROM notifications WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(body.and_then(|it| serde_json::from_str(&it).ok()))
}

fn put(db: &Connection, it: &Notification) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO notifications (id, receiver, due, state, next_try, ended_at, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        it.id,
        it.receiver.as_str(),
        nanos(it.due),
        it.state.as_str(),
        nanos(it.next_try),
        it.ended_at.map(nanos),
        json(it)
    ])?;
    Ok(())
}

fn begin(db: &Connection, id: &str) -> rusqlite::Result<Option<Notification>> {
    let Some(mut it) = one(db, id)?.filter(|it| it.state == NotificationState::Pending) else {
        return Ok(None);
    };
    it.attempts = it.attempts.saturating_add(1);
    put(db, &it)?;
    Ok(Some(it))
}

fn due(db: &Connection, now: Timestamp) -> Result<Vec<Notification>, StoreError> {
    let failed = || StoreError::database("read notifications");
    let mut statement = db
        .prepare_cached(
            "SELECT receiver, body FROM notifications WHERE state = 'pending' AND due <= ?1
                ORDER BY receiver, due, length(id), id",
        )
        .map_err(failed())?;
    let mut rows = statement.query([nanos(now)]).map_err(failed())?;
    let (mut due, mut queue) = (Vec::new(), Line::default());
    while let Some(row) = rows.next().map_err(failed())? {
        let receiver: String = row.get(0).map_err(failed())?;
        if receiver != queue.receiver {
            queue = Line { receiver, ..Line::default() };
        }
        if queue.kept_back {
            continue;
        }
        let body: String = row.get(1).map_err(failed())?;
        let Ok(notification) = serde_json::from_str::<Notification>(&body) else { continue };
        if queue.lets_pass(&notification) && notification.next_try <= now {
            due.push(notification);
        }
    }
    Ok(due)
}

/// What waits for one receiver, looked at from the oldest on.
#[derive(Default)]
struct Line {
    receiver: String,
    /// Nothing that comes after may go.
    kept_back: bool,
    /// What those tell of that have to go first.
    before: BTreeSet<AlertKey>,
}

impl Line {
    fn lets_pass(&mut self, next: &Notification) -> bool {
        let alerts: BTreeSet<&AlertKey> = next.notices.iter().filter_map(|it| it.alert.as_ref()).collect();
        let free = alerts.iter().all(|it| !self.before.contains(*it));
        self.kept_back = free && next.attempts < KEEPS_BACK;
        self.before.extend(alerts.into_iter().cloned());
        free
    }
}

fn bodies(db: &Connection, query: &str, argument: i64) -> Result<Vec<Notification>, StoreError> {
    let failed = || StoreError::database("read notifications");
    let mut statement = db.prepare_cached(query).map_err(failed())?;
    let rows = statement.query_map([argument], |row| row.get::<_, String>(0));
    let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed())?;
    Ok(rows.iter().filter_map(|it| serde_json::from_str(it).ok()).collect())
}

fn pending(db: &Connection) -> Result<BTreeMap<ReceiverName, u64>, StoreError> {
    let failed = || StoreError::database("count notifications");
    let mut statement = db
        .prepare_cached(
            "SELECT receiver, count(*) FROM notifications WHERE state = 'pending' GROUP BY receiver",
        )
        .map_err(failed())?;
    let rows = statement.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get(1).map(uncount)?)));
    let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed())?;
    Ok(rows.into_iter().filter_map(|(name, number)| Some((name.parse().ok()?, number))).collect())
}

/// Forgets notifications that ended long ago, and the oldest of too many. Never one that waits.
pub(super) fn forget(db: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    let limit = nanos(now.saturating_sub(KEPT_FOR).unwrap_or(Timestamp::MIN));
    let gone = db
        .prepare_cached(
            "DELETE FROM notifications WHERE ended_at IS NOT NULL AND (ended_at < ?1 OR id IN
                (SELECT id FROM notifications WHERE ended_at IS NOT NULL ORDER BY ended_at DESC LIMIT -1 OFFSET ?2))",
        )
        .and_then(|mut it| it.execute((limit, count(KEPT))))
        .map_err(StoreError::database("forget notifications"))?;
    Ok(gone as u64)
}
