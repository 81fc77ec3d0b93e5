//! What the rest of the daemon asks of the audit chain.

use std::io::{Read as _, Write as _};

use super::{AuditFilter, AuditRow, AuditState, append, erase, keep_checkpoint, read, state, verify};
use crate::domain::audit::{AuditDraft, AuditKey, AuditPublicKey, Checkpoint, Faults, Verified};
use crate::domain::{Secret, Timestamp};
use crate::store::place::{private_file, sync_directory};
use crate::store::{Store, StoreError};

impl Store {
    /// Appends records of what is neither an event nor a decision. Those of [`journal`](Self::journal) are written
    /// by it, in the same transaction.
    pub async fn audit(&self, now: Timestamp, drafts: Vec<AuditDraft>) -> Result<(), StoreError> {
        self.write(move |db| append(db, now, drafts)).await
    }

    /// Records of the audit chain, the older ones first.
    pub async fn audit_records(&self, filter: AuditFilter) -> Result<Vec<AuditRow>, StoreError> {
        self.read(move |db| read(db, &filter)).await
    }

    /// What is known of the audit chain without reading all of it.
    pub async fn audit_state(&self) -> Result<AuditState, StoreError> {
        self.read(state).await
    }

    /// Verifies the whole audit chain, against these checkpoints and those that are kept beside it.
    pub async fn audit_verify(
        &self,
        checkpoints: Vec<Checkpoint>,
        key: Option<AuditPublicKey>,
    ) -> Result<Result<Verified, Faults>, StoreError> {
        self.read(move |db| verify(db, checkpoints, key)).await
    }

    /// Keeps a checkpoint beside the chain. It shows what is done carelessly; one that is kept elsewhere shows more.
    pub async fn audit_checkpointed(&self, size: u64, at: Timestamp, note: String) -> Result<(), StoreError> {
        self.write(move |db| keep_checkpoint(db, size, at, &note)).await
    }

    /// Erases every text of the chain that names somebody, and records who wanted that. The chain holds as before.
    /// Returns how many texts were erased.
    pub async fn audit_erase(&self, now: Timestamp, name: String, by: String) -> Result<u64, StoreError> {
        self.write(move |db| erase(db, now, &name, &by)).await
    }

    /// The key of the state directory, which is made if it is not there. Blocks shortly.
    pub fn audit_key(&self) -> Result<AuditKey, StoreError> {
        let path = self.place.audit_key();
        let mut file = private_file().truncate(false).open(&path).map_err(StoreError::file("open", &path))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(StoreError::file("read", &path))?;
        if text.trim().is_empty() {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|_| StoreError::Chance)?;
            let key = AuditKey::from_seed(&seed);
            zeroize::Zeroize::zeroize(&mut seed);
            writeln!(file, "{}", key.to_text().expose())
                .and_then(|()| file.sync_all())
                .map_err(StoreError::file("write", &path))?;
            sync_directory(self.place.dir())?;
            return Ok(key);
        }
        AuditKey::from_text(&Secret::new(text))
            .map_err(|it| StoreError::file("use", &path)(std::io::Error::other(it)))
    }
}
