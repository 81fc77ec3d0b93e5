//! Tokens and sessions: hashes, and what they are good for. What they prove is decided at the gate.

use rusqlite::{Connection, Row, params};

use super::columns::{json, nanos, timestamp, word};
use super::{Store, StoreError, audit, runs};
use crate::domain::audit::AuditDraft;
use crate::domain::session::LIFE;
use crate::domain::{RunId, Scope, SecretHash, Session, StackId, Timestamp, Token, TokenId};

const TOKEN: &str =
    "id, name, hash, role, scope, created_at, created_by, expires_at, used_at, revoked_at, revoked_by";
const SESSION: &str = "hash, name, role, scope, token, opened_at, seen_at";

impl Store {
    /// All tokens, and the sessions that may not be over.
    pub async fn access(&self, now: Timestamp) -> Result<(Vec<Token>, Vec<Session>), StoreError> {
        self.read(move |db| Ok((tokens(db)?, sessions(db, now)?))).await
    }

    /// Records a new token.
    pub async fn token_made(&self, token: Token, record: AuditDraft) -> Result<(), StoreError> {
        self.write(move |db| {
            insert_token(db, &token).map_err(StoreError::database("record a token"))?;
            audit::append(db, token.created_at, vec![record])
        })
        .await
    }

    /// Records that a token was revoked. Goes on while the disk is full: the token would be back after a restart.
    pub async fn token_revoked(&self, token: Token, record: AuditDraft) -> Result<(), StoreError> {
        self.make_room(move |db| {
            let Some((at, by)) = &token.revoked else { return Ok(()) };
            db.prepare_cached("UPDATE tokens SET revoked_at = ?2, revoked_by = ?3 WHERE id = ?1")
                .and_then(|mut it| it.execute(params![token.id.as_str(), nanos(*at), by]))
                .and_then(|_| {
                    db.prepare_cached("DELETE FROM sessions WHERE token = ?1")?.execute([token.id.as_str()])
                })
                .map_err(StoreError::database("revoke a token"))?;
            audit::append(db, *at, vec![record.clone()])
        })
        .await
    }

    /// Records when a token was last used.
    pub async fn token_used(&self, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |db| {
            db.prepare_cached("UPDATE tokens SET used_at = ?2 WHERE id = ?1")
                .and_then(|mut it| it.execute(params![id.as_str(), nanos(at)]))
                .map_err(StoreError::database("record the use of a token"))?;
            Ok(())
        })
        .await
    }

    /// Records a new session, and forgets those that are over.
    pub async fn session_opened(&self, session: Session, record: AuditDraft) -> Result<(), StoreError> {
        self.write(move |db| {
            let over = session.opened_at.saturating_sub(LIFE).unwrap_or(Timestamp::MIN);
            db.prepare_cached("DELETE FROM sessions WHERE opened_at < ?1")
                .and_then(|mut it| it.execute([nanos(over)]))
                .and_then(|_| insert_session(db, &session))
                .map_err(StoreError::database("record a session"))?;
            audit::append(db, session.opened_at, vec![record])
        })
        .await
    }

    /// Records when a session was last used.
    pub async fn session_used(&self, hash: SecretHash, at: Timestamp) -> Result<(), StoreError> {
        self.write(move |db| {
            db.prepare_cached("UPDATE sessions SET seen_at = ?2 WHERE hash = ?1")
                .and_then(|mut it| it.execute(params![hash.0, nanos(at)]))
                .map_err(StoreError::database("record the use of a session"))?;
            Ok(())
        })
        .await
    }

    /// Forgets a session. Goes on while the disk is full: it would be back after a restart.
    pub async fn session_closed(
        &self,
        hash: SecretHash,
        at: Timestamp,
        record: AuditDraft,
    ) -> Result<(), StoreError> {
        self.make_room(move |db| {
            db.prepare_cached("DELETE FROM sessions WHERE hash = ?1")
                .and_then(|mut it| it.execute([hash.0]))
                .map_err(StoreError::database("end a session"))?;
            audit::append(db, at, vec![record.clone()])
        })
        .await
    }

    /// The stack that a run is of; `None` if there is no such run.
    pub async fn stack_of(&self, run: RunId) -> Result<Option<StackId>, StoreError> {
        self.read(move |db| runs::stack(db, run)).await
    }
}

fn insert_token(db: &Connection, token: &Token) -> rusqlite::Result<usize> {
    let (revoked_at, revoked_by) = token.revoked.clone().unzip();
    db.prepare_cached(&format!(
        "INSERT INTO tokens ({TOKEN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    ))?
    .execute(params![
        token.id.as_str(),
        token.name.as_str(),
        token.hash.0,
        token.role.as_str(),
        json(&token.scope),
        nanos(token.created_at),
        token.created_by,
        nanos(token.expires_at),
        token.used_at.map(nanos),
        revoked_at.map(nanos),
        revoked_by,
    ])
}

fn insert_session(db: &Connection, session: &Session) -> rusqlite::Result<usize> {
    db.prepare_cached(&format!("INSERT INTO sessions ({SESSION}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?
        .execute(params![
            session.hash.0,
            session.name,
            session.role.as_str(),
            json(&session.scope),
            session.token.as_ref().map(TokenId::as_str),
            nanos(session.opened_at),
            nanos(session.seen_at),
        ])
}

fn tokens(db: &Connection) -> Result<Vec<Token>, StoreError> {
    let failed = || StoreError::database("read the tokens");
    let mut statement = db.prepare_cached(&format!("SELECT {TOKEN} FROM tokens")).map_err(failed())?;
    let mut rows = statement.query(()).map_err(failed())?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        tokens.push(token(row).map_err(failed())??);
    }
    Ok(tokens)
}

fn token(row: &Row<'_>) -> rusqlite::Result<Result<Token, StoreError>> {
    let id: String = row.get(0)?;
    let (name, role, scope): (String, String, String) = (row.get(1)?, row.get(3)?, row.get(4)?);
    let revoked: (Option<i64>, Option<String>) = (row.get(9)?, row.get(10)?);
    let rest = |id: TokenId| {
        Ok(Token {
            name: word("tokens", name)?,
            hash: SecretHash(row.get(2).map_err(StoreError::database("read a token"))?),
            role: word("tokens", role)?,
            scope: read_scope("tokens", &scope)?,
            created_at: timestamp(row.get(5).unwrap_or_default()),
            created_by: row.get(6).unwrap_or_default(),
            // What cannot be read has expired.
            expires_at: timestamp(row.get(7).unwrap_or_default()),
            used_at: row.get::<_, Option<i64>>(8).unwrap_or_default().map(timestamp),
            revoked: revoked.0.map(|at| (timestamp(at), revoked.1.unwrap_or_default())),
            id,
        })
    };
    Ok(word("tokens", id).and_then(rest))
}

fn sessions(db: &Connection, now: Timestamp) -> Result<Vec<Session>, StoreError> {
    let failed = || StoreError::database("read the sessions");
    let over = now.saturating_sub(LIFE).unwrap_or(Timestamp::MIN);
    let mut statement = db
        .prepare_cached(&format!("SELECT {SESSION} FROM sessions WHERE opened_at > ?1"))
        .map_err(failed())?;
    let mut rows = statement.query([nanos(over)]).map_err(failed())?;
    let mut sessions = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        sessions.push(session(row).map_err(failed())??);
    }
    Ok(sessions)
}

fn session(row: &Row<'_>) -> rusqlite::Result<Result<Session, StoreError>> {
    let (role, scope): (String, String) = (row.get(2)?, row.get(3)?);
    let token: Option<String> = row.get(4)?;
    let (hash, name) = (SecretHash(row.get(0)?), row.get(1)?);
    let (opened_at, seen_at) = (timestamp(row.get(5)?), timestamp(row.get(6)?));
    let rest = |role| {
        Ok(Session {
            hash,
            name,
            role,
            scope: read_scope("sessions", &scope)?,
            token: token.map(|it| word("sessions", it)).transpose()?,
            opened_at,
            seen_at,
            closed: false,
        })
    };
    Ok(word("sessions", role).and_then(rest))
}

fn read_scope(table: &'static str, text: &str) -> Result<Scope, StoreError> {
    serde_json::from_str(text).map_err(StoreError::row(table, text))
}
