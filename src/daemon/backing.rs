//! Backups that somebody asked for, made beside everything else.

use std::io::{self, BufWriter, Write};

use axum::body::Bytes;
use tokio::sync::mpsc;

use crate::api::{BackupBody, ErrorBody, ErrorCode};
use crate::domain::audit::{AuditAction, AuditDraft};
use crate::domain::{Caller, Proof};
use crate::store::{BackupWanted, StoreError};
use crate::web::Download;

use super::clock;
use super::desk::Desk;

/// How much is handed over at once, in bytes.
const CHUNK: usize = 128 << 10;

/// How many chunks may wait for a slow reader.
const AHEAD: usize = 4;

/// Records that a backup is made, and begins it.
pub(super) async fn backup(desk: &Desk, body: BackupBody, by: &Caller) -> Result<Download, ErrorBody> {
    // All that the daemon knows: not for somebody who only has a token, which may have been taken elsewhere.
    if !matches!(by.proof, Proof::Socket { .. }) {
        let remedy = "use `driftless backup` on the control node";
        return Err(ErrorBody::new(ErrorCode::NotPermitted, "backups are made over the unix socket only")
            .remedy(remedy));
    }
    let mut draft = AuditDraft::new(AuditAction::BackedUp, "daemon").personal("actor", &by.name);
    draft.detail = serde_json::json!({ "logs": body.logs, "key": body.key });
    desk.store.audit(clock::now(), vec![draft]).await.map_err(|it| told(&it))?;
    let wanted = BackupWanted { logs: body.logs, key: body.key };
    let backup = desk.store.begin_backup(clock::now(), wanted).await.map_err(|it| told(&it))?;
    let (sender, chunks) = mpsc::channel(AHEAD);
    drop(tokio::task::spawn_blocking(move || {
        let out = BufWriter::with_capacity(CHUNK, Chunks(sender.clone()));
        match backup.write(out) {
            Ok(header) => tracing::info!(records = header.chain.size, "a backup was made"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a backup broke off");
                // Nobody may be reading any more, which is why it broke off then.
                drop(sender.blocking_send(Err(io::Error::other(error.to_string()))));
            }
        }
    }));
    Ok(Download { chunks })
}

fn told(error: &StoreError) -> ErrorBody {
    let code = match error {
        StoreError::BackupUnderWay => ErrorCode::Refused,
        _ => ErrorCode::Unavailable,
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message.push_str(": ");
        message.push_str(&error.to_string());
        cause = error.source();
    }
    ErrorBody::new(code, message).remedy(error.remedy())
}

/// Hands bytes over to whoever asked, as fast as they are taken.
struct Chunks(mpsc::Sender<io::Result<Bytes>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads it any more"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
