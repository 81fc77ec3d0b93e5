//! The audit chain in the database. Records are written in the transaction of what they are about, and never removed.

mod access;
mod database;

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{count, json, nanos, timestamp, uncount};
use super::scope::condition;
use super::{StoreError, runs};
use crate::domain::audit::{
    AuditAction, AuditDraft, AuditHash, AuditHead, AuditPublicKey, AuditRecord, AuditedRun, Personal,
};
use crate::domain::{CommitHash, RunId, Scope, Timestamp};

pub use database::AuditDatabase;
pub(super) use database::verify;

/// How many records are read at once.
const PAGE: u32 = 1_000;

const COLUMNS: &str = "seq, at, action, object, commit_hash, run, detail, personal, prev, hash";

/// Which records are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// Only of this stack, source or `daemon`.
    pub object: Option<String>,
    /// Only of what is in this scope; `None` for all.
    pub scope: Option<Scope>,
    /// Only of this run.
    pub run: Option<RunId>,
    /// Only since then.
    pub since: Option<Timestamp>,
    /// Only from this number on.
    pub from: u64,
    /// Only of what this person did.
    pub actor: Option<String>,
    /// Only before this number.
    pub before: Option<u64>,
    /// At most so many; never more than 1,000.
    pub count: u32,
    /// The last ones instead of the first ones. Either way the older ones come first.
    pub newest: bool,
}

/// A record as it was found, or the reason why it is none.
pub type AuditRow = Result<AuditRecord, (u64, String)>;

/// What is known of the chain without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditState {
    /// How far it goes.
    pub head: AuditHead,
    /// The hash of its first record.
    pub first: Option<AuditHash>,
    /// The key that signs.
    pub key: Option<AuditPublicKey>,
    /// How far it went at the last checkpoint, and when that was signed.
    pub checkpoint: Option<(u64, Timestamp)>,
}

/// How far the chain goes.
pub(super) fn head(db: &Connection) -> rusqlite::Result<AuditHead> {
    let found = db
        .prepare_cached("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")?
        .query_row((), |row| Ok(AuditHead { size: uncount(row.get(0)?), hash: AuditHash(row.get(1)?) }))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Appends records, inside a transaction.
pub(super) fn append(db: &Connection, at: Timestamp, drafts: Vec<AuditDraft>) -> Result<(), StoreError> {
    if drafts.is_empty() {
        return Ok(());
    }
    let failed = || StoreError::database("write the audit chain");
    let mut head = head(db).map_err(failed())?;
    // As the column has it: the hash is over what is read back.
    let at = timestamp(nanos(at));
    for draft in drafts {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|_| StoreError::Chance)?;
        let record = AuditRecord::append(head, at, draft, &seed);
        head = record.head();
        insert(db, &record).map_err(failed())?;
    }
    Ok(())
}

pub(super) fn insert(db: &Connection, record: &AuditRecord) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(
        params![
            count(record.seq),
            nanos(record.at),
            record.action,
            record.object,
            record.commit.as_ref().map(CommitHash::as_str),
            record.run.map(|it| count(it.0)),
            record.detail.to_string(),
            json(&record.personal),
            record.prev.0,
            record.hash.0,
        ],
    )?;
    Ok(())
}

/// What is known of these runs, as far as they are recorded.
pub(super) fn known_runs(
    db: &Connection,
    runs: impl IntoIterator<Item = RunId>,
) -> Result<BTreeMap<RunId, AuditedRun>, StoreError> {
    let mut all = BTreeMap::new();
    for run in runs {
        let Some(known) = runs::one(db, run)? else { continue };
        let audited = AuditedRun {
            stack: known.spec.stack,
            commit: known.spec.revision.commit,
            mode: known.spec.mode,
            trigger: known.spec.trigger,
            hosts: known.hosts,
            ended: known.ending.is_some(),
        };
        all.insert(run, audited);
    }
    Ok(all)
}

/// Records, the older ones first.
pub(super) fn read(db: &Connection, filter: &AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
    let failed = || StoreError::database("read the audit chain");
    let order = if filter.newest { "DESC" } else { "ASC" };
    let seen = filter.scope.as_ref().map_or_else(|| "TRUE".to_owned(), |it| condition(it, "object"));
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE seq >= ?1 AND (?2 IS NULL OR object = ?2)
            AND (?3 IS NULL OR run = ?3) AND (?4 IS NULL OR at >= ?4) AND seq < ?6
            AND (?7 IS NULL OR json_extract(personal, '$.actor.text') = ?7) AND {seen}
            ORDER BY seq {order} LIMIT ?5"
    );
    let mut statement = db.prepare_cached(&sql).map_err(failed())?;
    let mut rows = statement
        .query(params![
            count(filter.from),
            filter.object,
            filter.run.map(|it| count(it.0)),
            filter.since.map(nanos),
            filter.count.min(PAGE),
            filter.before.map_or(i64::MAX, count),
            filter.actor,
        ])
        .map_err(failed())?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let seq = uncount(row.get(0).map_err(failed())?);
        found.push(record(row, seq).map_err(|what| (seq, what)));
    }
    if filter.newest {
        found.reverse();
    }
    Ok(found)
}

/// A row as a record, if every column is written as we write it: two ways to write the same would hide an edit.
fn record(row: &Row<'_>, seq: u64) -> Result<AuditRecord, String> {
    let strange = |column: &str| format!("its `{column}` is not written as it was recorded");
    let text = |at: usize, column: &str| match row.get_ref(at) {
        Ok(ValueRef::Text(text)) => String::from_utf8(text.to_vec()).map_err(|_| strange(column)),
        _ => Err(strange(column)),
    };
    let hash = |at: usize, column: &str| row.get(at).map(AuditHash).map_err(|_| strange(column));
    let seq_column: i64 = row.get(0).map_err(|_| strange("seq"))?;
    let run: Option<i64> = row.get(5).map_err(|_| strange("run"))?;
    if seq_column < 1 || run.is_some_and(|it| it < 0) {
        return Err(strange(if seq_column < 1 { "seq" } else { "run" }));
    }
    let commit = if matches!(row.get_ref(4), Ok(ValueRef::Null)) {
        None
    } else {
        let written = text(4, "commit")?;
        let commit = written.parse().ok().filter(|it: &CommitHash| it.as_str() == written);
        Some(commit.ok_or_else(|| strange("commit"))?)
    };
    let (detail, personal) = (text(6, "detail")?, text(7, "personal")?);
    let detail = serde_json::from_str(&detail)
        .ok()
        .filter(|it: &serde_json::Value| json(it) == detail)
        .ok_or_else(|| strange("detail"))?;
    let personal = serde_json::from_str(&personal)
        .ok()
        .filter(|it: &BTreeMap<String, Personal>| json(it) == personal)
        .ok_or_else(|| strange("personal"))?;
    Ok(AuditRecord {
        seq,
        at: timestamp(row.get(1).map_err(|_| strange("at"))?),
        action: text(2, "action")?,
        object: text(3, "object")?,
        commit,
        run: run.map(|it| RunId(uncount(it))),
        detail,
        personal,
        prev: hash(8, "prev")?,
        hash: hash(9, "hash")?,
    })
}

/// What is known of the chain without reading all of it.
pub(super) fn state(db: &Connection) -> Result<AuditState, StoreError> {
    let failed = || StoreError::database("read the audit chain");
    let first = db
        .prepare_cached("SELECT hash FROM audit ORDER BY seq LIMIT 1")
        .and_then(|mut it| it.query_row((), |row| row.get(0).map(AuditHash)).optional())
        .map_err(failed())?;
    let key: Option<String> = db
        .prepare_cached("SELECT detail FROM audit WHERE action = 'key_used' ORDER BY seq DESC LIMIT 1")
        .and_then(|mut it| it.query_row((), |row| row.get(0)).optional())
        .map_err(failed())?;
    let key = key.and_then(|it| serde_json::from_str::<serde_json::Value>(&it).ok());
    let checkpoint = db
        .prepare_cached("SELECT size, at FROM audit_checkpoints ORDER BY size DESC LIMIT 1")
        .and_then(|mut it| {
            it.query_row((), |row| Ok((uncount(row.get(0)?), timestamp(row.get(1)?)))).optional()
        })
        .map_err(failed())?;
    Ok(AuditState {
        head: head(db).map_err(failed())?,
        first,
        key: key.and_then(|it| it.get("key")?.as_str()?.parse().ok()),
        checkpoint,
    })
}

/// Keeps a checkpoint beside the chain, too.
pub(super) fn keep_checkpoint(
    db: &Connection,
    size: u64,
    at: Timestamp,
    note: &str,
) -> Result<(), StoreError> {
    let failed = || StoreError::database("record a checkpoint of the audit chain");
    db.prepare_cached("INSERT OR REPLACE INTO audit_checkpoints VALUES (?1, ?2, ?3)")
        .and_then(|mut it| it.execute(params![count(size), nanos(at), note]))
        .map_err(failed())?;
    // They vouch for nothing, so the last thousand are enough.
    db.prepare_cached(
        "DELETE FROM audit_checkpoints WHERE size < (SELECT min(size) FROM
            (SELECT size FROM audit_checkpoints ORDER BY size DESC LIMIT 1000))",
    )
    .and_then(|mut it| it.execute(()))
    .map_err(failed())?;
    Ok(())
}

/// Erases every personal text that names somebody, and records that. Returns how many texts were erased.
pub(super) fn erase(db: &Connection, at: Timestamp, name: &str, by: &str) -> Result<u64, StoreError> {
    let mut erased: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut filter = AuditFilter { count: PAGE, ..AuditFilter::default() };
    loop {
        let rows = read(db, &filter)?;
        let Some(last) = rows.last().map(|it| it.as_ref().map_or_else(|it| it.0, |it| it.seq)) else { break };
        let more = rows.len() / PAGE as usize;
        for mut record in rows.into_iter().flatten() {
            let named = record.personal.iter_mut().filter(|(_, it)| names(it, name));
            let fields: Vec<String> = named
                .map(|(field, personal)| {
                    personal.erase();
                    field.clone()
                })
                .collect();
            if !fields.is_empty() {
                db.execute(
                    "UPDATE audit SET personal = ?2 WHERE seq = ?1",
                    params![count(record.seq), json(&record.personal)],
                )
                .map_err(StoreError::database("erase a name in the audit chain"))?;
                erased.insert(record.seq.to_string(), fields);
            }
        }
        if more == 0 {
            break;
        }
        filter.from = last.saturating_add(1);
    }
    let texts = erased.values().map(|it| it.len() as u64).sum();
    if texts != 0 {
        let mut draft = AuditDraft::new(AuditAction::PersonalErased, "daemon").personal("actor", by);
        draft.detail = serde_json::json!({ "erased": erased });
        append(db, at, vec![draft])?;
    }
    Ok(texts)
}

/// Whether a text has the name as a word of its own.
fn names(personal: &Personal, name: &str) -> bool {
    let Some(text) = &personal.text else { return false };
    let part_of_word = |it: char| it.is_alphanumeric() || "_-.@".contains(it);
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_some_and(part_of_word);
        let after = text[at + name.len()..].chars().next().is_some_and(part_of_word);
        !before && !after
    })
}
