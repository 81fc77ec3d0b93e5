//! What is told of the audit chain: the store's words in the API's types.

use std::sync::PoisonError;

use crate::api::{AuditList, AuditQuery, UnreadableRecord};
use crate::domain::Scope;
use crate::metrics::AuditFacts;
use crate::store::{AuditFilter, Store, StoreError};

use super::desk::Flags;

/// Records, the older ones first.
pub(super) async fn list(store: &Store, query: AuditQuery, scope: Scope) -> Result<AuditList, StoreError> {
    let filter = AuditFilter {
        object: query.object,
        scope: Some(scope),
        run: query.run,
        since: query.since,
        from: query.from.unwrap_or_default(),
        actor: query.actor,
        before: query.before,
        count: query.count.unwrap_or(AuditQuery::MOST),
        newest: query.newest,
    };
    let mut list = AuditList::default();
    for row in store.audit_records(filter).await? {
        match row {
            Ok(record) => list.records.push(record),
            Err((seq, what)) => list.unreadable.push(UnreadableRecord { seq, what }),
        }
    }
    Ok(list)
}

/// For metrics; `None` if the store cannot be read now.
pub(super) async fn facts(store: &Store, flags: &Flags) -> Option<AuditFacts> {
    let state = store.audit_state().await.ok()?;
    let verdict = flags.audit.lock().unwrap_or_else(PoisonError::into_inner);
    Some(AuditFacts {
        records: state.head.size,
        holds: verdict.as_ref().map(Result::is_ok),
        last_checkpoint: state.checkpoint.map(|(_, at)| at),
    })
}

/// What was done, as a sentence.
pub(super) fn erased(texts: u64) -> String {
    match texts {
        0 => "nothing in the audit chain has this name".to_owned(),
        1 => "1 text was erased, and a record says so; backups and exports still have it".to_owned(),
        texts => {
            format!("{texts} texts were erased, and a record says so; backups and exports still have them")
        }
    }
}
