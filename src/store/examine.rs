//! Looks at a store from outside, whether or not a daemon uses it. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use super::columns::timestamp;
use super::{AuditDatabase, StoreError, migrations};
use crate::domain::{HostLedger, RuntimeSpec, SourceFacts, StackId, Timestamp};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// What the quick check says, if not that all is well.
    pub damage: Option<String>,
    /// The format of the database.
    pub format: u32,
    /// The newest that is known here.
    pub known: u32,
    /// How many records the audit chain has, or its first fault.
    pub chain: Result<u64, String>,
    /// When the newest line of the journal was written.
    pub newest: Option<Timestamp>,
    /// The machines of all hosts that were ever reached, by the name in their inventory.
    pub machines: BTreeMap<String, String>,
    /// The stacks whose admitted commit declares an Ansible of its own.
    pub managed: BTreeSet<StackId>,
}

/// Examines the database of the store in `dir`.
pub fn examine(dir: &Path) -> Result<Examination, StoreError> {
    let audit = AuditDatabase::open(&dir.join("driftless.db"))?;
    let db = audit.connection();
    let damage = match db.query_row("PRAGMA quick_check(1)", (), |row| row.get::<_, String>(0)) {
        Ok(answer) if answer == "ok" => None,
        Ok(answer) => Some(answer),
        Err(error) => Some(error.to_string()),
    };
    let failed = || StoreError::database("examine the database");
    let (format, _, _) = migrations::facts(db).map_err(failed())?;
    let known = migrations::STEPS.last().map_or(0, |it| it.number);
    let mut examined = Examination {
        damage,
        format,
        known,
        chain: Ok(0),
        newest: None,
        machines: BTreeMap::new(),
        managed: BTreeSet::new(),
    };
    if examined.damage.is_some() || known < format {
        return Ok(examined);
    }
    examined.newest = db
        .query_row("SELECT at FROM journal ORDER BY seq DESC LIMIT 1", (), |row| row.get(0).map(timestamp))
        .optional()
        .map_err(failed())?;
    let mut statement = db.prepare("SELECT host, facts FROM ledger").map_err(failed())?;
    let rows = statement.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    for row in rows.map_err(failed())? {
        let (host, facts) = row.map_err(failed())?;
        let ledger: HostLedger = serde_json::from_str(&facts).map_err(StoreError::row("ledger", &host))?;
        if let Some(machine) = ledger.lock {
            examined.machines.insert(host, machine.to_string());
        }
    }
    drop(statement);
    examined.managed = managed(db)?;
    // Before format 5 there was no chain.
    if 5 <= format {
        examined.chain = audit.verify(Vec::new(), None)?.map(|it| it.head.size).map_err(|faults| {
            faults.faults.first().map_or_else(|| "it has a fault".to_owned(), ToString::to_string)
        });
    }
    Ok(examined)
}

fn managed(db: &Connection) -> Result<BTreeSet<StackId>, StoreError> {
    let failed = || StoreError::database("examine the database");
    let mut statement = db.prepare("SELECT name, facts FROM sources").map_err(failed())?;
    let rows = statement.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let mut managed = BTreeSet::new();
    for row in rows.map_err(failed())? {
        let (name, facts) = row.map_err(failed())?;
        let facts: SourceFacts = serde_json::from_str(&facts).map_err(StoreError::row("sources", &name))?;
        let stacks = facts.head.into_iter().flat_map(|it| it.declaration.stacks);
        managed.extend(stacks.filter(|it| it.runtime != RuntimeSpec::System).map(|it| it.id));
    }
    Ok(managed)
}
