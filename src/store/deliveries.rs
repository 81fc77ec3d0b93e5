//! Deliveries of webhooks: which ones came, so that none counts twice. Never a body, never a signature.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::columns::{count, nanos, timestamp, uncount};
use super::{Store, StoreError};
use crate::domain::{
    CommitHash, Delivery, DeliveryKind, DeliveryResult, SourceName, Span, Timestamp, WebhookProvider, later,
};

/// How long a delivery is known: so long it does not count a second time.
pub(super) const KNOWN_FOR: Span = Span::from_hours(7 * 24);

/// At most so many are kept, the newest, whatever somebody with a secret sends.
const KEPT: u64 = 100_000;

/// A delivery as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedDelivery {
    /// The source whose receiver it came to.
    pub source: SourceName,
    /// Who sends there.
    pub provider: WebhookProvider,
    /// Its id with the forge.
    pub id: String,
    /// The event, as the forge calls it.
    pub event: String,
    /// The repository, as the forge calls it.
    pub repository: Option<String>,
    /// The branch that was pushed.
    pub reference: Option<String>,
    /// The commit that it named.
    pub commit: Option<CommitHash>,
    /// The size of its body, in bytes.
    pub bytes: u64,
    /// What became of it: accepted or ignored.
    pub result: DeliveryResult,
    /// When it came.
    pub at: Timestamp,
}

impl Store {
    /// Records an authentic delivery; durable when this returns. Whether it is new: one with its id came to the same
    /// source within seven days otherwise, and nothing is written.
    pub async fn deliver(
        &self,
        now: Timestamp,
        source: &SourceName,
        provider: WebhookProvider,
        delivery: Delivery,
        bytes: usize,
    ) -> Result<bool, StoreError> {
        let source = source.clone();
        self.write(move |db| {
            record(db, now, &source, provider, &delivery, bytes)
                .map_err(StoreError::database("record a delivery"))
        })
        .await
    }

    /// The newest deliveries, newest first.
    pub async fn deliveries(&self, limit: u32) -> Result<Vec<RecordedDelivery>, StoreError> {
        self.read(move |db| newest(db, limit)).await
    }
}

fn record(
    db: &Connection,
    now: Timestamp,
    source: &SourceName,
    provider: WebhookProvider,
    delivery: &Delivery,
    bytes: usize,
) -> rusqlite::Result<bool> {
    let known: Option<i64> = db
        .prepare_cached("SELECT at FROM deliveries WHERE source = ?1 AND id = ?2")?
        .query_row((source.as_str(), &delivery.id), |row| row.get(0))
        .optional()?;
    if known.is_some_and(|at| now < later(timestamp(at), KNOWN_FOR)) {
        return Ok(false);
    }
    let reference = match &delivery.kind {
        DeliveryKind::Push { reference } => Some(reference),
        _ => None,
    };
    let result = if delivery.is_hint() { DeliveryResult::Accepted } else { DeliveryResult::Ignored };
    db.prepare_cached(
        "INSERT OR REPLACE INTO deliveries
            (source, id, provider, event, repository, reference, commit_hash, bytes, result, at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute(params![
        source.as_str(),
        delivery.id,
        provider.as_str(),
        delivery.event,
        delivery.repository,
        reference,
        delivery.commit.as_ref().map(CommitHash::as_str),
        count(bytes as u64),
        result.as_str(),
        nanos(now),
    ])?;
    Ok(true)
}

fn newest(db: &Connection, limit: u32) -> Result<Vec<RecordedDelivery>, StoreError> {
    let failed = || StoreError::database("read deliveries");
    let mut statement = db
        .prepare_cached(
            "SELECT source, id, provider, event, repository, reference, commit_hash, bytes, result, at
                FROM deliveries ORDER BY seq DESC LIMIT ?1",
        )
        .map_err(failed())?;
    let rows = statement.query_map([limit], |row| {
        let words = [row.get::<_, String>(0)?, row.get(2)?, row.get(8)?];
        let commit: Option<String> = row.get(6)?;
        Ok(parsed(&words).map(|(source, provider, result)| RecordedDelivery {
            source,
            provider,
            id: row.get(1).unwrap_or_default(),
            event: row.get(3).unwrap_or_default(),
            repository: row.get(4).unwrap_or_default(),
            reference: row.get(5).unwrap_or_default(),
            commit: commit.and_then(|it| it.parse().ok()),
            bytes: row.get(7).map(uncount).unwrap_or_default(),
            result,
            at: row.get(9).map(timestamp).unwrap_or_default(),
        }))
    });
    let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed())?;
    // A row with a word that is not known any more is of an older driftless, and soon gone.
    Ok(rows.into_iter().flatten().collect())
}

fn parsed(words: &[String; 3]) -> Option<(SourceName, WebhookProvider, DeliveryResult)> {
    let [source, provider, result] = words;
    let result = DeliveryResult::ALL.into_iter().find(|it| it.as_str() == result)?;
    Some((source.parse().ok()?, WebhookProvider::of(provider)?, result))
}

/// Forgets those that are not known any more, and the oldest of too many.
pub(super) fn forget(db: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    let limit = nanos(now.saturating_sub(KNOWN_FOR).unwrap_or(Timestamp::MIN));
    let gone = db
        .prepare_cached(
            "DELETE FROM deliveries WHERE at < ?1 OR seq <= (SELECT max(seq) FROM deliveries) - ?2",
        )
        .and_then(|mut it| it.execute((limit, count(KEPT))))
        .map_err(StoreError::database("forget deliveries"))?;
    Ok(gone as u64)
}
